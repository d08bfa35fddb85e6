//! Changes to an install by an administrator: upgrade with consent, rollback, enable and disable,
//! uninstall.
//!
//! An upgrade without new permissions is applied immediately. One with new permissions waits until
//! an administrator consents to exactly that version; the installed version continues to run
//! meanwhile.

use super::install_lookup::{find, installed_version};
use super::installs::{
    check_config, check_limits, check_settings, check_start, ensure_not_downgrade, resolve_grants, verify_stored,
};
use super::precompile::compile_granted;
use super::secrets::check_stored_secrets;
use super::{JsonBody, not_found};
use crate::RegistryDependencies;
use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_bundle::{CapabilityDiff, CapabilityName, EgressPattern, InstallStatus, Version, VersionStatus};
use alga_capabilities::known;
use alga_errors::{Code, Problem};
use alga_registry_types::{ConsentRequest, Install, TermsRequest, Upgrade, UpgradeOutcome, UpgradeRequest};
use alga_store::{InstallRow, InstallSettings, VersionRow};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use std::collections::BTreeSet;
use std::sync::Arc;

type InstallPath = Path<(String, String)>;

pub(crate) async fn show(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
) -> Result<Json<Install>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    Ok(Json(bodies::install(&dependencies, install)))
}

pub(crate) async fn upgrade(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
    JsonBody(request): JsonBody<UpgradeRequest>,
) -> Result<(StatusCode, Json<Upgrade>), ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let (from, to) = (
        installed_version(&dependencies, &install).await?,
        installable(&dependencies, &install, &request.version).await?,
    );
    ensure_not_downgrade(&to.version, &from.version, request.allow_downgrade)?;
    let mut diff = CapabilityDiff::between(
        (&from.manifest, &from.capability_proof),
        (&to.manifest, &to.capability_proof),
    );
    // A capability that was optional and is now required may never have been granted.
    let needed = to
        .capability_proof
        .capabilities
        .iter()
        .filter(|name| !to.manifest.optional_capabilities.contains(*name) && !install.grants.contains(*name));
    diff.capabilities.extend(needed.map(ToString::to_string));
    let (outcome, status) = if diff.is_empty() {
        let grants = retained_grants(&install, &to);
        compile_granted(&dependencies, verify_stored(&dependencies, &to).await?, &grants).await?;
        let egress = egress_after_upgrade(&install, &to);
        dependencies
            .database
            .apply_upgrade(&install, &to, &grants, egress.as_ref())
            .await?;
        (UpgradeOutcome::Upgraded, StatusCode::OK)
    } else {
        dependencies.database.stage_upgrade(&install, &to).await?;
        (UpgradeOutcome::Pending, StatusCode::ACCEPTED)
    };
    (dependencies.on_install)(Some(&install.tenant_id));
    let install = find(&dependencies, install.tenant_id.as_str(), install.id.as_str()).await?;
    let install = bodies::install(&dependencies, install);
    Ok((status, Json(Upgrade { outcome, diff, install })))
}

pub(crate) async fn update_settings(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
    JsonBody(request): JsonBody<TermsRequest>,
) -> Result<Json<Install>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let version = installed_version(&dependencies, &install).await?;
    let terms = InstallSettings {
        config: request.config,
        egress: request.egress,
        limits: request.limits,
    };
    check_config(&version, &terms.config)?;
    check_settings(&dependencies, &version, &terms)?;
    if terms.limits.is_some_and(|limits| limits.memory_mb.is_some()) {
        check_start(
            &dependencies,
            &verify_stored(&dependencies, &version).await?,
            terms.limits,
        )?;
    }
    dependencies.database.update_settings(&install, &terms).await?;
    reload(&dependencies, &install).await
}

pub(crate) async fn consent(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
    JsonBody(request): JsonBody<ConsentRequest>,
) -> Result<Json<Install>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let to = installable(&dependencies, &install, &request.version).await?;
    if install.pending.as_ref() != Some(&to.id) {
        let message = format!("{} is not the pending version of this install", to.version);
        return Err(Problem::new(Code::Conflict, message)
            .with_hint("`alga installs show` prints the pending version")
            .into());
    }
    let asked: BTreeSet<CapabilityName> = retained_grants(&install, &to)
        .into_iter()
        .chain(to.manifest.capabilities.iter().cloned())
        .collect();
    let grants = resolve_grants(&to, &asked)?;
    let bundle = verify_stored(&dependencies, &to).await?;
    compile_granted(&dependencies, bundle, &grants).await?;
    let egress = egress_after_upgrade(&install, &to);
    dependencies
        .database
        .apply_upgrade(&install, &to, &grants, egress.as_ref())
        .await?;
    reload(&dependencies, &install).await
}

pub(crate) async fn roll_back(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
) -> Result<Json<Install>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let Some(previous) = &install.previous else {
        return Err(Problem::new(Code::Conflict, "there is no previous version to roll back to").into());
    };
    let to = dependencies
        .database
        .version_by_id(previous)
        .await?
        .ok_or_else(|| not_found("previous version to roll back to"))?;
    // A yanked version may run again where it was installed; a revoked one may not.
    if to.status == VersionStatus::Revoked {
        return Err(Problem::new(Code::VersionRevoked, format!("{} was revoked", to.version)).into());
    }
    ensure_config_satisfied(&install, &to)?;
    check_limits(&dependencies, &to, install.own_limits)?;
    check_stored_secrets(&dependencies, &install, &install.manifest, &to).await?;
    check_start(
        &dependencies,
        &verify_stored(&dependencies, &to).await?,
        install.own_limits,
    )?;
    let egress = egress_after_rollback(&install, &to);
    dependencies.database.roll_back(&install, egress.as_ref()).await?;
    reload(&dependencies, &install).await
}

pub(crate) async fn enable(dependencies: Dependencies, path: InstallPath) -> Result<Json<Install>, ApiError> {
    set_status(dependencies, path, InstallStatus::Enabled).await
}

pub(crate) async fn disable(dependencies: Dependencies, path: InstallPath) -> Result<Json<Install>, ApiError> {
    set_status(dependencies, path, InstallStatus::Disabled).await
}

async fn set_status(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
    status: InstallStatus,
) -> Result<Json<Install>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    dependencies.database.set_install_status(&install, status).await?;
    reload(&dependencies, &install).await
}

pub(crate) async fn uninstall(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): InstallPath,
) -> Result<StatusCode, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    dependencies.database.uninstall(&install).await?;
    (dependencies.on_install)(Some(&install.tenant_id));
    tracing::info!(tenant = %install.tenant_id, install = %install.id, name = %install.name, "uninstalled");
    Ok(StatusCode::NO_CONTENT)
}

async fn reload(dependencies: &RegistryDependencies, install: &InstallRow) -> Result<Json<Install>, ApiError> {
    (dependencies.on_install)(Some(&install.tenant_id));
    let install = find(dependencies, install.tenant_id.as_str(), install.id.as_str()).await?;
    tracing::info!(tenant = %install.tenant_id, install = %install.id, version = %install.version_id, install_status = ?install.status, "install changed");
    Ok(Json(bodies::install(dependencies, install)))
}

/// Returns a published version of the same extension after verifying its stored bytes again and
/// checking that the install's configuration, secrets and limits fit it.
async fn installable(
    dependencies: &Arc<RegistryDependencies>,
    install: &InstallRow,
    version: &Version,
) -> Result<VersionRow, ApiError> {
    let version = dependencies
        .database
        .version(install.name.as_str(), &version.to_string())
        .await?;
    let version = version.ok_or_else(|| not_found("such version"))?;
    if version.status != VersionStatus::Published {
        return Err(Problem::new(Code::VersionRevoked, "this version is withdrawn").into());
    }
    ensure_config_satisfied(install, &version)?;
    check_limits(dependencies, &version, install.own_limits)?;
    check_stored_secrets(dependencies, install, &install.manifest, &version).await?;
    check_start(
        dependencies,
        &verify_stored(dependencies, &version).await?,
        install.own_limits,
    )?;
    Ok(version)
}

/// Checks that the install has the configuration and the secrets that a version requires.
fn ensure_config_satisfied(install: &InstallRow, version: &VersionRow) -> Result<(), ApiError> {
    let is_known = |name: &String| version.manifest.config.iter().any(|field| field.name == *name);
    // Excludes the installed version's defaults: the other version has its own.
    let config = install.own_config.iter().filter(|(name, _)| is_known(name));
    check_config(
        version,
        &config.map(|(name, value)| (name.clone(), value.clone())).collect(),
    )?;
    let is_missing = |name: &String| !install.secrets.contains(name);
    let mut needed = version.manifest.secrets.iter().filter(|field| field.required);
    if let Some(field) = needed.find(|field| is_missing(&field.name)) {
        let message = format!(
            "{} needs the secret `{}`, which is not set",
            version.version, field.name
        );
        return Err(Problem::new(Code::BadRequest, message)
            .with_hint("set a secret that the installed version does not declare with `alga install … --secret`")
            .into());
    }
    Ok(())
}

/// Returns the tenant's own list of hosts after a rollback: the previous list, without the hosts
/// that the tenant has removed since.
fn egress_after_rollback(install: &InstallRow, to: &VersionRow) -> Option<BTreeSet<EgressPattern>> {
    if install.own_egress.is_none() && install.previous_egress.is_none() {
        return None;
    }
    let was_allowed = |host: &EgressPattern| install.previous_egress.as_ref().is_none_or(|list| list.contains(host));
    let is_removed = |host: &EgressPattern| {
        let own = install.own_egress.as_ref();
        install.manifest.egress.contains(host) && own.is_some_and(|own| !own.contains(host))
    };
    let hosts = to.manifest.egress.iter();
    Some(
        hosts
            .filter(|host| was_allowed(host) && !is_removed(host))
            .cloned()
            .collect(),
    )
}

/// Returns the tenant's own list of hosts after an upgrade: the hosts that it allowed and the
/// version still declares, and the hosts that the version declares for the first time, which the
/// tenant has consented to. A host that the tenant removed stays removed.
fn egress_after_upgrade(install: &InstallRow, to: &VersionRow) -> Option<BTreeSet<EgressPattern>> {
    let own = install.own_egress.as_ref()?;
    let is_retained = |host: &&EgressPattern| own.contains(*host) || !install.manifest.egress.contains(host);
    Some(to.manifest.egress.iter().filter(is_retained).cloned().collect())
}

/// Returns the granted capabilities that a version still declares.
fn retained_grants(install: &InstallRow, to: &VersionRow) -> BTreeSet<CapabilityName> {
    install
        .grants
        .intersection(&to.manifest.declared(known()))
        .cloned()
        .collect()
}
