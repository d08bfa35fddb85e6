//! Conversion of the store's rows to the bodies of the API.

use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_auth::{Access, PrincipalKind};
use alga_errors::Problem;
use alga_registry_types::{ApiKey, AuditEntry, Execution, Install, VersionDetails, VersionSummary};
use alga_store::{ApiKeyRow, AuditRow, ExecutionRow, InstallRow, VersionRow, VersionSummaryRow};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// Converts an install, with warnings for the tenant's administrator.
pub(crate) fn install(dependencies: &RegistryDependencies, row: InstallRow) -> Install {
    let warnings = warnings(dependencies, &row);
    Install {
        id: row.id,
        tenant_id: row.tenant_id,
        extension_id: row.extension_id,
        name: row.name,
        version_id: row.version_id,
        content_hash: row.content_hash,
        manifest: Arc::unwrap_or_clone(row.manifest),
        version_status: row.version_status,
        status: row.status,
        grants: row.grants,
        config: row.config,
        egress: row.egress,
        revision: row.revision,
        limits: row.limits,
        secrets: row.secrets,
        signing_key: row.signing_key,
        warnings,
        pending_version_id: row.pending,
        previous_version_id: row.previous,
    }
}

/// Returns what happened to the installed version since its install: a deprecation, a revocation of
/// its content, which then no longer runs, or of its signer, who is no longer trusted although
/// releases received earlier still are.
fn warnings(dependencies: &RegistryDependencies, row: &InstallRow) -> Vec<String> {
    let deprecated = row.deprecation.iter();
    let mut warnings: Vec<String> = deprecated
        .map(|reason| format!("the installed version is deprecated: {reason}"))
        .collect();
    let Some(list) = dependencies.trust.revocations() else {
        return warnings;
    };
    if list
        .bundles
        .iter()
        .any(|bundle| bundle.content_hash == row.content_hash)
    {
        warnings.push("the installed version is revoked and does not run".to_owned());
    }
    let signer = list.signers.iter().find(|revoked| revoked.signer == row.signing_key);
    warnings.extend(signer.map(|revoked| {
        format!(
            "its signer {} is revoked since {}: {}",
            revoked.signer, revoked.since, revoked.reason
        )
    }));
    warnings
}

/// Converts a version.
pub(crate) fn version(row: VersionRow) -> VersionDetails {
    VersionDetails {
        id: row.id,
        extension_id: row.extension_id,
        name: row.name,
        publisher: row.publisher,
        version: row.version,
        content_hash: row.content_hash,
        manifest: row.manifest,
        capability_proof: row.capability_proof,
        signing_key: row.signing_key,
        receipt: row.receipt,
        status: row.status,
        deprecation: row.deprecation,
        published_at_ms: row.published_at_ms,
    }
}

/// Converts a version of a list.
pub(crate) fn version_summary(row: VersionSummaryRow) -> VersionSummary {
    VersionSummary {
        id: row.id,
        name: row.name,
        version: row.version,
        content_hash: row.content_hash,
        status: row.status,
        deprecation: row.deprecation,
        published_at_ms: row.published_at_ms,
    }
}

/// Converts an execution; its usage and its log are stored as JSON.
pub(crate) fn execution(row: ExecutionRow) -> Result<Execution, ApiError> {
    Ok(Execution {
        id: row.id,
        install_id: row.install_id,
        request_id: row.request_id,
        version_id: row.version_id,
        content_hash: row.content_hash,
        ended_at_ms: row.ended_at_ms,
        duration_us: row.duration_us,
        endpoint: row.endpoint,
        usage: row.usage.map(stored).transpose()?,
        status: row.status,
        code: row.code,
        log: stored(row.log)?,
        log_dropped: row.log_dropped,
    })
}

fn stored<T: DeserializeOwned>(json: Value) -> Result<T, ApiError> {
    Ok(serde_json::from_value(json).map_err(Problem::internal)?)
}

/// Converts an entry of the audit log.
pub(crate) fn audit_entry(row: AuditRow) -> AuditEntry {
    AuditEntry {
        sequence: row.sequence,
        at_ms: row.at_ms,
        actor: row.actor,
        action: row.action,
        tenant: row.tenant,
        subject: row.subject,
        details: row.details,
        hash: row.hash,
    }
}

/// Converts an API key.
pub(crate) fn api_key(row: ApiKeyRow) -> Result<ApiKey, ApiError> {
    let kind: PrincipalKind = row.kind.parse().map_err(Problem::internal)?;
    let access: Access = row.access.parse().map_err(Problem::internal)?;
    Ok(ApiKey {
        id: row.id,
        kind,
        tenant: row.tenant,
        names: row.names,
        access: kind.is_tenant().then_some(access),
        label: row.label,
        created_by: row.created_by,
        created_at_ms: row.created_at_ms,
        expires_at_ms: row.expires_at_ms,
        revoked_at_ms: row.revoked_at_ms,
        used_at_ms: row.used_at_ms,
    })
}
