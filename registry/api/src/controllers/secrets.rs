//! Secrets of installs. They arrive in plaintext, are sealed immediately, and are never returned:
//! the API shows only their names.

use super::install_lookup::{find, installed_version};
use super::{JsonBody, not_found};
use crate::RegistryDependencies;
use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_bundle::{InstallId, Manifest, SecretField, TenantId};
use alga_capabilities::may_reveal;
use alga_errors::{Code, Problem};
use alga_limits::HEADER_SECRET_BYTES;
use alga_registry_types::SecretRequest;
use alga_secrets::{SealError, SecretBinding, SecretEnvelope, SecretValue};
use alga_store::{InstallRow, VersionRow};
use axum::extract::Path;
use axum::http::StatusCode;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// The install and version whose secrets are sealed.
pub(super) struct SecretOwner<'a> {
    pub(super) version: &'a VersionRow,
    pub(super) tenant: &'a TenantId,
    pub(super) install: &'a InstallId,
}

type SecretPath = Path<(String, String, String)>;

pub(crate) async fn set(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install, name)): SecretPath,
    JsonBody(request): JsonBody<SecretRequest>,
) -> Result<StatusCode, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let version = installed_version(&dependencies, &install).await?;
    let owner = SecretOwner {
        version: &version,
        tenant: &install.tenant_id,
        install: &install.id,
    };
    let sealed = owner.seal_one(&dependencies, &name, &request.value).await?;
    dependencies.database.set_secret(&install, &name, &sealed).await?;
    (dependencies.on_install)(Some(&install.tenant_id));
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install, name)): SecretPath,
) -> Result<StatusCode, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    let field = install.manifest.secrets.iter().find(|field| field.name == name);
    if field.is_some_and(|field| field.required) {
        let message = format!("the secret `{name}` is required while {} is installed", install.name);
        return Err(Problem::new(Code::Conflict, message).into());
    }
    if !dependencies.database.delete_secret(&install, &name).await? {
        return Err(not_found("such secret"));
    }
    (dependencies.on_install)(Some(&install.tenant_id));
    Ok(StatusCode::NO_CONTENT)
}

impl SecretOwner<'_> {
    /// Seals all secrets or none. Every name must be declared, and every required secret must be
    /// given or already set.
    pub(super) async fn seal(
        &self,
        dependencies: &RegistryDependencies,
        secrets: &BTreeMap<String, Zeroizing<String>>,
        existing: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let fields = &self.version.manifest.secrets;
        let is_missing = |name: &String| !secrets.contains_key(name) && !existing.contains(name);
        if let Some(field) = fields.iter().find(|field| field.required && is_missing(&field.name)) {
            let problem = Problem::new(Code::BadRequest, format!("the secret `{}` is required", field.name));
            let hint = format!("set it: `alga install … --secret {}=@<file>`", field.name);
            return Err(problem.with_hint(hint).into());
        }
        let mut sealed = BTreeMap::new();
        for (name, value) in secrets {
            sealed.insert(name.clone(), self.seal_one(dependencies, name, value).await?);
        }
        Ok(sealed)
    }

    async fn seal_one(&self, dependencies: &RegistryDependencies, name: &str, value: &str) -> Result<String, ApiError> {
        let fields = &self.version.manifest.secrets;
        let field = fields.iter().find(|field| field.name == name);
        if field.is_some_and(|field| is_for_headers(self.version, field)) {
            check_for_headers(name, value.as_bytes())?;
        }
        if field.is_none() {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let message = format!("`{}` is not a secret of {}", name.escape_default(), self.version.name);
            let problem = Problem::new(Code::BadRequest, message);
            return Err(problem.with_hint(format!("its secrets: {}", names.join(", "))).into());
        }
        let binding = SecretBinding {
            tenant: self.tenant,
            extension: &self.version.extension_id,
            install: self.install,
            name,
        };
        let secret = SecretValue::new(Zeroizing::new(value.as_bytes().to_vec())).map_err(seal_failed)?;
        let sealed = dependencies.sealer.seal(&secret, &binding).await.map_err(seal_failed)?;
        Ok(sealed.to_json())
    }
}

/// Returns whether a secret can only be used in headers: it is bound to hosts, and the version
/// cannot read it.
fn is_for_headers(version: &VersionRow, field: &SecretField) -> bool {
    !field.hosts.is_empty() && !may_reveal(&version.manifest)
}

/// Refuses a value that no header can carry when it is set, since every use of it would fail.
fn check_for_headers(name: &str, value: &[u8]) -> Result<(), ApiError> {
    let refused = |rule: String| {
        let problem = Problem::new(
            Code::BadRequest,
            format!("the secret `{name}` {rule}, and is used in headers only"),
        );
        Err(problem
            .with_hint("`alga install` and `alga installs set-secret` strip one trailing line ending")
            .into())
    };
    if value.len() > HEADER_SECRET_BYTES {
        let rule = format!(
            "has {} bytes; at most {HEADER_SECRET_BYTES} (HEADER_SECRET_BYTES)",
            value.len()
        );
        return refused(rule);
    }
    if value.trim_ascii() != value
        || !value
            .iter()
            .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
    {
        return refused(
            "has a line ending or another control character, or surrounding spaces, which no header can carry"
                .to_owned(),
        );
    }
    Ok(())
}

/// Checks the stored secrets that another version uses in headers, unless the installed version
/// already does.
pub(super) async fn check_stored_secrets(
    dependencies: &RegistryDependencies,
    install: &InstallRow,
    from: &Manifest,
    to: &VersionRow,
) -> Result<(), ApiError> {
    let was_for_headers = |name: &str| {
        let field = from.secrets.iter().find(|field| field.name == name);
        field.is_some_and(|field| !field.hosts.is_empty()) && !may_reveal(from)
    };
    for field in &to.manifest.secrets {
        if !install.secrets.contains(&field.name) || was_for_headers(&field.name) || !is_for_headers(to, field) {
            continue;
        }
        let envelope = dependencies
            .database
            .secret(&install.tenant_id, &install.id, &field.name)
            .await?;
        let Some(envelope) = envelope else { continue };
        let binding = SecretBinding {
            tenant: &install.tenant_id,
            extension: &install.extension_id,
            install: &install.id,
            name: &field.name,
        };
        let envelope = SecretEnvelope::parse(&envelope).map_err(Problem::internal)?;
        let opened = dependencies
            .sealer
            .open(&envelope, &binding)
            .await
            .map_err(seal_failed)?;
        check_for_headers(&field.name, opened.expose())?;
    }
    Ok(())
}

fn seal_failed(error: SealError) -> ApiError {
    let message = error.to_string();
    let problem = match error {
        SealError::Size(_) => Problem::new(Code::BadRequest, message.as_str()),
        SealError::Service(_) => {
            Problem::new(Code::SecretsUnavailable, "secrets cannot be sealed now").retry_after_seconds(5)
        }
        other => Problem::internal(other),
    };
    problem.caused_by(message).into()
}
