//! Fields of outbound requests of extensions, and of the responses to them.

use super::remove_hop_by_hop;
use alga_limits::{HEADER_BYTES, HEADERS};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName};

/// Response fields that an upstream sends for browsers or about credentials; an extension could
/// only leak them.
const NEVER_INWARD: [HeaderName; 4] = [
    SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    AUTHORIZATION,
    HeaderName::from_static("alt-svc"),
];

/// Error of header fields that cannot be sent or accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The message has too many fields, or too many bytes of them.
    #[error("a message has at most 100 headers and 32 KiB of them")]
    TooMany,
    /// The `content-length` is not exactly one number (RFC 9110, 8.6).
    #[error("content-length must be exactly one number")]
    Length,
}

/// Removes the fields of an outbound request that the connection sets by itself or that an
/// extension may not set, and returns the length that the guest declared for its body.
///
/// # Errors
/// Returns [`FieldError::Length`] for an invalid `content-length`, [`FieldError::TooMany`] for
/// headers over a limit.
pub fn outbound_request(headers: &mut HeaderMap) -> Result<Option<u64>, FieldError> {
    remove_hop_by_hop(headers);
    headers.remove(HOST);
    // A guest that waits for `100 Continue` would wait for a response that wasi:http cannot
    // deliver.
    headers.remove(EXPECT);
    let length = content_length(headers)?;
    headers.remove(CONTENT_LENGTH);
    check_size(headers)?;
    Ok(length)
}

/// Removes the fields of an upstream's response that guests must not receive.
///
/// # Errors
/// Returns [`FieldError::TooMany`] for headers over a limit.
pub fn inbound_response(headers: &mut HeaderMap) -> Result<(), FieldError> {
    check_size(headers)?;
    remove_hop_by_hop(headers);
    for name in NEVER_INWARD {
        headers.remove(name);
    }
    Ok(())
}

/// Returns the bytes of all fields, names and values.
#[must_use]
pub fn field_bytes(headers: &HeaderMap) -> u64 {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().len() + value.len()) as u64)
        .sum()
}

fn check_size(headers: &HeaderMap) -> Result<(), FieldError> {
    if headers.len() > HEADERS || field_bytes(headers) > HEADER_BYTES as u64 {
        return Err(FieldError::TooMany);
    }
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, FieldError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    match (length, values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(FieldError::Length),
    }
}
