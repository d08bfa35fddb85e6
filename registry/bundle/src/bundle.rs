use crate::archive::Files;
use crate::{
    ArchiveError, Capability, CapabilityProof, ComponentError, ComponentFacts, Digest, EntryPath, Manifest,
    ManifestError, ManifestProblem, ProofError, archive,
};
use alga_limits::{Ceilings, Requirements};
use std::collections::BTreeMap;
use std::io::Read;

const MANIFEST_PATH: &str = "manifest.json";
/// What may be code; the rules of the manifest hold `entry` to it.
pub(crate) const CODE_SUFFIX: &str = ".wasm";

/// A bundle that has passed every check that its bytes alone allow. It holds the manifest and the code; other files passed by.
#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    size_bytes: usize,
    manifest: Manifest,
    manifest_digest: Digest,
    proof: CapabilityProof,
    sizes: BTreeMap<EntryPath, usize>,
    component: Vec<u8>,
    requirements: Requirements,
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
        Self::read_from(bytes, bytes.len(), known)
    }

    /// The same for a bundle that is not in memory and need not be: what is held is the code and little more.
    ///
    /// # Errors
    /// As [`Bundle::read`]; a source that breaks off is an archive that does.
    pub fn read_from(source: impl Read, size_bytes: usize, known: &[Capability]) -> Result<Self, BundleError> {
        // 1.
        let is_kept = |path: &EntryPath| path.as_str() == MANIFEST_PATH || path.as_str().ends_with(CODE_SUFFIX);
        let Files {
            digest,
            sizes,
            mut kept,
        } = archive::read(source, size_bytes, is_kept)?;
        // 2.
        let manifest_bytes = take(&mut kept, MANIFEST_PATH)?;
        let manifest = Manifest::parse(&manifest_bytes, known)?;
        let manifest_digest = Digest::of(&manifest_bytes);
        let absent = absent(&manifest, &sizes);
        if !absent.is_empty() {
            return Err(ManifestError::Problems(absent).into());
        }
        // 3.
        let component = take(&mut kept, &manifest.entry)?;
        let facts = ComponentFacts::read(&component)?;
        // 4.
        let proof = CapabilityProof::compute(&component, &facts, &manifest, known)?;
        // 5.
        if !facts.exports_handler() {
            return Err(BundleError::NoHandler);
        }
        Ok(Self {
            digest,
            size_bytes,
            manifest,
            manifest_digest,
            proof,
            sizes,
            component,
            requirements: facts.requirements,
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
        &self.component
    }

    /// What the engine must have for one instance of the component.
    #[must_use]
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Checks that a host with these ceilings runs it as its manifest asks. For what is packed and published; what is stored stays readable when an
    /// operator lowers a ceiling.
    ///
    /// # Errors
    /// [`BundleError::Component`] with what the component exceeds, or [`BundleError::Manifest`] with what the manifest asks for.
    pub fn check_ceilings(&self, ceilings: &Ceilings) -> Result<(), BundleError> {
        ceilings.check(&self.requirements).map_err(ComponentError::Exceeds)?;
        self.manifest.check_ceilings(ceilings)?;
        let asked = self.manifest.limits.and_then(|limits| limits.memory_mb);
        let starts = ceilings.check_start(&self.requirements, asked);
        starts.map_err(|exceeded| ComponentError::Exceeds(exceeded).into())
    }

    /// The size of the compressed bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// All paths with their sizes in bytes, ascending.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryPath, usize)> {
        self.sizes.iter().map(|(path, size)| (path, *size))
    }
}

fn take(kept: &mut BTreeMap<EntryPath, Vec<u8>>, path: &str) -> Result<Vec<u8>, BundleError> {
    let bytes = path.parse().ok().and_then(|path: EntryPath| kept.remove(&path));
    bytes.ok_or_else(|| BundleError::Missing(path.to_owned()))
}

/// Files that the manifest speaks of and the bundle does not have.
fn absent(manifest: &Manifest, sizes: &BTreeMap<EntryPath, usize>) -> Vec<ManifestProblem> {
    let problem = |path: String, rule: String| {
        ManifestProblem {
        path,
        rule,
        fix: "a bundle holds manifest.json, the component, the bill of materials, and files below `ui/`: `alga pack` looks there, and leaves out what is hidden or in .algaignore".to_owned(),
    }
    };
    let has = |file: &str| file.parse().is_ok_and(|path: EntryPath| sizes.contains_key(&path));
    let files = manifest.named_files().filter(|(_, file)| !has(file));
    let files = files.map(|(path, file)| problem(path.to_owned(), format!("`{file}` is not in the bundle")));
    let matches = |pattern: &str| {
        let pattern = glob::Pattern::new(pattern).ok();
        pattern.is_some_and(|pattern| sizes.keys().any(|path| pattern.matches(path.as_str())))
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
