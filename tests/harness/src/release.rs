use alga_bundle::{Bundle, Digest};
use alga_capabilities::known;
use alga_signing::{SigningKey, sign};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A signed extension.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its bundle.
    pub bundle: Vec<u8>,
    /// The signed statement.
    pub signatures: Vec<u8>,
}

impl Release {
    /// A manifest with endpoints for everything that test guests answer.
    #[must_use]
    pub fn manifest(name: &str, version: &str, capabilities: &[&str]) -> Value {
        let methods = ["GET", "POST", "PUT", "DELETE"];
        let endpoints: Vec<Value> = ["/", "/:a", "/:a/:b"]
            .iter()
            .flat_map(|path| methods.map(|method| json!({ "method": method, "path": path })))
            .collect();
        json!({
            "name": name, "publisher": "example", "version": version, "capabilities": capabilities,
            "api": { "endpoints": endpoints },
            "config": [{ "name": "greeting" }],
        })
    }

    /// The bundle of a manifest and a component.
    #[must_use]
    pub fn pack(manifest: &Value, component: &[u8]) -> Vec<u8> {
        let files = BTreeMap::from([
            ("manifest.json".parse().unwrap(), manifest.to_string().into_bytes()),
            ("dist/main.wasm".parse().unwrap(), component.to_vec()),
        ]);
        alga_bundle::pack(&files).unwrap()
    }

    /// A signed release of this manifest and component. Both must be acceptable.
    #[must_use]
    pub fn new(key: &SigningKey, manifest: &Value, component: &[u8]) -> Self {
        let bytes = Self::pack(manifest, component);
        let bundle = Bundle::read(&bytes, known()).unwrap();
        let signatures = sign(&bundle, key).to_json();
        let manifest = bundle.manifest();
        Self {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            bundle: bytes,
            signatures,
        }
    }

    /// Its content hash.
    #[must_use]
    pub fn content_hash(&self) -> Digest {
        Digest::of(&self.bundle)
    }
}
