//! Resources shared by several components, built from the configuration: keys, database, bundles,
//! engine, trust.

use crate::executions::ExecutionRecordWriter;
use crate::revocations::RevocationStartup;
use crate::{Config, HostKeys, StartError};
use alga_capabilities::MetricRegistry;
use alga_engine::{Compiler, CompilerLimits, ComponentFactory, Engine, MachineCodeCache, PoolSettings};
use alga_secrets::{LocalKeys, Sealer, VaultTransit};
use alga_signing::{TrustBundle, TrustPolicy};
use alga_store::{BlobStore, Database, RevocationFile, Staging};
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Resources shared by several components of the server.
pub(crate) struct SharedResources {
    pub(crate) secrets: HostKeys,
    pub(crate) trust: Arc<TrustPolicy>,
    pub(crate) revocation_file: RevocationFile,
    pub(crate) database: Database,
    pub(crate) blobs: BlobStore,
    pub(crate) staging: Staging,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) engine: Engine,
    pub(crate) factory: ComponentFactory,
    pub(crate) metrics: Arc<MetricRegistry>,
    pub(crate) executions: Arc<ExecutionRecordWriter>,
}

impl SharedResources {
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        let trust = trust(config)?;
        let secrets = HostKeys::open(&config.data)?;
        let engine = Engine::new(&PoolSettings {
            components: config.pool,
            ceilings: config.ceilings,
            ..PoolSettings::default()
        })?;
        tracing::info!(allocation = ?engine.allocation(), components = config.pool, "engine ready");
        let cache = MachineCodeCache::open(&config.cache_root, secrets.machine_code, config.cache_max_bytes)?;
        let compiler = Compiler::new(
            &config.compiler,
            CompilerLimits {
                processor_seconds: config.compiler_seconds,
                wall: config.compiler_wall,
                ..CompilerLimits::default()
            },
        );
        let database = match &config.database {
            Some(url) => Database::open_postgres(url).await?,
            None => Database::open_sqlite(&config.data.join("alga.sqlite")).await?,
        };
        let trust = Arc::new(TrustPolicy::new(trust, secrets.registry.verifying_key()));
        let revocation_file = RevocationFile::in_directory(&config.data);
        let supplied = config.revocations.as_ref().map(|path| {
            std::fs::read_to_string(path).map_err(|source| StartError::RevocationsFile {
                path: path.clone(),
                source,
            })
        });
        RevocationStartup {
            trust: &trust,
            database: &database,
            file: &revocation_file,
            supplied: supplied.transpose()?,
            adopt: config.adopt_revocations,
        }
        .restore()
        .await?;
        Ok(Self {
            executions: ExecutionRecordWriter::start(database.clone()),
            trust,
            revocation_file,
            database,
            blobs: match &config.s3 {
                Some(settings) => BlobStore::s3(settings)?,
                None => BlobStore::local(&config.data.join("bundles"))?,
            },
            sealer: Arc::new(sealer(config, &secrets)?),
            staging: Staging::open(&config.data.join("staging"))?,
            factory: ComponentFactory::new(engine.clone(), compiler, Arc::new(cache)),
            engine,
            secrets,
            metrics: Arc::default(),
        })
    }
}

fn sealer(config: &Config, secrets: &HostKeys) -> Result<Sealer, StartError> {
    let Some(vault) = &config.vault else {
        return Ok(Sealer::Local(LocalKeys::from_text(&secrets.sealing)?));
    };
    let path = &vault.token_file;
    let token = std::fs::read_to_string(path).map_err(|source| StartError::VaultToken {
        path: path.clone(),
        source,
    })?;
    let token = Zeroizing::new(token.trim().to_owned());
    Ok(Sealer::Vault(VaultTransit::new(
        &vault.address,
        &vault.mount,
        &vault.key,
        token,
    )?))
}

fn trust(config: &Config) -> Result<TrustBundle, StartError> {
    let Some(text) = &config.trust_bundle else {
        tracing::warn!("no trust bundle: nothing can be published or run until SIGNING_TRUST_BUNDLE is set");
        return Ok(TrustBundle::default());
    };
    if text.trim_start().starts_with('{') {
        return Ok(TrustBundle::parse(text.as_bytes())?);
    }
    let path = PathBuf::from(text);
    let json = std::fs::read(&path).map_err(|source| StartError::TrustFile { path, source })?;
    Ok(TrustBundle::parse(&json)?)
}
