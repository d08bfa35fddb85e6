use alga_bundle::{Bundle, Digest, ExtensionName, PublisherName, Version};
use serde::{Deserialize, Serialize};

/// The signed statement of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// The publisher of the release.
    pub publisher: PublisherName,
    /// The extension's name.
    pub name: ExtensionName,
    /// The extension's version.
    pub version: Version,
    /// The content hash of the bundle.
    pub bundle: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its capability proof.
    pub capability_proof: Digest,
}

impl Statement {
    /// The statement that a release of this bundle needs.
    #[must_use]
    pub fn about(bundle: &Bundle) -> Self {
        let manifest = bundle.manifest();
        Self {
            publisher: manifest.publisher.clone(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            bundle: bundle.digest(),
            manifest: bundle.manifest_digest(),
            capability_proof: bundle.proof().digest(),
        }
    }
}
