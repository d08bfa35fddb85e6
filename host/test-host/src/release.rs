//! The bundle of the extension, signed with a key of this process, compiled and loaded once.

use alga_bundle::{Bundle, BundleError, CapabilityName, Digest, Manifest};
use alga_capabilities::known;
use alga_engine::{
    CacheError, Compiler, CompilerLimits, ComponentFactory, CrashJournal, Engine, EngineError, MachineCodeCache,
    PoolSettings, create_private_directory,
};
use alga_errors::Problem;
use alga_execute::{BundleSource, Loader, LoaderDependencies, SourceFuture, StoredRelease};
use alga_http::Endpoints;
use alga_signing::{KeyError, SigningKey, TrustBundle, TrustPolicy, sign};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Executions at the same moment: tests run in parallel.
const POOL: u32 = 64;
/// MiB of machine code in memory.
const MEMORY_MIB: u32 = 512;
/// Bytes of machine code in the cache's directory.
const CACHE_BYTES: u64 = 1024 * 1024 * 1024;

/// Paths of the compiler and of its cached results.
#[derive(Debug, Clone)]
pub struct TestReleaseSettings {
    /// The program `alga-compiler`.
    pub compiler: PathBuf,
    /// Directory of the cache, of this user alone.
    pub cache: PathBuf,
}

/// Reason why an extension cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum TestHostError {
    /// The bundle is not valid.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// An endpoint cannot be matched, or the component cannot be compiled or linked.
    #[error("{0}")]
    Component(Problem),
    /// The engine cannot be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The cache cannot be opened.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The key of the cache cannot be stored.
    #[error("`{0}`")]
    Key(PathBuf, #[source] io::Error),
    /// No key can be generated.
    #[error(transparent)]
    Signing(#[from] KeyError),
    /// A script is not valid.
    #[error("{0}")]
    Script(String),
    /// An internal failure.
    #[error("{0}")]
    Internal(String),
}

impl TestHostError {
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

/// An extension that is tested.
pub struct TestRelease {
    pub(crate) engine: Engine,
    pub(crate) loader: Arc<Loader>,
    pub(crate) manifest: Manifest,
    pub(crate) endpoints: Endpoints,
    pub(crate) content_hash: Digest,
}

struct OnlyRelease(Digest, StoredRelease);

impl BundleSource for OnlyRelease {
    fn fetch(&self, content_hash: Digest) -> SourceFuture<'_> {
        let found = (content_hash == self.0).then(|| self.1.clone());
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl TestRelease {
    /// Reads a bundle. It is compiled when the first host is created.
    ///
    /// # Errors
    /// Returns [`TestHostError`] if the bundle is not valid or the engine cannot be set up.
    pub fn open(bundle: Vec<u8>, settings: &TestReleaseSettings) -> Result<Self, TestHostError> {
        let read = Bundle::read(&bundle, known())?;
        let key = SigningKey::generate()?;
        let manifest = read.manifest().clone();
        let trust = TrustBundle::default().with_key(manifest.publisher.clone(), key.verifying_key());
        let stored = StoredRelease {
            signatures: sign(&read, &key).to_json(),
            bundle,
            receipt: None,
        };
        let engine = Engine::new(&PoolSettings {
            components: POOL,
            ..PoolSettings::default()
        })?;
        let cache = MachineCodeCache::open(&settings.cache, cache_key(&settings.cache)?, CACHE_BYTES)?;
        let compiler = Compiler::new(&settings.compiler, CompilerLimits::default());
        let loader = Loader::new(LoaderDependencies {
            engine: engine.clone(),
            factory: ComponentFactory::new(engine.clone(), compiler, Arc::new(cache)),
            source: Arc::new(OnlyRelease(read.digest(), stored)),
            journal: CrashJournal::in_memory(),
            trust: Arc::new(TrustPolicy::new(trust, key.verifying_key())),
            memory_mib: MEMORY_MIB,
        });
        Ok(Self {
            engine,
            loader: Arc::new(loader),
            endpoints: Endpoints::new(&manifest).map_err(TestHostError::Component)?,
            content_hash: read.digest(),
            manifest,
        })
    }

    /// Returns the capabilities that an install has: these, and those that every install has;
    /// without a list, all that the manifest declares.
    pub(crate) fn granted(&self, names: Option<&Vec<CapabilityName>>) -> Vec<CapabilityName> {
        let declared = self
            .manifest
            .capabilities
            .iter()
            .chain(&self.manifest.optional_capabilities);
        let Some(names) = names else {
            return declared.cloned().collect();
        };
        let has_default = |name: &&CapabilityName| {
            let found = known().iter().find(|capability| capability.name == name.as_str());
            found.is_some_and(|capability| capability.granted_by_default) && !names.contains(name)
        };
        names.iter().chain(declared.filter(has_default)).cloned().collect()
    }
}

/// Returns the key that authenticates cached machine code: the cache of one user's machine.
fn cache_key(directory: &Path) -> Result<[u8; 32], TestHostError> {
    let path = directory.join("key");
    let failed = |error| TestHostError::Key(path.clone(), error);
    create_private_directory(directory).map_err(failed)?;
    if let Some(key) = std::fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(TestHostError::internal)?;
    // Another process may do the same at this moment: what is cached under the key of the one that
    // loses is compiled again.
    let mut file = File::create(&path).map_err(failed)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    file.write_all(&key).map_err(failed)?;
    Ok(key)
}
