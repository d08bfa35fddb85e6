use crate::HostKeyError;
use alga_auth::TokenError;
use alga_engine::{CacheError, EngineError};
use alga_gateway::UpstreamError;
use alga_secrets::SealError;
use alga_signing::{RevocationError, TrustError};
use alga_store::StoreError;
use std::path::PathBuf;

/// Error that prevents the server from starting.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant is the error of the component that it is named after"
)]
pub enum StartError {
    #[error("keys")]
    Secrets(#[from] HostKeyError),
    #[error("store")]
    Store(#[from] StoreError),
    #[error("engine")]
    Engine(#[from] EngineError),
    #[error("machine-code cache")]
    Cache(#[from] CacheError),
    #[error("threads for extensions")]
    GuestThreads(#[source] std::io::Error),
    #[error("tokens")]
    Tokens(#[from] TokenError),
    #[error("the client for the OpenID provider: {0}")]
    Provider(String),
    #[error("the client secret `{}` for the OpenID provider", path.display())]
    ClientSecret { path: PathBuf, source: std::io::Error },
    #[error("the address of a runner or of the registry")]
    Upstream(#[from] UpstreamError),
    #[error("the export of traces or of the log")]
    Export(#[from] alga_traces::ExportError),
    #[error("trust bundle")]
    Trust(#[from] TrustError),
    #[error("the trust bundle `{}`", path.display())]
    TrustFile { path: PathBuf, source: std::io::Error },
    #[error("egress")]
    Egress(#[source] alga_egress::PolicyError),
    #[error("TLS for egress: {0}")]
    Tls(String),
    #[error("the CA certificates in `{}`: {reason}", path.display())]
    Authorities { path: PathBuf, reason: String },
    #[error("the host application at `{0}`: {1}")]
    Platform(String, String),
    #[error("the credential `{}` for the host application", path.display())]
    PlatformToken { path: PathBuf, source: std::io::Error },
    #[error("sealing secrets")]
    Sealing(#[from] SealError),
    #[error("the token file `{}` of the secrets service", path.display())]
    VaultToken { path: PathBuf, source: std::io::Error },
    #[error(
        "the stored revocation list\nhint: if its key is no longer trusted, start with ALGA_REVOCATIONS=<a newer list, signed by a trusted key>"
    )]
    Revocations(#[from] RevocationError),
    #[error("the revocation list `{}`", path.display())]
    RevocationsFile { path: PathBuf, source: std::io::Error },
    #[error(
        "the database knows revocation list {database}, this host has seen {host}: the database was restored from an older backup\n\
         hint: restore a newer backup, or start once with ALGA_ADOPT_REVOCATIONS=true to write this host's list into it"
    )]
    RolledBack { database: u64, host: u64 },
}
