//! Authentication and authorization: credentials, the principals that they identify, and the rights
//! of principals.
//!
//! | credential | identifies | issued by |
//! |---|---|---|
//! | service token | the gateway, to a runner: one execution context | the gateway, for 60 s |
//! | caller token | one user of one tenant | the host application (AlgaPSA), or `alga token` |
//! | API key | an operator, a publisher, or a service of one tenant | `alga keys create` |
//! | JSON Web Token | one user of one tenant, or an operator | an OpenID provider |
//! | session of a browser | who used a link of `alga console` | the registry, for 12 hours |
//! | bootstrap token | the operator who sets the platform up | the platform, at its first start |
//!
//! Service and caller tokens are PASETO v4.public: EdDSA, with no field from which an attacker
//! could choose another algorithm. The algorithms of JSON Web Tokens are configured, and a key
//! verifies only the algorithms of its kind. [`Authenticator`] makes a [`Principal`] of every
//! credential but service tokens, and [`Principal::check`] decides what it may do.

mod api_key;
mod authenticator;
mod bootstrap;
mod caller;
mod jwt;
mod login;
mod principal;
mod rights;
mod service;
mod session;
mod token;
mod token_cache;

pub use api_key::{ApiKey, ApiKeyFuture, ApiKeyScope, ApiKeySource, ApiKeyText};
pub use authenticator::{Authenticator, Credentials};
pub use bootstrap::BootstrapToken;
pub use caller::{Access, Caller, TenantRole, UnknownAccess, UserType, is_user_id};
pub use jwt::{
    Algorithms, ClaimNames, IdTokenFor, JwksFuture, JwksSource, JwksTiming, JwtError, JwtSettings, JwtVerifier,
    KindNames, MappingError, UnknownAlgorithm, count_keys,
};
pub use login::LoginSecret;
pub use principal::{InvalidPattern, NamePattern, Principal, PrincipalKind, Publisher, TenantPrincipal, UnknownKind};
pub use rights::{Denied, Extent, Object, Right};
pub use service::{CallContext, ServiceGrant};
pub use session::{SessionFuture, SessionSecret, SessionSource, StoredSession};
pub use token::{TokenError, TokenIssuer, TokenVerifier};
pub use token_cache::{Generation, VerifiedTokenCache};
