use crate::{Blame, Code};
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// An error as it leaves the platform.
///
/// What is in `message` and `hint` may be read by the client; `source` never leaves, it goes to the operator's log.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    message: String,
    hint: Option<String>,
    retry_after_seconds: Option<u32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// An error with a sentence for the client.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retry_after_seconds: None,
            source: None,
        }
    }

    /// An error of ours. The client learns nothing but that; the operator gets the cause.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            Code::Internal,
            "the platform failed; its operator finds the cause by the request id",
        )
        .caused_by(source)
    }

    /// The same with a cure.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, saying when trying again makes sense.
    #[must_use]
    pub fn retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The same with its cause, for the operator.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cure, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// When trying again makes sense, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after_seconds
    }

    /// The body of the response that carries this.
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

/// `{code, message, blame, hint?, request_id}`.
#[derive(Debug, Clone, Serialize)]
pub struct Body<'a> {
    /// See [`Code::as_str`].
    pub code: &'static str,
    /// A sentence for people.
    pub message: &'a str,
    /// Whose fault.
    pub blame: Blame,
    /// The cure, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
    /// By which the operator finds the cause.
    pub request_id: &'a str,
}

/// `{error, message, requestId, hint?}`: the body that gateway and registry answer with.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientBody<'a> {
    /// See [`Code::as_str`].
    pub error: &'static str,
    /// A sentence for people.
    pub message: &'a str,
    /// By which the operator finds the cause.
    pub request_id: &'a str,
    /// The cure, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
}

impl Problem {
    /// The body of a response of gateway or registry.
    #[must_use]
    pub fn client_body<'a>(&'a self, request_id: &'a str) -> ClientBody<'a> {
        ClientBody {
            error: self.code.as_str(),
            message: &self.message,
            request_id,
            hint: self.hint(),
        }
    }
}
