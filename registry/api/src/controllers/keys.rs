//! API keys of the platform and of tenants. A secret is in the response that creates it, and
//! nowhere else.

use super::install_lookup::tenant_of;
use super::{JsonBody, not_found};
use crate::authorization::{Dependencies, RequestPrincipal};
use crate::bodies;
use crate::error::ApiError;
use alga_auth::{Access, ApiKeyText, NamePattern, Principal, PrincipalKind};
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_http::PageQuery;
use alga_registry_types::{ApiKeys, CreatedApiKey, KeyRequest};
use alga_store::{ApiKeyRow, NewApiKey, StoreError};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use std::ops::RangeInclusive;

/// Maximum characters of a label.
const LABEL_CHARACTERS: usize = 100;
/// Maximum number of a publisher's names.
const NAMES: usize = 50;
/// Seconds for which a key may be valid: up to a year.
const LIFETIME_SECONDS: RangeInclusive<u64> = 60..=366 * DAY;
/// Seconds for which a key is valid unless requested otherwise.
const DEFAULT_SECONDS: u64 = 90 * DAY;
const DAY: u64 = 24 * 60 * 60;

pub(crate) async fn create(
    dependencies: Dependencies,
    principal: RequestPrincipal,
    body: JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<CreatedApiKey>), ApiError> {
    create_for(dependencies, principal, None, body).await
}

pub(crate) async fn create_of_tenant(
    dependencies: Dependencies,
    principal: RequestPrincipal,
    Path(tenant): Path<String>,
    body: JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<CreatedApiKey>), ApiError> {
    create_for(dependencies, principal, Some(tenant_of(&tenant)?), body).await
}

async fn create_for(
    Dependencies(dependencies): Dependencies,
    RequestPrincipal(principal): RequestPrincipal,
    tenant: Option<TenantId>,
    JsonBody(request): JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<CreatedApiKey>), ApiError> {
    check(&request, tenant.is_some())?;
    check_access(&principal, request.access)?;
    let text = ApiKeyText::generate().map_err(Problem::internal)?;
    let new = NewApiKey {
        id: text.id(),
        tenant: tenant.as_ref(),
        kind: request.kind.as_str(),
        names: request.names.into_iter().collect(),
        access: access_of(request.kind, request.access).as_str(),
        label: &request.label,
        digest: &text.digest(),
        lifetime_seconds: request.lifetime_seconds.unwrap_or(DEFAULT_SECONDS),
    };
    let row = dependencies.database.create_api_key(&new).await?;
    tracing::info!(key = %row.id, kind = %row.kind, "API key created");
    let created = CreatedApiKey {
        secret: text.expose().to_string(),
        key: bodies::api_key(row)?,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Refuses a key with more access to extensions than its creator has.
fn check_access(creator: &Principal, requested: Option<Access>) -> Result<(), Problem> {
    match creator {
        Principal::Tenant(tenant) if requested.unwrap_or(Access::Read) > tenant.caller().access => Err(Problem::new(
            Code::Forbidden,
            "a key has at most the access to extensions that its creator has",
        )
        .with_hint("pass --access")),
        _ => Ok(()),
    }
}

/// Returns the access of a key. One of the platform calls no extension.
fn access_of(kind: PrincipalKind, requested: Option<Access>) -> Access {
    if kind.is_tenant() {
        requested.unwrap_or(Access::Read)
    } else {
        Access::None
    }
}

fn check(request: &KeyRequest, is_of_tenant: bool) -> Result<(), Problem> {
    let kind = request.kind;
    let invalid = |message: String| Err(Problem::new(Code::BadRequest, message));
    if kind.is_tenant() != is_of_tenant {
        let owner = if is_of_tenant { "a tenant" } else { "the platform" };
        return invalid(format!("{owner} has no key of kind `{kind}`"));
    }
    let length = request.label.chars().count();
    if !(1..=LABEL_CHARACTERS).contains(&length) || request.label.chars().any(char::is_control) {
        return invalid(format!("a label has 1 to {LABEL_CHARACTERS} characters of plain text"));
    }
    let is_publisher = kind == PrincipalKind::Publisher;
    if is_publisher == request.names.is_empty() || request.names.len() > NAMES {
        return invalid(format!(
            "a publisher's key has 1 to {NAMES} names, another one has none"
        ));
    }
    if let Some(error) = request.names.iter().find_map(|name| name.parse::<NamePattern>().err()) {
        return invalid(error.to_string());
    }
    if !is_of_tenant && request.access.is_some() {
        return invalid("only a tenant's key has access to extensions".to_owned());
    }
    let lifetime = request.lifetime_seconds.unwrap_or(DEFAULT_SECONDS);
    if !LIFETIME_SECONDS.contains(&lifetime) {
        return invalid("a key is valid for 60 seconds to 366 days".to_owned());
    }
    Ok(())
}

pub(crate) async fn list(dependencies: Dependencies, page: PageQuery) -> Result<Json<ApiKeys>, ApiError> {
    list_for(dependencies, None, page).await
}

pub(crate) async fn list_of_tenant(
    dependencies: Dependencies,
    Path(tenant): Path<String>,
    page: PageQuery,
) -> Result<Json<ApiKeys>, ApiError> {
    list_for(dependencies, Some(tenant_of(&tenant)?), page).await
}

async fn list_for(
    Dependencies(dependencies): Dependencies,
    tenant: Option<TenantId>,
    page: PageQuery,
) -> Result<Json<ApiKeys>, ApiError> {
    let limit = page.limit()?;
    let rows = dependencies
        .database
        .api_keys(tenant.as_ref(), page.after.as_deref(), limit)
        .await?;
    let next = page.next(&rows, |row: &ApiKeyRow| row.id.clone())?;
    let keys = rows.into_iter().map(bodies::api_key).collect::<Result<_, _>>()?;
    Ok(Json(ApiKeys { keys, next }))
}

pub(crate) async fn revoke(dependencies: Dependencies, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    revoke_for(dependencies, None, &id).await
}

pub(crate) async fn revoke_of_tenant(
    dependencies: Dependencies,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    revoke_for(dependencies, Some(tenant_of(&tenant)?), &id).await
}

async fn revoke_for(
    Dependencies(dependencies): Dependencies,
    tenant: Option<TenantId>,
    id: &str,
) -> Result<StatusCode, ApiError> {
    match dependencies.database.revoke_api_key(tenant.as_ref(), id).await {
        Ok(true) => {
            dependencies.authenticator.evict_all();
            tracing::warn!(key = ?id, "API key revoked");
        }
        Ok(false) => {}
        Err(StoreError::NotFound) => return Err(not_found("such API key")),
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}
