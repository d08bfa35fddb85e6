//! The error type of handlers. Every variant maps to an HTTP status, so a handler can propagate
//! errors with `?`.

use crate::Response;

/// The result of a handler.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Error of a handler, sent as `{"error": code, "message": text}` with the status named at the
/// variant.
#[derive(Debug)]
pub enum Error {
    /// Malformed request for this endpoint (400).
    BadRequest(String),
    /// Action that the extension, its install or the user is not permitted to do (403). The text
    /// names the line to add; it is logged and not sent to the client.
    Denied(String),
    /// Requested item that does not exist (404).
    NotFound(String),
    /// Item that was modified concurrently, or already exists (409).
    Conflict(String),
    /// Well-formed request with a field that violates a rule (422).
    Invalid(String),
    /// Body that is larger than this endpoint accepts (413).
    TooLarge(String),
    /// Storage quota or write rate of the install exceeded (507).
    StorageFull(String),
    /// Service that did not respond in time (503). A retry may succeed.
    Unavailable(String),
    /// Error of the extension itself (500). The text is logged and not sent to the client.
    Internal(String),
}

impl Error {
    /// Returns the HTTP status, the stable code, and the message for the client.
    fn parts(&self) -> (u16, &'static str, &str) {
        match self {
            Self::BadRequest(text) => (400, "bad_request", text),
            Self::Denied(_) => (403, "denied", "not permitted; see the extension's log"),
            Self::NotFound(text) => (404, "not_found", text),
            Self::Conflict(text) => (409, "conflict", text),
            Self::Invalid(text) => (422, "invalid", text),
            Self::TooLarge(text) => (413, "too_large", text),
            Self::StorageFull(text) => (507, "storage_full", text),
            Self::Unavailable(text) => (503, "unavailable", text),
            Self::Internal(_) => (500, "internal", "the extension failed; see its log"),
        }
    }

    /// Converts the error to the response that the client receives.
    #[must_use]
    pub fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let body = serde_json::json!({ "error": code, "message": message });
        Response::status(status).with_body("application/json", body.to_string())
    }

    /// Returns the text for the log if the client must not see it.
    pub(crate) fn secret_text(&self) -> Option<&str> {
        match self {
            Self::Internal(text) | Self::Denied(text) => Some(text),
            _ => None,
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (status, code, message) = self.parts();
        write!(formatter, "{status} {code}: {}", self.secret_text().unwrap_or(message))
    }
}

impl std::error::Error for Error {}

/// Maps to [`Error::Internal`]: a value of the extension that is not valid JSON is an error of the
/// extension. JSON from a client is parsed by [`crate::Request::json`], which returns
/// [`Error::BadRequest`].
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("JSON serialization or deserialization failed: {error}"))
    }
}
