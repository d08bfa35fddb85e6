use crate::{
    ArchiveError, Capability, CapabilityProof, ComponentError, ComponentFacts, Digest, EntryPath, Manifest,
    ManifestError, ManifestProblem, ProofError, archive,
};
use std::collections::BTreeMap;
use std::ops::Range;

const MANIFEST_PATH: &str = "manifest.json";

/// A bundle that has passed every check that its bytes alone allow.
#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    manifest: Manifest,
    manifest_digest: Digest,
    proof: CapabilityProof,
    content: Vec<u8>,
    ranges: BTreeMap<EntryPath, Range<usize>>,
    component: Range<usize>,
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file that must be there is not.
    #[error("the bundle has no `{0}`")]
    Missing(String),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// Imports and manifest disagree.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Nothing could call it.
    #[error(
        "the component does not export `wasi:http/incoming-handler`, so no request could reach it\nhint: export a handler: `#[alga::handler]` in Rust"
    )]
    NoHandler,
}

impl Bundle {
    /// Reads a bundle: 1. archive, 2. manifest, 3. component, 4. capability proof, 5. handler. Whole, or not at all.
    ///
    /// `known` are the capabilities and ambient interfaces of this platform.
    ///
    /// # Errors
    /// The first step that fails, with everything that is wrong in it.
    pub fn read(bytes: &[u8], known: &[Capability]) -> Result<Self, BundleError> {
        // 1.
        let files = archive::unpack(bytes)?;
        // 2.
        let manifest_bytes = find(&files.content, &files.ranges, MANIFEST_PATH)?;
        let manifest_bytes = files.content.get(manifest_bytes).unwrap_or_default();
        let manifest = Manifest::parse(manifest_bytes, known)?;
        let manifest_digest = Digest::of(manifest_bytes);
        let absent = absent(&manifest, &files.ranges);
        if !absent.is_empty() {
            return Err(ManifestError::Problems(absent).into());
        }
        // 3.
        let component = find(&files.content, &files.ranges, &manifest.entry)?;
        let component_bytes = files.content.get(component.clone()).unwrap_or_default();
        let facts = ComponentFacts::read(component_bytes)?;
        // 4.
        let proof = CapabilityProof::compute(component_bytes, &facts, &manifest, known)?;
        // 5.
        if !facts.exports_handler() {
            return Err(BundleError::NoHandler);
        }
        let digest = Digest::of(bytes);
        Ok(Self {
            digest,
            manifest,
            manifest_digest,
            proof,
            content: files.content,
            ranges: files.ranges,
            component,
        })
    }

    /// The content hash: SHA-256 of the compressed bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of `manifest.json` as it is in the bundle.
    #[must_use]
    pub fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }

    /// What the component can touch.
    #[must_use]
    pub fn proof(&self) -> &CapabilityProof {
        &self.proof
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        self.content.get(self.component.clone()).unwrap_or_default()
    }

    /// A file's bytes.
    #[must_use]
    pub fn file(&self, path: &EntryPath) -> Option<&[u8]> {
        self.content.get(self.ranges.get(path)?.clone())
    }

    /// All paths with their sizes in bytes, ascending.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryPath, usize)> {
        self.ranges.iter().map(|(path, range)| (path, range.len()))
    }
}

fn find(content: &[u8], ranges: &BTreeMap<EntryPath, Range<usize>>, path: &str) -> Result<Range<usize>, BundleError> {
    let missing = || BundleError::Missing(path.to_owned());
    let range = path
        .parse()
        .ok()
        .and_then(|path: EntryPath| ranges.get(&path))
        .ok_or_else(missing)?;
    content.get(range.clone()).map(|_| range.clone()).ok_or_else(missing)
}

/// Files that the manifest speaks of and the bundle does not have.
fn absent(manifest: &Manifest, ranges: &BTreeMap<EntryPath, Range<usize>>) -> Vec<ManifestProblem> {
    let problem = |path: String, rule: String| ManifestProblem {
        path,
        rule,
        fix: "add the file, or correct the path".to_owned(),
    };
    let has = |file: &str| file.parse().is_ok_and(|path: EntryPath| ranges.contains_key(&path));
    let files = manifest.named_files().filter(|(_, file)| !has(file));
    let files = files.map(|(path, file)| problem(path.to_owned(), format!("`{file}` is not in the bundle")));
    let matches = |pattern: &str| {
        let pattern = glob::Pattern::new(pattern).ok();
        pattern.is_some_and(|pattern| ranges.keys().any(|path| pattern.matches(path.as_str())))
    };
    let assets = manifest
        .assets
        .iter()
        .enumerate()
        .filter(|(_, pattern)| !matches(pattern));
    let assets = assets.map(|(index, pattern)| {
        problem(
            format!("$.assets[{index}]"),
            format!("`{pattern}` matches no file of the bundle"),
        )
    });
    files.chain(assets).collect()
}
