//! Authentication: credentials and the callers that they identify.
//!
//! | credential | grants access to | issued by |
//! |---|---|---|
//! | service token | the runner: one execution context | the gateway, valid at most 60 s |
//! | caller token | the gateway: one user of one tenant | the host application (AlgaPSA) |
//! | administration token | the registry's API | the operator |
//!
//! Service and caller tokens are PASETO v4.public: EdDSA, with no field from which an attacker
//! could choose another algorithm.

mod administrator;
mod caller;
mod service;
mod token;
mod token_cache;

pub use administrator::AdministratorToken;
pub use caller::{Access, Caller, UserType, is_user_id};
pub use service::{CallContext, ServiceGrant};
pub use token::{TokenError, TokenIssuer, TokenVerifier};
pub use token_cache::VerifiedTokenCache;
