use crate::{Blame, Code};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// An error as it leaves the platform.
///
/// The client may read `message` and `hint`; `source` goes only to the operator's log.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    message: String,
    hint: Option<String>,
    retry_after_seconds: Option<u32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// Creates an error with a message for the client.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retry_after_seconds: None,
            source: None,
        }
    }

    /// Creates an internal error. The client learns nothing else; the operator gets the cause.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            Code::Internal,
            "internal error; the operator can find its cause in the log by the request id",
        )
        .caused_by(source)
    }

    /// Adds a hint with the remedy.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the time after which a retry makes sense.
    #[must_use]
    pub fn retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds the cause, for the operator's log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stable error code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The message for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The hint with the remedy, if any.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Time after which a retry makes sense, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after_seconds
    }

    /// The response body for this error, with its blame.
    #[must_use]
    pub fn body<'a>(&'a self, request_id: &'a str) -> Body<'a> {
        Body {
            code: self.code.as_str(),
            message: &self.message,
            blame: self.code.blame(),
            hint: self.hint(),
            request_id,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Response body with blame: `{code, message, blame, hint?, request_id}`.
#[derive(Debug, Clone, Serialize)]
pub struct Body<'a> {
    /// Stable error code, as of [`Code::as_str`].
    pub code: &'static str,
    /// Human-readable message of the error.
    pub message: &'a str,
    /// The party at fault.
    pub blame: Blame,
    /// The hint with the remedy, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
    /// Request id, by which the operator finds the cause in the log.
    pub request_id: &'a str,
}

/// Response body of gateway and registry: `{error, message, requestId, hint?}`. A client also reads
/// it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientBody<'a> {
    /// Stable error code, as of [`Code::as_str`].
    pub error: Cow<'a, str>,
    /// Human-readable message of the error.
    pub message: Cow<'a, str>,
    /// Request id, by which the operator finds the cause in the log.
    pub request_id: Cow<'a, str>,
    /// The hint with the remedy, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'a, str>>,
}

impl Problem {
    /// The response body of gateway and registry for this error.
    #[must_use]
    pub fn client_body<'a>(&'a self, request_id: &'a str) -> ClientBody<'a> {
        ClientBody {
            error: self.code.as_str().into(),
            message: self.message.as_str().into(),
            request_id: request_id.into(),
            hint: self.hint().map(Cow::Borrowed),
        }
    }
}
