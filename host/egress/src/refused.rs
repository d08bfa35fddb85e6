//! Why a request was not sent, or its answer not taken.

use alga_http::policy::FieldError;

/// The request of a guest that went nowhere, or whose answer is not taken. The text is for the author; each says whose line to change.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EgressError {
    /// It is not a request that is sent from here.
    #[error("{0}")]
    Target(&'static str),
    /// The manifest does not declare the destination.
    #[error("the manifest does not declare this destination; add \"{0}\" to \"egress\" in manifest.json")]
    Undeclared(String),
    /// The tenant does not allow it.
    #[error("the install does not allow this destination; its tenant can: `alga installs set-terms … --egress {0}`")]
    NotAllowed(String),
    /// The operator does not allow it.
    #[error("this platform does not allow the destination {0}; its operator can, with EXT_EGRESS_ALLOWLIST")]
    NotAllowedByOperator(String),
    /// The name belongs to a network inside.
    #[error("`{0}` is a name of a network inside")]
    InternalName(String),
    /// An address of the name is not in the public internet.
    #[error("`{host}` has an address that is not in the public internet: {what}")]
    Address {
        /// The name.
        host: String,
        /// What the address is.
        what: &'static str,
    },
    /// A header that is not a guest's to set, or too many of them.
    #[error("{0}")]
    Field(FieldError),
    /// A body that is longer than its `content-length`.
    #[error("the body is longer than its content-length")]
    Length,
    /// More than a request's body may have.
    #[error("{0}")]
    TooLarge(&'static str),
    /// More than an answer's headers may have.
    #[error("{0}")]
    AnswerHeader(FieldError),
    /// More than an answer's body may have.
    #[error("{0}")]
    AnswerTooLarge(&'static str),
    /// More than an execution or an install may do.
    #[error("{0}")]
    TooMany(&'static str),
    /// The name has no address.
    #[error("the name could not be resolved")]
    Unresolved,
    /// Nobody answers there.
    #[error("no connection: {0}")]
    Connection(String),
    /// The other side's certificate is not one for this name.
    #[error("TLS: {0}")]
    Tls(String),
    /// What came is not HTTP, or it broke off.
    #[error("the connection broke off, or what came over it is not HTTP")]
    Protocol,
    /// The connection was not there in time.
    #[error("there was no connection in time")]
    ConnectTimeout,
    /// The answer, or more of it, was not there in time.
    #[error("there was no answer in time")]
    AnswerTimeout,
}

impl EgressError {
    /// Whether nothing was sent because a rule says so; otherwise something went wrong on the way.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(
            self,
            Self::Undeclared(_)
                | Self::NotAllowed(_)
                | Self::NotAllowedByOperator(_)
                | Self::InternalName(_)
                | Self::Address { .. }
        )
    }
}
