//! Finding a tenant's install and its version.

use super::not_found;
use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_store::{Install, VersionRow};
use tracing::Span;

pub(super) async fn find(
    dependencies: &RegistryDependencies,
    tenant: &str,
    install: &str,
) -> Result<Install, ApiError> {
    let install = dependencies.database.find_install(&tenant_of(tenant)?, install).await?;
    let mut install = install.ok_or_else(|| not_found("such install"))?;
    add_warnings(dependencies, &mut install);
    let span = Span::current();
    span.record("extension", install.name.as_str());
    span.record("install", install.id.as_str());
    Ok(install)
}

/// Adds warnings about what was revoked since the install: content that no longer runs, and signers
/// that are no longer trusted, although releases received from them earlier still are.
pub(super) fn add_warnings(dependencies: &RegistryDependencies, install: &mut Install) {
    let Some(list) = dependencies.trust.revocations() else {
        return;
    };
    if list
        .bundles
        .iter()
        .any(|bundle| bundle.content_hash == install.content_hash)
    {
        install
            .warnings
            .push("the installed version is revoked and does not run".to_owned());
    }
    let signer = list
        .signers
        .iter()
        .find(|revoked| revoked.signer == install.signing_key);
    if let Some(revoked) = signer {
        let warning = format!(
            "its signer {} is revoked since {}: {}",
            revoked.signer, revoked.since, revoked.reason
        );
        install.warnings.push(warning);
    }
}

pub(super) async fn installed_version(
    dependencies: &RegistryDependencies,
    install: &Install,
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
