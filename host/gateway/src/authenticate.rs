use alga_auth::{Authenticator, Caller, Object, Principal, Right};
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_http::bearer;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;

/// Authenticates callers by their credentials.
pub struct Authentication {
    authenticator: Arc<Authenticator>,
    developer: Option<Arc<Caller>>,
}

impl Authentication {
    /// Creates an authentication by credentials. With `dev_tenant`, a request without a credential
    /// is treated as that of a user of this tenant; for development on loopback only.
    #[must_use]
    pub fn new(authenticator: Arc<Authenticator>, dev_tenant: Option<TenantId>) -> Self {
        let developer = dev_tenant.map(|tenant| Arc::new(Caller::developer(tenant)));
        Self {
            authenticator,
            developer,
        }
    }

    /// Returns the caller who sent these headers.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Problem> {
        if let (Some(developer), false) = (&self.developer, headers.contains_key(AUTHORIZATION)) {
            return Ok(Arc::clone(developer));
        }
        let principal = self.authenticator.authenticate(bearer(headers)).await?;
        principal.check(Right::Call, Object::Platform)?;
        match &*principal {
            Principal::Tenant(tenant) => Ok(Arc::clone(tenant.caller())),
            Principal::Operator(_) | Principal::Publisher(_) => Err(Problem::new(
                Code::Forbidden,
                "only users and services of a tenant call extensions",
            )),
        }
    }
}
