//! API keys of the platform and of tenants.

use crate::{Operation, Page};
use alga_auth::{Access, PrincipalKind};
use alga_bundle::TenantId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A key to create.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Kind of principal: `operator` or `publisher` for the platform, another one for a tenant.
    pub kind: PrincipalKind,
    /// Name by which its owner recognizes the key, of 1 to 100 characters.
    #[schemars(length(min = 1, max = 100))]
    pub label: String,
    /// Names of a publisher's extensions, or all below a domain: `com.example.*`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// Access to the tenant's extensions; `read` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Seconds until the key expires, from 60 to a year; 90 days if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 31_622_400))]
    pub lifetime_seconds: Option<u64>,
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    /// Id of the key.
    pub id: String,
    /// Kind of principal.
    pub kind: PrincipalKind,
    /// Tenant of the key; absent for a key of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Names of a publisher's extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Access to the tenant's extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Name that the creator gave it.
    pub label: String,
    /// Actor that created the key.
    pub created_by: String,
    /// Time of the creation, in milliseconds since 1970; the same for the other times.
    pub created_at_ms: i64,
    /// Time after which the key is invalid.
    pub expires_at_ms: i64,
    /// Time at which the key was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<i64>,
    /// Time of the last use, within a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at_ms: Option<i64>,
}

/// A page of keys, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeys {
    /// Keys of the page.
    pub keys: Vec<ApiKey>,
    /// Value of `after` for the next page; null at the end of the list.
    pub next: Option<String>,
}

/// A new key, with the secret that is shown only here.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CreatedApiKey {
    /// The credential, which is sent as `authorization: Bearer <secret>`.
    pub secret: String,
    /// Description of the key.
    pub key: ApiKey,
}

/// Creates a key of the tenant, or of the platform.
#[must_use]
pub fn create_key(tenant: Option<&TenantId>, request: &KeyRequest) -> Operation<CreatedApiKey> {
    operation("POST", tenant, None).json(request)
}

/// Lists keys of the tenant, or of the platform, oldest first.
#[must_use]
pub fn keys(tenant: Option<&TenantId>, page: &Page<'_>) -> Operation<ApiKeys> {
    operation("GET", tenant, None).page(page)
}

/// Revokes a key of the tenant, or of the platform.
#[must_use]
pub fn revoke_key(tenant: Option<&TenantId>, id: &str) -> Operation<()> {
    operation("DELETE", tenant, Some(id))
}

fn operation<R>(method: &'static str, tenant: Option<&TenantId>, id: Option<&str>) -> Operation<R> {
    match (tenant, id) {
        (Some(tenant), Some(id)) => Operation::new(method, &[&"tenants", tenant, &"keys", &id]),
        (Some(tenant), None) => Operation::new(method, &[&"tenants", tenant, &"keys"]),
        (None, Some(id)) => Operation::new(method, &[&"keys", &id]),
        (None, None) => Operation::new(method, &[&"keys"]),
    }
}
