//! Errors of a request that was not sent, or whose response was refused.

use alga_http::policy::FieldError;

/// The error of an outbound request that was not sent or whose response was refused. The text is
/// for the extension's author; it names the setting that would allow the request, if there is one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EgressError {
    /// The target or the method is not allowed in an outbound request.
    #[error("{0}")]
    Target(&'static str),
    /// The manifest does not declare the destination.
    #[error("the manifest does not declare this destination; add \"{0}\" to \"egress\" in manifest.json")]
    Undeclared(String),
    /// The tenant does not allow the destination.
    #[error("the tenant's install does not allow this destination; run `alga installs set-terms … --egress {0}`")]
    NotAllowed(String),
    /// The operator does not allow the destination.
    #[error("this platform does not allow the destination {0}; its operator can allow it with EXT_EGRESS_ALLOWLIST")]
    NotAllowedByOperator(String),
    /// The host name is an internal one.
    #[error("`{0}` is an internal host name")]
    InternalName(String),
    /// An address of the name is not in the public internet.
    #[error("`{host}` has an address that is not in the public internet: {what}")]
    Address {
        /// The host name that was resolved.
        host: String,
        /// The kind of the address.
        what: &'static str,
    },
    /// The request has too many headers or an invalid `content-length`.
    #[error("{0}")]
    Field(FieldError),
    /// The body is longer than its `content-length`.
    #[error("the body is longer than its content-length")]
    Length,
    /// The request body exceeds its size limit.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The response has too many headers.
    #[error("{0}")]
    ResponseHeader(FieldError),
    /// The response body exceeds its size limit.
    #[error("{0}")]
    ResponseTooLarge(&'static str),
    /// A limit of the execution or of the install is reached.
    #[error("{0}")]
    TooMany(&'static str),
    /// The host name could not be resolved.
    #[error("the name could not be resolved")]
    Unresolved,
    /// The connection failed, for example because it was refused.
    #[error("no connection: {0}")]
    Connection(String),
    /// The TLS handshake failed, for example because the certificate is for another name.
    #[error("TLS: {0}")]
    Tls(String),
    /// The response is not valid HTTP, or the connection was reset.
    #[error("the connection was reset, or the response is not valid HTTP")]
    Protocol,
    /// The connection was not established in time.
    #[error("the connection was not established in time")]
    ConnectTimeout,
    /// The response head, or more of its body, did not arrive in time.
    #[error("the response did not arrive in time")]
    ResponseTimeout,
}

impl EgressError {
    /// Returns the kind of the error: `denied`, `timeout`, `limit` or `failed`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            denied if denied.is_denied() => "denied",
            Self::ConnectTimeout | Self::ResponseTimeout => "timeout",
            Self::TooLarge(_) | Self::ResponseTooLarge(_) | Self::TooMany(_) => "limit",
            _ => "failed",
        }
    }

    /// True if a rule denied the destination and nothing was sent; false for failures and exceeded
    /// limits.
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
