//! What executions need to know of the release that they run: its manifest, and what of it is worth being prepared once.

use alga_bundle::{Manifest, SecretField, ValueSchema};
use std::collections::BTreeMap;

/// A release, prepared once when it is loaded.
#[derive(Debug)]
pub struct Release {
    manifest: Manifest,
    schemas: BTreeMap<String, ValueSchema>,
}

impl Release {
    /// Prepares a release whose manifest's rules hold. A schema that cannot be compiled was refused at publish; here it would be lost, so its
    /// namespace takes nothing.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        let declared = manifest.storage.iter();
        let schemas =
            declared.filter_map(|space| Some((space.namespace.clone(), ValueSchema::of(space.schema.as_ref()?))));
        Self {
            schemas: schemas.collect(),
            manifest,
        }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A secret that the manifest declares; else the line to add.
    pub(crate) fn secret(&self, name: &str) -> Result<&SecretField, String> {
        let declared = self.manifest.secrets.iter().find(|field| field.name == name);
        declared.ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            let line = serde_json::json!({ "name": name, "hosts": ["api.example.com"] });
            format!("add {line} to \"secrets\" in manifest.json")
        })
    }

    /// The schema that values of a namespace have, if it has one.
    pub(crate) fn schema(&self, namespace: &str) -> Option<&ValueSchema> {
        self.schemas.get(namespace)
    }
}

/// What to do about a secret that is declared and not set.
pub(crate) fn not_set(name: &str) -> String {
    format!("the tenant has not set it: `alga installs set-secret … {name}`")
}
