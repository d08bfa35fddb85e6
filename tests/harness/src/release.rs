use alga_bundle::{Bundle, Digest};
use alga_capabilities::known;
use alga_registry_types::{InstallRequest, Part, RequestBody, form};
use alga_signing::{SigningKey, sign};
use serde_json::{Value, json};

/// Signed extension, ready to be published.
#[derive(Debug, Clone)]
pub struct Release {
    /// Name of the extension.
    pub name: String,
    /// Version of the extension.
    pub version: String,
    /// Bytes of the bundle.
    pub bundle: Vec<u8>,
    /// Signed statement about the bundle.
    pub signatures: Vec<u8>,
}

impl Release {
    /// Returns a manifest whose endpoints cover everything that test guests handle.
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

    /// Packs a manifest and a component into a bundle, with the page that the manifest names.
    #[must_use]
    pub fn pack(manifest: &Value, component: &[u8]) -> Vec<u8> {
        let mut files = vec![("dist/main.wasm", component)];
        let page = manifest.pointer("/ui/entry").and_then(Value::as_str);
        files.extend(page.map(|path| (path, b"<!doctype html><title>Page</title>".as_slice())));
        Self::pack_files(manifest, &files)
    }

    /// Packs a manifest and other files into a bundle.
    #[must_use]
    pub fn pack_files(manifest: &Value, files: &[(&str, &[u8])]) -> Vec<u8> {
        let files = files
            .iter()
            .map(|(path, bytes)| (path.parse().unwrap(), bytes.to_vec()));
        let manifest = ("manifest.json".parse().unwrap(), manifest.to_string().into_bytes());
        alga_bundle::pack_quickly(&files.chain([manifest]).collect()).unwrap()
    }

    /// Creates a signed release of this manifest and component; both must be valid.
    #[must_use]
    pub fn new(key: &SigningKey, manifest: &Value, component: &[u8]) -> Self {
        Self::signed(key, Self::pack(manifest, component))
    }

    /// Signs a bundle, which must be valid.
    #[must_use]
    pub fn signed(key: &SigningKey, bytes: Vec<u8>) -> Self {
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

    /// Returns the form by which this release is published.
    #[must_use]
    pub fn form(&self) -> RequestBody {
        let (bundle, signatures) = (&self.bundle, &self.signatures);
        form(&[Part::field("bundle", bundle), Part::field("signatures", signatures)])
    }

    /// Returns a request that installs this release with these grants.
    #[must_use]
    pub fn install_request(&self, grants: &[&str]) -> InstallRequest {
        InstallRequest {
            extension: self.name.clone(),
            version: self.version.clone(),
            grants: grants.iter().map(|name| name.parse().unwrap()).collect(),
            ..InstallRequest::default()
        }
    }

    /// Returns the content hash of the bundle.
    #[must_use]
    pub fn content_hash(&self) -> Digest {
        Digest::of(&self.bundle)
    }
}
