use serde::Serialize;

/// Whose fault an error is: who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// The extension's code, while it ran.
    Guest,
    /// Whoever published the extension.
    Publisher,
    /// The tenant's administrator: an install, a grant, a quota.
    Tenant,
    /// Whoever runs this platform: configuration, capacity.
    Operator,
    /// The platform itself.
    Host,
}

/// Defines the codes once; names, statuses and blame derive from this table.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:literal, $blame:ident; )+) => {
        /// A stable code. Programs branch on it, so a code is never renamed and never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $variant, )+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The code as it is written in responses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// The HTTP status that carries it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $( Self::$variant => Blame::$blame, )+ }
            }
        }
    };
}

codes! {
    /// The request itself is malformed.
    BadRequest = "bad_request", 400, Client;
    /// No credential, or one that does not hold.
    Unauthenticated = "unauthenticated", 401, Client;
    /// A valid credential that does not allow this.
    Forbidden = "forbidden", 403, Client;
    /// Token, header and body name different tenants, extensions, installs or contents.
    ContextMismatch = "context_mismatch", 403, Client;
    /// The component imports what this install was not granted.
    CapabilityDenied = "capability_denied", 403, Tenant;
    /// There is no such endpoint or resource.
    NotFound = "not_found", 404, Client;
    /// There is no such extension for this tenant, or it is disabled.
    ExtensionNotAvailable = "extension_not_available", 404, Tenant;
    /// The method is not one that this resource has.
    MethodNotAllowed = "method_not_allowed", 405, Client;
    /// The client closed its connection before the response was complete; the status is in the log alone.
    ClientClosed = "client_closed", 499, Client;
    /// Another value is there already.
    Conflict = "conflict", 409, Client;
    /// The version was revoked.
    VersionRevoked = "version_revoked", 410, Publisher;
    /// A body over its limit.
    PayloadTooLarge = "payload_too_large", 413, Client;
    /// A target that is too long to be read.
    UriTooLong = "uri_too_long", 414, Client;
    /// The bundle is not a canonical bundle within its limits.
    BundleInvalid = "bundle_invalid", 422, Publisher;
    /// The manifest breaks a rule.
    ManifestInvalid = "manifest_invalid", 422, Publisher;
    /// The component does not compile, or is not one that this platform runs.
    ComponentInvalid = "component_invalid", 422, Publisher;
    /// The component imports what its manifest does not declare.
    CapabilityUndeclared = "capability_undeclared", 422, Publisher;
    /// The signature is missing, does not verify, or is not from a trusted key.
    SignatureRejected = "signature_rejected", 422, Publisher;
    /// The same idempotency key came with another body.
    IdempotencyMismatch = "idempotency_mismatch", 422, Client;
    /// Too many requests at once or per second.
    RateLimited = "rate_limited", 429, Tenant;
    /// A quota of the tenant is used up.
    QuotaExceeded = "quota_exceeded", 429, Tenant;
    /// Header fields that are too many or too long to be read.
    HeadersTooLarge = "headers_too_large", 431, Client;
    /// Ours.
    Internal = "internal", 500, Host;
    /// The guest's answer is not HTTP, or over a limit.
    InvalidGuestResponse = "invalid_guest_response", 502, Guest;
    /// The stored bundle does not hold what its hash, signature or proof says.
    BundleRejected = "bundle_rejected", 502, Operator;
    /// The guest trapped.
    GuestTrapped = "guest_trapped", 502, Guest;
    /// The guest wanted more memory than it may have.
    MemoryLimit = "memory_limit", 502, Guest;
    /// The store did not answer and the bundle is not cached.
    BundleUnavailable = "bundle_unavailable", 503, Operator;
    /// Revocation lists have stopped arriving; what is installed runs on.
    RevocationsOverdue = "revocations_overdue", 503, Operator;
    /// The service that seals secrets does not answer.
    SecretsUnavailable = "secrets_unavailable", 503, Operator;
    /// Every place to execute is taken.
    Overloaded = "overloaded", 503, Operator;
    /// The host had no time left to compile the component; the component is not to blame.
    CompilerBusy = "compiler_busy", 503, Host;
    /// This process is about to stop.
    Draining = "draining", 503, Operator;
    /// The execution's time is over.
    DeadlineExceeded = "deadline_exceeded", 504, Guest;
}
