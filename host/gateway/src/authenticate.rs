use alga_auth::{Caller, TokenVerifier, VerifiedTokenCache};
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_http::bearer;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;

/// Authenticates callers by their tokens.
pub struct Authentication {
    tokens: TokenVerifier,
    verified_tokens: VerifiedTokenCache<Arc<Caller>>,
    developer: Option<Arc<Caller>>,
}

impl Authentication {
    /// Creates an authentication by tokens. With `dev_tenant`, a request without a token is treated
    /// as that of a user of this tenant; for development on loopback only.
    #[must_use]
    pub fn new(tokens: TokenVerifier, dev_tenant: Option<TenantId>) -> Self {
        let developer = dev_tenant.map(|tenant| Arc::new(Caller::developer(tenant)));
        Self {
            tokens,
            verified_tokens: VerifiedTokenCache::new(),
            developer,
        }
    }

    /// Returns the caller who sent these headers.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Problem> {
        let unauthenticated = || Problem::new(Code::Unauthenticated, "a valid caller token is required");
        if !headers.contains_key(AUTHORIZATION) {
            return self.developer.clone().ok_or_else(unauthenticated);
        }
        let token = bearer(headers).ok_or_else(unauthenticated)?;
        let verify = |token: &str| {
            let (caller, expires) = self.tokens.verify::<Caller>(token)?;
            Ok((Arc::new(caller), expires))
        };
        self.verified_tokens
            .get(token, verify)
            .map_err(|error| unauthenticated().caused_by(error))
    }
}
