//! Finding a tenant's install and its version.

use super::not_found;
use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_store::{InstallRow, VersionRow};
use tracing::Span;

pub(super) async fn find(
    dependencies: &RegistryDependencies,
    tenant: &str,
    install: &str,
) -> Result<InstallRow, ApiError> {
    let install = dependencies.database.find_install(&tenant_of(tenant)?, install).await?;
    let install = install.ok_or_else(|| not_found("such install"))?;
    let span = Span::current();
    span.record("extension", install.name.as_str());
    span.record("install", install.id.as_str());
    Ok(install)
}

pub(super) async fn installed_version(
    dependencies: &RegistryDependencies,
    install: &InstallRow,
) -> Result<VersionRow, ApiError> {
    let version = dependencies.database.version_by_id(&install.version_id).await?;
    version.ok_or_else(|| not_found("installed version"))
}

/// Reads a tenant id of a route and adds it to the request's span.
pub(super) fn tenant_of(text: &str) -> Result<TenantId, ApiError> {
    let parsed = text.parse();
    let tenant: TenantId =
        parsed.map_err(|error: alga_bundle::IdError| Problem::new(Code::BadRequest, error.to_string()))?;
    Span::current().record("tenant", tenant.as_str());
    Ok(tenant)
}
