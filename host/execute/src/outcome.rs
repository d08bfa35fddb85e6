//! The result of an execution.

use crate::Usage;
use alga_errors::Problem;
use bytes::Bytes;
use http::HeaderMap;

/// Response of a guest, within the limits.
#[derive(Debug, Clone)]
pub struct GuestResponse {
    /// Status code from 200 to 599.
    pub status: u16,
    /// At most [`HEADERS`] header fields.
    pub headers: HeaderMap,
    /// At most [`BODY_BYTES`] bytes.
    pub body: Bytes,
}

/// Result and usage of an execution.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<GuestResponse, Problem>,
    pub(crate) usage: Usage,
}
