//! The credentials that a process accepts, by its role.

use crate::jwks_source::jwks_source;
use crate::sessions::StoredSessions;
use crate::shared::SharedResources;
use crate::{Config, Role, StartError};
use alga_auth::{
    ApiKey, ApiKeyFuture, ApiKeyScope, ApiKeySource, BootstrapToken, Caller, Credentials, JwksTiming, JwtVerifier,
    PrincipalKind, TenantRole, TokenVerifier,
};
use alga_errors::chain;
use alga_metrics::Latency;
use alga_store::{ApiKeyRow, Database};
use jiff::Timestamp;
use std::error::Error;
use std::sync::Arc;

type AnyError = Box<dyn Error + Send + Sync>;

/// Returns the credentials of the configured role. A runner accepts API keys, beside service
/// tokens.
pub(crate) fn credentials(config: &Config, shared: &SharedResources) -> Result<Credentials, StartError> {
    let (role, keys) = (config.role, &shared.keys);
    let mut credentials = Credentials::default();
    if role.has_registry() && config.bootstrap_token {
        credentials.bootstrap = Some(BootstrapToken::new(&keys.administrator()?));
    }
    if role.has_gateway() || config.key_files.caller_public.is_some() {
        let public = keys.callers_public()?;
        let verifier = TokenVerifier::new(&public, Caller::AUDIENCE, Caller::LONGEST, Caller::BYTES)?;
        credentials.callers = Some(verifier);
    }
    // Those of an operator also drain a runner and read its metrics.
    credentials.api_keys = Some(Arc::new(StoredApiKeys(shared.database.clone())));
    if role.has_registry() {
        credentials.sessions = Some(Arc::new(StoredSessions(shared.database.clone())));
    }
    if let Some(oidc) = config.oidc.as_ref().filter(|_| role != Role::Runner) {
        let latency = Latency::default();
        shared.metrics.add_dependency("jwks", &latency);
        let source = jwks_source(&oidc.jwks, &latency)?;
        credentials.jwt = Some(JwtVerifier::new(oidc.tokens.clone(), source, JwksTiming::default()));
    }
    Ok(credentials)
}

/// API keys from the database.
struct StoredApiKeys(Database);

impl ApiKeySource for StoredApiKeys {
    fn find<'a>(&'a self, id: &'a str) -> ApiKeyFuture<'a> {
        Box::pin(async move {
            let row = self.0.api_key(id).await?;
            row.map(api_key).transpose()
        })
    }

    fn record_use(&self, id: &str) {
        let (database, id) = (self.0.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = database.record_api_key_use(&id).await {
                tracing::warn!(error = %chain(&error), key = %id, "could not record the use of an API key");
            }
        });
    }
}

fn api_key(row: ApiKeyRow) -> Result<ApiKey, AnyError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(&row.digest, &mut digest)?;
    Ok(ApiKey {
        scope: scope(&row)?,
        digest,
        expires: Timestamp::from_millisecond(row.expires_at_ms)?,
        is_revoked: row.revoked_at_ms.is_some(),
        used: row.used_at_ms.map(Timestamp::from_millisecond).transpose()?,
        id: row.id,
        label: row.label,
    })
}

fn scope(row: &ApiKeyRow) -> Result<ApiKeyScope, AnyError> {
    let role = match (row.kind.parse()?, &row.tenant) {
        (PrincipalKind::Operator, None) => return Ok(ApiKeyScope::Operator),
        (PrincipalKind::Publisher, None) => {
            let names = row.names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
            return Ok(ApiKeyScope::Publisher(names));
        }
        (PrincipalKind::TenantAdministrator, _) => TenantRole::Administrator,
        (PrincipalKind::TenantViewer, _) => TenantRole::Viewer,
        (PrincipalKind::Caller, _) => TenantRole::Caller,
        (kind, Some(tenant)) => return Err(format!("a key of kind {kind} belongs to tenant {tenant}").into()),
    };
    let tenant = row.tenant.clone().ok_or("a tenant's key without a tenant")?;
    Ok(ApiKeyScope::Tenant {
        tenant,
        role,
        access: row.access.parse()?,
    })
}
