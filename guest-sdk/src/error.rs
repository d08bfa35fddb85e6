//! The one error type of a handler. Every variant knows the HTTP status that it becomes, so `?` is enough.

use crate::Response;

/// The result of a handler.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a handler did not answer as asked. Becomes `{"error": code, "message": text}` with the status named here.
#[derive(Debug)]
pub enum Error {
    /// 400: the request is not one this endpoint understands.
    BadRequest(String),
    /// 403: the extension, its install or the user may not do this. The text says which line to add; it goes into the log, not to the client.
    Denied(String),
    /// 404: there is no such thing.
    NotFound(String),
    /// 409: the thing changed meanwhile, or exists already.
    Conflict(String),
    /// 422: understood, but a field breaks a rule.
    Invalid(String),
    /// 413: more than this endpoint takes.
    TooLarge(String),
    /// 507: the install's storage is full.
    StorageFull(String),
    /// 503: the platform did not answer in time; trying again may help.
    Unavailable(String),
    /// 500: the extension's own fault. The text goes into the log, not to the client.
    Internal(String),
}

impl Error {
    /// The HTTP status, the stable code, and what the client may read.
    fn parts(&self) -> (u16, &'static str, &str) {
        match self {
            Self::BadRequest(text) => (400, "bad_request", text),
            Self::Denied(_) => (403, "denied", "this is not permitted; the extension's log says why"),
            Self::NotFound(text) => (404, "not_found", text),
            Self::Conflict(text) => (409, "conflict", text),
            Self::Invalid(text) => (422, "invalid", text),
            Self::TooLarge(text) => (413, "too_large", text),
            Self::StorageFull(text) => (507, "storage_full", text),
            Self::Unavailable(text) => (503, "unavailable", text),
            Self::Internal(_) => (500, "internal", "the extension failed; its log says why"),
        }
    }

    /// The response that the client gets.
    #[must_use]
    pub fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let body = serde_json::json!({ "error": code, "message": message });
        Response::status(status).with_body("application/json", body.to_string())
    }

    /// The text for the log, where it is one that the client must not see.
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

/// A value of our own that does not fit JSON is a fault of the extension; JSON of a client is read with [`crate::Request::json`].
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("a value could not be turned into JSON or back: {error}"))
    }
}
