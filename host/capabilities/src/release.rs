//! Data of a release that its executions need: the manifest, and the schemas that are compiled
//! once.

use alga_bundle::{Manifest, SecretField, ValueSchema};
use alga_http::Endpoints;
use http::Method;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A release, prepared once when it is loaded.
#[derive(Debug)]
pub struct Release {
    manifest: Manifest,
    schemas: BTreeMap<String, ValueSchema>,
    endpoints: Endpoints,
    /// Names of the endpoints in the order of the manifest, such as `GET /agreements/:id`.
    endpoint_names: Vec<Arc<str>>,
}

impl Release {
    /// Prepares a release from a valid manifest. Publishing refuses a schema that cannot be
    /// compiled; here, the namespace of such a schema would refuse every value. It refuses
    /// endpoints
    /// that cannot be matched, too; here, no request would have the name of one.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        let declared = manifest.storage.iter();
        let schemas =
            declared.filter_map(|space| Some((space.namespace.clone(), ValueSchema::of(space.schema.as_ref()?))));
        let endpoints = manifest.api.endpoints.iter();
        let names = endpoints.map(|endpoint| format!("{} {}", endpoint.method.as_str(), endpoint.path).into());
        Self {
            schemas: schemas.collect(),
            endpoint_names: names.collect(),
            endpoints: Endpoints::new(&manifest).unwrap_or_default(),
            manifest,
        }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the name of the endpoint for a method and a canonical path, if the manifest has one.
    #[must_use]
    pub fn endpoint(&self, method: &Method, path: &str) -> Option<Arc<str>> {
        let place = self.endpoints.index(method, path)?;
        self.endpoint_names.get(place).cloned()
    }

    /// Returns the manifest's declaration of a secret, or the line to add if it is not declared.
    pub(crate) fn secret(&self, name: &str) -> Result<&SecretField, String> {
        let declared = self.manifest.secrets.iter().find(|field| field.name == name);
        declared.ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            let line = serde_json::json!({ "name": name, "hosts": ["api.example.com"] });
            format!("add {line} to \"secrets\" in manifest.json")
        })
    }

    /// Returns the schema for the values of a namespace, if the manifest declares one.
    pub(crate) fn schema(&self, namespace: &str) -> Option<&ValueSchema> {
        self.schemas.get(namespace)
    }
}

/// Returns the error text for a secret that is declared but not set, with the command that sets it.
pub(crate) fn not_set(name: &str) -> String {
    format!("the tenant has not set it: `alga installs set-secret … {name}`")
}
