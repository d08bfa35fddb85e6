//! The binding of a secret to its install, encoded so that no two bindings share their bytes.

use alga_bundle::{ExtensionId, InstallId, TenantId};

/// The tenant, extension, install and name that a secret is bound to.
#[derive(Debug, Clone, Copy)]
pub struct SecretBinding<'a> {
    /// The tenant that owns the secret.
    pub tenant: &'a TenantId,
    /// The extension that uses the secret.
    pub extension: &'a ExtensionId,
    /// The install that the secret belongs to.
    pub install: &'a InstallId,
    /// The secret's name in the manifest.
    pub name: &'a str,
}

impl SecretBinding<'_> {
    /// Encodes the associated data that is authenticated with the secret: version, key id and every
    /// part of the binding, each prefixed with its length, so that no two bindings have the same
    /// bytes.
    pub(crate) fn associated_data(&self, key_id: &str) -> Vec<u8> {
        let parts = [
            "alga-secret-v1",
            key_id,
            self.tenant.as_str(),
            self.extension.as_str(),
            self.install.as_str(),
            self.name,
        ];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}
