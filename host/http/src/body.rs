//! Reading of a body with a size limit and a deadline, and the shared mapping of body errors.

use alga_errors::{Code, Problem};
use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// Time in which a request body must arrive: a client that sends one byte per minute would hold a
/// connection and memory.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a whole body of at most `limit_bytes` within `longest`.
///
/// # Errors
/// Returns [`Code::PayloadTooLarge`] for more bytes, declared or sent; [`Code::BadRequest`] for
/// invalid framing (RFC 9112, 6 and 7.1), for a connection that was interrupted, and for a body
/// that does not arrive in time.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limit_bytes: usize,
    longest: Duration,
) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|bytes| bytes > limit_bytes as u64) {
        return Err(too_large(limit_bytes));
    }
    let read = timeout(longest, Limited::new(body, limit_bytes).collect()).await;
    let read = read.map_err(|_| Problem::new(Code::BadRequest, "the body did not arrive in time"))?;
    let collected = read.map_err(|error| read_failed(error, limit_bytes))?;
    Ok(collected.to_bytes())
}

/// Returns the length that `content-length` declares, if it is a number.
#[must_use]
pub fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Maps an error of reading a body to a problem, for all routes.
#[must_use]
pub fn read_failed(error: Box<dyn Error + Send + Sync>, limit_bytes: usize) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_large(limit_bytes);
        }
        cause = error.source();
    }
    Problem::new(
        Code::BadRequest,
        "the body was interrupted, or its chunks are not framed as HTTP requires",
    )
    .caused_by(error)
}

fn too_large(limit_bytes: usize) -> Problem {
    Problem::new(
        Code::PayloadTooLarge,
        format!("the body has more than {limit_bytes} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    async fn read(body: Body) -> Code {
        let read = read_body(&HeaderMap::new(), body, 4, Duration::from_millis(1)).await;
        read.map(|_| Code::Internal).unwrap_or_else(|problem| problem.code())
    }

    #[tokio::test]
    async fn too_large_broken_and_late_bodies_have_distinct_errors() {
        assert_eq!(read(Body::from("12345")).await, Code::PayloadTooLarge);
        let broken = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("invalid chunk")) });
        assert_eq!(read(Body::from_stream(broken)).await, Code::BadRequest);
        let never = futures_util::stream::pending::<Result<Bytes, io::Error>>();
        let late = read_body(&HeaderMap::new(), Body::from_stream(never), 4, Duration::from_millis(1)).await;
        assert!(late.unwrap_err().message().contains("in time"));
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_before_a_byte_is_read() {
        let never = futures_util::stream::pending::<Result<Bytes, io::Error>>();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, http::HeaderValue::from_static("5"));
        let refused = read_body(&headers, Body::from_stream(never), 4, Duration::MAX).await;
        assert_eq!(refused.unwrap_err().code(), Code::PayloadTooLarge);
    }
}
