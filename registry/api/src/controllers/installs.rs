//! Installing a version for a tenant. If the tenant does not grant a capability that the component
//! requires, the install is refused here, naming it, instead of failing at the first request.

use super::install_lookup::tenant_of;
use super::precompile::compile_granted;
use super::revocations::ensure_revocations_fresh;
use super::secrets::SecretOwner;
use super::{JsonBody, not_found};
use crate::RegistryDependencies;
use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_bundle::{Bundle, CapabilityName, EgressPattern, InstallId, ManifestLimits, Version, VersionStatus};
use alga_capabilities::{denied_optional, known};
use alga_errors::{Code, Problem, chain};
use alga_http::PageQuery;
use alga_limits::{CONFIG_BYTES, CONFIG_JSON_BYTES};
use alga_registry_types::{Install, InstallRequest, Installs};
use alga_signing::{Rejected, StoredError, StoredRelease};
use alga_store::{Database, InstallSettings, NewInstall, VersionRow};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) async fn create(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
    JsonBody(request): JsonBody<InstallRequest>,
) -> Result<(StatusCode, Json<Install>), ApiError> {
    let tenant = tenant_of(&tenant)?;
    let version = dependencies
        .database
        .version(&request.extension, &request.version)
        .await?;
    let version = version.ok_or_else(|| not_found("such version"))?;
    if version.status != VersionStatus::Published {
        return Err(Problem::new(Code::VersionRevoked, "this version is withdrawn").into());
    }
    let grants = resolve_grants(&version, &request.grants)?;
    check_config(&version, &request.config)?;
    let terms = InstallSettings {
        config: request.config,
        egress: request.egress,
        limits: request.limits,
    };
    check_settings(&dependencies, &version, &terms)?;
    let bundle = verify_stored(&dependencies, &version).await?;
    check_start(&dependencies, &bundle, terms.limits)?;
    compile_granted(&dependencies, bundle, &grants).await?;
    let present = dependencies
        .database
        .find_install(&tenant, version.extension_id.as_str())
        .await?;
    if let Some(install) = &present {
        ensure_not_downgrade(&version.version, &install.manifest.version, request.allow_downgrade)?;
    }
    let id = match &present {
        Some(install) => install.id.clone(),
        None => Database::new_install_id()?,
    };
    let existing = present.map(|install| install.secrets).unwrap_or_default();
    let owner = SecretOwner {
        version: &version,
        tenant: &tenant,
        install: &id,
    };
    let secrets = owner.seal(&dependencies, &request.secrets, &existing).await?;
    dependencies
        .database
        .install(&NewInstall {
            id: &id,
            tenant: &tenant,
            version: &version,
            grants: &grants,
            terms: &terms,
            secrets: &secrets,
        })
        .await?;
    (dependencies.on_install)(Some(&tenant));
    let install = dependencies
        .database
        .find_install(&tenant, version.extension_id.as_str())
        .await?;
    let install = install.ok_or_else(|| not_found("install after installing"))?;
    tracing::info!(%tenant, install = %install.id, name = %install.name, "installed");
    Ok((StatusCode::CREATED, Json(bodies::install(&dependencies, install))))
}

pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
    page: PageQuery,
) -> Result<Json<Installs>, ApiError> {
    let (after, limit) = (page.id::<InstallId>()?, page.limit()?);
    let rows = dependencies
        .database
        .installs(&tenant_of(&tenant)?, after.as_ref(), limit)
        .await?;
    let next = page.next(&rows, |row| row.id.clone())?;
    let installs = rows
        .into_iter()
        .map(|row| bodies::install(&dependencies, row))
        .collect();
    Ok(Json(Installs { installs, next }))
}

/// Refuses a downgrade that was not explicitly requested: an older version may have vulnerabilities
/// that the installed one does not.
pub(super) fn ensure_not_downgrade(to: &Version, from: &Version, is_meant: bool) -> Result<(), ApiError> {
    if to >= from || is_meant {
        return Ok(());
    }
    let message = format!("{to} is older than {from}, which is installed");
    let problem = Problem::new(Code::BadRequest, message);
    Err(problem.with_hint("pass --allow-downgrade to allow it").into())
}

/// Returns the grants of an install; ensures that required imports ⊆ grants ⊆ manifest.
pub(super) fn resolve_grants(
    version: &VersionRow,
    granted: &BTreeSet<CapabilityName>,
) -> Result<BTreeSet<CapabilityName>, ApiError> {
    let declared = version.manifest.declared(known());
    if let Some(name) = granted.iter().find(|name| !declared.contains(*name)) {
        let message = format!("`{name}` is not declared by {} {}", version.name, version.version);
        return Err(Problem::new(Code::BadRequest, message)
            .with_hint("grant only capabilities that `alga inspect` shows as declared")
            .into());
    }
    let defaults = known()
        .iter()
        .filter(|capability| capability.granted_by_default)
        .filter_map(|capability| capability.name.parse().ok());
    let grants: BTreeSet<CapabilityName> = granted.iter().cloned().chain(defaults).collect();
    // An import that is neither optional nor granted could not be linked: the install would fail at
    // its first request.
    let Err(missing) = denied_optional(&version.manifest, &version.capability_proof, |name| {
        grants.contains(name)
    }) else {
        return Ok(grants);
    };
    let missing: Vec<&str> = missing.into_iter().map(CapabilityName::as_str).collect();
    let flags: String = missing.iter().map(|name| format!(" --grant {name}")).collect();
    let problem = Problem::new(
        Code::CapabilityDenied,
        format!(
            "{} requires capabilities that were not granted: {}",
            version.name,
            missing.join(", ")
        ),
    );
    Err(problem.with_hint(format!("grant it: `alga install …{flags}`")).into())
}

/// Checks that hosts ⊆ manifest, and that the limits allow the extension to run.
pub(super) fn check_settings(
    dependencies: &RegistryDependencies,
    version: &VersionRow,
    terms: &InstallSettings,
) -> Result<(), ApiError> {
    let declared = &version.manifest.egress;
    let undeclared = terms.egress.iter().flatten().find(|host| !declared.contains(host));
    if let Some(host) = undeclared {
        let message = format!(
            "`{host}` is not a host that {} {} declares",
            version.name, version.version
        );
        let hosts: Vec<_> = declared.iter().map(EgressPattern::as_str).collect();
        return Err(Problem::new(Code::BadRequest, message)
            .with_hint(format!("its hosts: {}", hosts.join(", ")))
            .into());
    }
    let lets_nothing_run = |limits: &ManifestLimits| limits.memory_mb == Some(0) || limits.timeout_ms == Some(0);
    if terms.limits.as_ref().is_some_and(lets_nothing_run) {
        return Err(Problem::new(
            Code::BadRequest,
            "nothing can run with a limit of 0; disable the install instead",
        )
        .into());
    }
    check_limits(dependencies, version, terms.limits)
}

/// Refuses limits above this host's ceilings now, instead of granting less at execution.
pub(super) fn check_limits(
    dependencies: &RegistryDependencies,
    version: &VersionRow,
    own: Option<ManifestLimits>,
) -> Result<(), ApiError> {
    let asked = own.unwrap_or_default().or(version.manifest.limits);
    dependencies
        .ceilings
        .check_execution(asked.memory_mb, asked.timeout_ms)
        .map_err(|exceeded| Problem::new(Code::BadRequest, format!("this host: {exceeded}")).into())
}

/// Checks that the memory limit is at least what the component needs before its first
/// instruction.
pub(super) fn check_start(
    dependencies: &RegistryDependencies,
    bundle: &Bundle,
    own: Option<ManifestLimits>,
) -> Result<(), ApiError> {
    let asked = own.unwrap_or_default().or(bundle.manifest().limits);
    let starts = dependencies
        .ceilings
        .check_start(bundle.requirements(), asked.memory_mb);
    starts.map_err(|exceeded| Problem::new(Code::BadRequest, format!("the component has {exceeded}")).into())
}

pub(super) fn check_config(version: &VersionRow, config: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let fields = &version.manifest.config;
    if let Some(key) = config
        .keys()
        .find(|key| !fields.iter().any(|field| field.name == **key))
    {
        let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let message = format!(
            "`{}` is not a configuration key of {}",
            key.escape_default(),
            version.name
        );
        return Err(Problem::new(Code::BadRequest, message)
            .with_hint(format!("its keys: {}", names.join(", ")))
            .into());
    }
    let bytes = version.manifest.config_bytes(config);
    if bytes > CONFIG_BYTES {
        let message = format!(
            "the configuration has {bytes} bytes with the manifest's defaults; at most {CONFIG_BYTES} (CONFIG_BYTES)"
        );
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let json_bytes = version.manifest.config_json_bytes(config);
    if json_bytes > CONFIG_JSON_BYTES {
        let message = format!(
            "the configuration has {json_bytes} bytes as JSON; at most {CONFIG_JSON_BYTES} (CONFIG_JSON_BYTES)"
        );
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    for field in fields {
        match config.get(&field.name) {
            None if field.required && field.default.is_none() => {
                let message = format!("the configuration key `{}` is required", field.name);
                return Err(Problem::new(Code::BadRequest, message).into());
            }
            Some(value) if !field.kind.accepts(value) => {
                let kind = serde_json::to_string(&field.kind).unwrap_or_default();
                let message = format!("the configuration key `{}` requires a value of type {kind}", field.name);
                return Err(Problem::new(Code::BadRequest, message).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads the stored bundle of a version and verifies it again, as at publish.
pub(super) async fn verify_stored(
    dependencies: &Arc<RegistryDependencies>,
    version: &VersionRow,
) -> Result<Bundle, ApiError> {
    ensure_revocations_fresh(dependencies)?;
    let rejected = |reason: String| {
        Problem::new(Code::BundleRejected, "the stored extension failed its verification").caused_by(reason)
    };
    let stored = dependencies
        .blobs
        .get(version.content_hash)
        .await?
        .ok_or_else(|| rejected("it is not in bundle storage".into()))?;
    let (trust, content_hash) = (Arc::clone(&dependencies.trust), version.content_hash);
    let verify = move || {
        let stored = StoredRelease {
            bundle: &stored.bundle,
            signatures: &stored.signatures,
            receipt: stored.receipt.as_deref(),
        };
        trust.verify_stored(content_hash, &stored, known())
    };
    let verified = tokio::task::spawn_blocking(verify).await.map_err(Problem::internal)?;
    verified.map_err(|error| match error {
        StoredError::Rejected(Rejected::Revoked(revoked)) => {
            Problem::new(Code::VersionRevoked, revoked.to_string()).into()
        }
        error => rejected(chain(&error).to_string()).into(),
    })
}
