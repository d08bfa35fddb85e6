//! Whose a secret is, as bytes that no two bindings share.

use alga_bundle::{ExtensionId, InstallId, TenantId};

/// Whose secret it is.
#[derive(Debug, Clone, Copy)]
pub struct SecretBinding<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The extension.
    pub extension: &'a ExtensionId,
    /// The install.
    pub install: &'a InstallId,
    /// The secret's name in the manifest.
    pub name: &'a str,
}

impl SecretBinding<'_> {
    /// What is authenticated beside the secret: version, key, and every part with its length before it, so that no two bindings have the same bytes.
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
