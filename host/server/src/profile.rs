//! `GET /v1/profile/{tenant}`: samples of an install's guests, as a profile of the Firefox
//! Profiler, for principals that may read the tenant's installs.

use crate::live::{Live, tenant_id};
use alga_errors::{Code, Problem};
use alga_execute::Profiling;
use alga_http::Refusal;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

/// Seconds of a profile: less than the time after which proxies end a response that does not begin.
const SECONDS: RangeInclusive<u64> = 1..=60;

/// Time for a client to receive a profile.
const SENDING: Duration = Duration::from_secs(60);
/// Bytes of a profile that are handed on at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Builds the route.
pub(crate) fn router(live: Live) -> Router {
    Router::new()
        .route("/v1/profile/{tenant}", get(profile))
        .with_state(live)
}

#[derive(Deserialize)]
struct Wanted {
    install: String,
    seconds: u64,
}

/// Samples the executions of an install that begin in this time. Ends early if the client leaves.
async fn profile(
    State(live): State<Live>,
    Path(tenant): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    live.check(&headers, &tenant).await?;
    let tenant = tenant_id(&tenant)?;
    if !SECONDS.contains(&wanted.seconds) {
        let message = format!("`seconds` is from {} to {}", SECONDS.start(), SECONDS.end());
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let install = live.install(&tenant, &wanted.install).await?;
    let profiling = live
        .runner
        .profiles()
        .start(&tenant, &install.id, install.name.as_str())?;
    tokio::time::sleep(Duration::from_secs(wanted.seconds)).await;
    // Writing megabytes lasts a while.
    let finished = spawn_blocking(move || (profiling.finish(), profiling)).await;
    let (finished, profiling) = finished.map_err(Problem::internal)?;
    let finished = finished.map_err(Problem::internal)?;
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_LENGTH, finished.json.len().into()),
        (
            HeaderName::from_static("x-alga-executions"),
            profiling.executions().into(),
        ),
        (HeaderName::from_static("x-alga-samples"), finished.samples.into()),
        (
            HeaderName::from_static("x-alga-samples-left-out"),
            finished.left_out.into(),
        ),
    ];
    Ok((fields, sent(finished.json.into(), profiling)).into_response())
}

/// Returns a body that is sent piece by piece. It is in memory until it was sent, so it belongs to
/// the profiles of which there are few, and ends after a while: a client that does not read it gets
/// less than the length that the response has.
fn sent(json: Bytes, profiling: Profiling) -> Body {
    let (pieces, received) = mpsc::channel(1);
    tokio::spawn(send(json, pieces, Instant::now() + SENDING, profiling));
    let pieces = stream::unfold(received, |mut received| async {
        let piece = received.recv().await?;
        Some((Ok::<_, Infallible>(piece), received))
    });
    Body::from_stream(pieces)
}

/// Hands the pieces on. The place of the profile is free when the body ends.
async fn send(mut json: Bytes, pieces: mpsc::Sender<Bytes>, until: Instant, _profiling: Profiling) {
    while !json.is_empty() {
        let piece = json.split_to(json.len().min(PIECE_BYTES));
        if !matches!(timeout_at(until, pieces.send(piece)).await, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_execute::Profiles;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_profile_that_its_client_does_not_read_ends_and_another_one_can_begin() {
        let profiles = Arc::<Profiles>::default();
        let (tenant, install) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
        let profiling = profiles.start(&tenant, &install, "first").unwrap();
        let json = Bytes::from(vec![b' '; 4 * PIECE_BYTES]);
        let (pieces, mut received) = mpsc::channel(1);
        let until = Instant::now() + Duration::from_millis(10);
        send(json, pieces, until, profiling).await;
        assert!(profiles.start(&tenant, &install, "second").is_ok());
        let first = received.recv().await.unwrap();
        assert_eq!(first.len(), PIECE_BYTES);
        assert!(received.recv().await.is_none());
    }
}
