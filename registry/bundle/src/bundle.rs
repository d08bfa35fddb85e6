use crate::archive::Files;
use crate::path::CODE_SUFFIX;
use crate::{
    ArchiveError, Capability, CapabilityProof, ComponentError, ComponentFacts, Digest, EntryPath, Manifest,
    ManifestError, ManifestProblem, ProofError, archive,
};
use alga_limits::{Ceilings, Requirements};
use std::collections::BTreeMap;
use std::io::Read;

const MANIFEST_PATH: &str = "manifest.json";

/// A bundle that has passed every check that is possible with its bytes alone. It holds the
/// manifest and the component, if there is one; of other files only path and size.
#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    size_bytes: usize,
    manifest: Manifest,
    manifest_digest: Digest,
    proof: CapabilityProof,
    sizes: BTreeMap<EntryPath, usize>,
    component: Option<Vec<u8>>,
    requirements: Requirements,
}

/// An error of reading a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The archive is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A required file is missing.
    #[error("the bundle has no `{0}`")]
    Missing(String),
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The component is refused.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The component's imports do not match the manifest.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The component exports no handler that could receive requests.
    #[error(
        "the component does not export `wasi:http/incoming-handler`, so no request could reach it\nhint: export a handler: `#[alga::handler]` in Rust; `alga pack` adapts the handler of AlgaPSA's runner"
    )]
    NoHandler,
}

impl Bundle {
    /// Reads a bundle completely or refuses it.
    ///
    /// Checks, in order:
    /// 1. the archive;
    /// 2. the manifest;
    /// 3. the component;
    /// 4. the capability proof;
    /// 5. the exported handler.
    ///
    /// `known` are the capabilities and ambient interfaces of this platform.
    ///
    /// # Errors
    /// Returns the [`BundleError`] of the first step that fails, with all problems that this step
    /// found.
    pub fn read(bytes: &[u8], known: &[Capability]) -> Result<Self, BundleError> {
        Self::read_from(bytes, bytes.len(), known)
    }

    /// Reads a bundle from a stream, with the checks of [`Bundle::read`]. Memory holds the manifest
    /// and the code, not the whole bundle.
    ///
    /// # Errors
    /// Returns the errors of [`Bundle::read`], and [`BundleError::Archive`] if the source fails or
    /// ends early.
    pub fn read_from(source: impl Read, size_bytes: usize, known: &[Capability]) -> Result<Self, BundleError> {
        // 1.
        let is_requested = |path: &EntryPath| path.as_str() == MANIFEST_PATH || path.as_str().ends_with(CODE_SUFFIX);
        let Files {
            digest,
            sizes,
            mut requested,
        } = archive::read(source, size_bytes, is_requested)?;
        // 2.
        let manifest_bytes = extract(&mut requested, MANIFEST_PATH)?;
        let manifest = Manifest::parse(&manifest_bytes, known)?;
        let manifest_digest = Digest::of(&manifest_bytes);
        let absent = absent(&manifest, &sizes);
        if !absent.is_empty() {
            return Err(ManifestError::Problems(absent).into());
        }
        let component = match extract(&mut requested, &manifest.entry) {
            Err(BundleError::Missing(_)) if manifest.is_page_alone() => None,
            component => Some(component?),
        };
        // 3.
        let facts = component.as_deref().map(ComponentFacts::read).transpose()?;
        // 4.
        let code = component.as_deref().zip(facts.as_ref());
        let proof = CapabilityProof::compute(code, &manifest, known)?;
        // 5.
        if facts.as_ref().is_some_and(|facts| !facts.exports_handler()) {
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
            requirements: facts.map(|facts| facts.requirements).unwrap_or_default(),
        })
    }

    /// The content hash: SHA-256 of the compressed bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The manifest of the extension.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of `manifest.json` as it is in the bundle.
    #[must_use]
    pub fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }

    /// The capability proof: the interfaces that the component can use.
    #[must_use]
    pub fn proof(&self) -> &CapabilityProof {
        &self.proof
    }

    /// The component's bytes; `None` if the extension is a page alone, which handles no request.
    #[must_use]
    pub fn component(&self) -> Option<&[u8]> {
        self.component.as_deref()
    }

    /// The engine resources that one instance of the component requires.
    #[must_use]
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Checks that a host with these ceilings can run the bundle as its manifest requests. Called
    /// at pack and publish only: a stored bundle stays readable when an operator lowers a ceiling.
    ///
    /// # Errors
    /// Returns [`BundleError::Component`] with the ceiling that the component exceeds, or
    /// [`BundleError::Manifest`] with the requests that the host refuses.
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

fn extract(requested: &mut BTreeMap<EntryPath, Vec<u8>>, path: &str) -> Result<Vec<u8>, BundleError> {
    let bytes = path.parse().ok().and_then(|path: EntryPath| requested.remove(&path));
    bytes.ok_or_else(|| BundleError::Missing(path.to_owned()))
}

/// Returns a problem for each file that the manifest names and the bundle does not contain.
fn absent(manifest: &Manifest, sizes: &BTreeMap<EntryPath, usize>) -> Vec<ManifestProblem> {
    let problem = |path: String, rule: String| {
        ManifestProblem {
        path,
        rule,
        fix: "a bundle contains manifest.json, the component, the bill of materials, and files below `ui/`; `alga pack` leaves out hidden files and those in .algaignore".to_owned(),
    }
    };
    let has = |file: &str| file.parse().is_ok_and(|path: EntryPath| sizes.contains_key(&path));
    let is_optional = |path: &str| path == "$.entry" && manifest.is_page_alone();
    let files = manifest
        .named_files()
        .filter(|(path, file)| !has(file) && !is_optional(path));
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
