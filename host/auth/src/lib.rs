//! Credentials to a caller.
//!
//! | credential | for | who makes it |
//! |---|---|---|
//! | service token | the runner: one execution context | the gateway, valid 60 s at the most |
//! | caller token | the gateway: one user of one tenant | the product that alga is part of |
//! | administration token | the registry's API | the operator |
//!
//! Tokens are PASETO v4.public: EdDSA, with no field from which an attacker could choose another algorithm.

mod administrator;
mod caller;
mod service;
mod token;
mod token_cache;

pub use administrator::AdministratorToken;
pub use caller::{Access, Caller, UserType, is_user_id};
pub use service::ServiceGrant;
pub use token::{TokenError, TokenIssuer, TokenVerifier};
pub use token_cache::VerifiedTokenCache;
