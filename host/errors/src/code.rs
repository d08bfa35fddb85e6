use serde::Serialize;

/// The party at fault for an error, which is also the one that can fix it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The sender of the request.
    Client,
    /// The extension's code at runtime.
    Guest,
    /// The publisher of the extension.
    Publisher,
    /// The tenant's administrator, who manages installs, grants and quotas.
    Tenant,
    /// The operator of this platform, who manages configuration and capacity.
    Operator,
    /// The platform itself (an internal error).
    Host,
}

impl Blame {
    /// Returns the party as written in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Guest => "guest",
            Self::Publisher => "publisher",
            Self::Tenant => "tenant",
            Self::Operator => "operator",
            Self::Host => "host",
        }
    }
}

/// Defines the codes once; names, statuses and blame are derived from this table.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:literal, $blame:ident; )+) => {
        /// A stable error code. Programs branch on it, so a code is never renamed and never changes
        /// its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $variant, )+ }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The code as written in responses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// The HTTP status of a response with this code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// The party at fault.
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
    /// The credential is missing or invalid.
    Unauthenticated = "unauthenticated", 401, Client;
    /// The credential is valid, but does not allow this.
    Forbidden = "forbidden", 403, Client;
    /// Token, header and body name different tenants, extensions, installs or contents.
    ContextMismatch = "context_mismatch", 403, Client;
    /// The component imports what this install was not granted.
    CapabilityDenied = "capability_denied", 403, Tenant;
    /// The endpoint or resource does not exist.
    NotFound = "not_found", 404, Client;
    /// The extension does not exist for this tenant, or is disabled.
    ExtensionNotAvailable = "extension_not_available", 404, Tenant;
    /// The resource does not support the method.
    MethodNotAllowed = "method_not_allowed", 405, Client;
    /// The client closed its connection before the response was complete; the status appears only
    /// in the log.
    ClientClosed = "client_closed", 499, Client;
    /// The request conflicts with the current state of the resource.
    Conflict = "conflict", 409, Client;
    /// The version was revoked.
    VersionRevoked = "version_revoked", 410, Publisher;
    /// The body exceeds its size limit.
    PayloadTooLarge = "payload_too_large", 413, Client;
    /// The request target is too long.
    UriTooLong = "uri_too_long", 414, Client;
    /// The requested range is outside of the file.
    RangeNotSatisfiable = "range_not_satisfiable", 416, Client;
    /// The bundle is not in canonical form, or exceeds a limit.
    BundleInvalid = "bundle_invalid", 422, Publisher;
    /// The manifest violates a rule.
    ManifestInvalid = "manifest_invalid", 422, Publisher;
    /// The component does not compile, or is of a kind that this platform does not run.
    ComponentInvalid = "component_invalid", 422, Publisher;
    /// The component imports what its manifest does not declare.
    CapabilityUndeclared = "capability_undeclared", 422, Publisher;
    /// The signature is missing, does not verify, or is not from a trusted key.
    SignatureRejected = "signature_rejected", 422, Publisher;
    /// The idempotency key was already used with another body.
    IdempotencyMismatch = "idempotency_mismatch", 422, Client;
    /// There are too many requests, concurrently or per second.
    RateLimited = "rate_limited", 429, Tenant;
    /// A quota of the tenant is used up.
    QuotaExceeded = "quota_exceeded", 429, Tenant;
    /// The header fields are too many or too long.
    HeadersTooLarge = "headers_too_large", 431, Client;
    /// The platform failed (an internal error).
    Internal = "internal", 500, Host;
    /// The guest's response is not valid HTTP, or exceeds a limit.
    InvalidGuestResponse = "invalid_guest_response", 502, Guest;
    /// The stored bundle does not match its hash, signature or proof, or an execution of it needs
    /// more slots than this runner gives to one install.
    BundleRejected = "bundle_rejected", 502, Operator;
    /// The guest trapped during the execution.
    GuestTrapped = "guest_trapped", 502, Guest;
    /// The guest executed more instructions than it may.
    FuelExhausted = "fuel_exhausted", 502, Guest;
    /// The guest exceeded its memory limit.
    MemoryLimit = "memory_limit", 502, Guest;
    /// The guest exceeded the limit of its tables.
    TableLimit = "table_limit", 502, Guest;
    /// The guest used up its stack.
    StackLimit = "stack_limit", 502, Guest;
    /// The guest called the host too often.
    HostCallLimit = "host_call_limit", 502, Guest;
    /// The guest passed too many bytes in one call to the host.
    CallBytesLimit = "call_bytes_limit", 502, Guest;
    /// The guest had too many handles open at once.
    HandleLimit = "handle_limit", 502, Guest;
    /// The guest created too many header fields, or too long ones.
    FieldLimit = "field_limit", 502, Guest;
    /// The bundle storage is unavailable, and the bundle is not cached.
    BundleUnavailable = "bundle_unavailable", 503, Operator;
    /// Revocation lists have stopped arriving; existing installs continue to run.
    RevocationsOverdue = "revocations_overdue", 503, Operator;
    /// The service that encrypts secrets is unavailable.
    SecretsUnavailable = "secrets_unavailable", 503, Operator;
    /// The extension crashed runners repeatedly, and does not execute for a while.
    Quarantined = "quarantined", 503, Guest;
    /// The database that counts quotas is unavailable, and the credit of this runner is used up.
    QuotaUnavailable = "quota_unavailable", 503, Operator;
    /// The runner is at capacity.
    Overloaded = "overloaded", 503, Operator;
    /// The host was too busy to compile the component in time; the component is not to blame.
    CompilerBusy = "compiler_busy", 503, Host;
    /// This process is shutting down.
    Draining = "draining", 503, Operator;
    /// The execution exceeded its deadline.
    DeadlineExceeded = "deadline_exceeded", 504, Guest;
}
