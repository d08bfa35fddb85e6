//! Outbound requests of extensions, and the responses to them.

use super::remove_hop_by_hop;
use alga_limits::{HEADER_BYTES, HEADERS};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName};

/// What an upstream tells a browser or about credentials, and an extension could only leak.
const NEVER_INWARD: [HeaderName; 4] = [
    SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    AUTHORIZATION,
    HeaderName::from_static("alt-svc"),
];

/// Header fields that cannot be sent or accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// More fields, or more bytes of them, than a message may have.
    #[error("a message has at most 100 headers and 32 KiB of them")]
    TooMany,
    /// `content-length` that is not one number (RFC 9110, 8.6).
    #[error("content-length is one number")]
    Length,
}

/// Removes from an outbound request what its connection sets by itself or an extension may not set, and returns
/// the length that the guest declared for its body.
///
/// # Errors
/// See [`FieldError`].
pub fn outbound_request(headers: &mut HeaderMap) -> Result<Option<u64>, FieldError> {
    remove_hop_by_hop(headers);
    headers.remove(HOST);
    // A guest that waits for `100 Continue` would wait for a response that wasi:http cannot give it.
    headers.remove(EXPECT);
    let length = content_length(headers)?;
    headers.remove(CONTENT_LENGTH);
    check_size(headers)?;
    Ok(length)
}

/// Removes from an upstream's response what is not for a guest.
///
/// # Errors
/// [`FieldError::TooMany`].
pub fn inbound_response(headers: &mut HeaderMap) -> Result<(), FieldError> {
    check_size(headers)?;
    remove_hop_by_hop(headers);
    for name in NEVER_INWARD {
        headers.remove(name);
    }
    Ok(())
}

/// Bytes of all fields, names and values.
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
