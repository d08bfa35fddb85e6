//! Resources shared by several components, built from the configuration: keys, database, bundles,
//! engine, trust.

use crate::metrics::Connections;
use crate::revocations::RevocationStartup;
use crate::telemetry::exported_lines;
use crate::{Config, HostKeys, StartError};
use alga_capabilities::MetricRegistry;
use alga_engine::{CodeOptions, Compiler, CompilerLimits, ComponentFactory, Engine, MachineCodeCache, PoolSettings};
use alga_metrics::Metrics;
use alga_secrets::{LocalKeys, Sealer, VaultTransit};
use alga_signing::{TrustBundle, TrustPolicy};
use alga_store::{BlobStore, Database, RevocationFile};
use alga_traces::{CollectorSettings, ExportError, Logs, Traces};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Resources of every process.
pub(crate) struct SharedResources {
    pub(crate) keys: HostKeys,
    pub(crate) database: Database,
    pub(crate) extension_metrics: Arc<MetricRegistry>,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Option<Traces>,
}

/// Resources of a process that verifies releases: a runner or the registry.
pub(crate) struct ReleaseResources {
    pub(crate) trust: Arc<TrustPolicy>,
    pub(crate) revocation_file: RevocationFile,
    pub(crate) blobs: BlobStore,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) engine: Engine,
    pub(crate) factory: ComponentFactory,
}

impl SharedResources {
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        let database = match &config.database {
            Some(url) => Database::open_postgres(url).await?,
            None => Database::open_sqlite(&config.data.join("alga.sqlite")).await?,
        };
        let metrics = Metrics::default();
        metrics.add_dependency("database", database.latency());
        metrics.add(Connections(database.clone()));
        let traces = config.traces.as_ref().map(Traces::start).transpose()?;
        if let Some(traces) = &traces {
            metrics.add(traces.clone());
        }
        if let Some(settings) = &config.logs {
            export_log(settings, &metrics)?;
        }
        Ok(Self {
            keys: HostKeys::with_files(&config.data, config.key_files.clone())?,
            database,
            extension_metrics: Arc::new(MetricRegistry::new(config.extension_metrics)),
            metrics,
            traces,
        })
    }

    pub(crate) async fn releases(&self, config: &Config) -> Result<ReleaseResources, StartError> {
        let trust = trust(config)?;
        if config.trust_bundle.is_none() {
            tracing::warn!("no trust bundle: nothing can be published or run until SIGNING_TRUST_BUNDLE is set");
        }
        let code = CodeOptions {
            counts_fuel: config.fuel.is_some(),
            runs_wasi_0_3: config.wasi_0_3,
        };
        let engine = Engine::new(&PoolSettings {
            components: config.pool,
            ceilings: config.ceilings,
            code,
            maps_functions: config.perf,
            ..PoolSettings::default()
        })?;
        tracing::info!(allocation = ?engine.allocation(), components = config.pool, "engine ready");
        let machine_code = self.keys.machine_code()?;
        let cache = MachineCodeCache::open(&config.cache_root, machine_code, config.cache_max_bytes)?;
        let compiler = Compiler::new(
            config.compiler.as_deref().unwrap_or(Path::new("")),
            CompilerLimits {
                processor_seconds: config.compiler_seconds,
                wall: config.compiler_wall,
                code,
                ..CompilerLimits::default()
            },
        );
        let registry = self.keys.registry_public()?;
        let trust = Arc::new(TrustPolicy::new(trust, registry));
        let revocation_file = RevocationFile::in_directory(&config.data);
        self.restore_revocations(config, &trust, &revocation_file).await?;
        let blobs = match &config.s3 {
            Some(settings) => BlobStore::s3(settings)?,
            None => BlobStore::local(&config.data.join("bundles"))?,
        };
        let factory = ComponentFactory::new(engine.clone(), compiler, Arc::new(cache));
        self.metrics.add_dependency("objects", blobs.latency());
        self.metrics.add_dependency("compiler", factory.compiling());
        Ok(ReleaseResources {
            trust,
            revocation_file,
            blobs,
            sealer: Arc::new(sealer(config, &self.keys)?),
            factory,
            engine,
        })
    }

    async fn restore_revocations(
        &self,
        config: &Config,
        trust: &TrustPolicy,
        file: &RevocationFile,
    ) -> Result<(), StartError> {
        let supplied = config.revocations.as_ref().map(|path| {
            std::fs::read_to_string(path).map_err(|source| StartError::RevocationsFile {
                path: path.clone(),
                source,
            })
        });
        let startup = RevocationStartup {
            trust,
            database: &self.database,
            file,
            supplied: supplied.transpose()?,
            adopt: config.adopt_revocations,
        };
        startup.restore().await
    }
}

fn sealer(config: &Config, keys: &HostKeys) -> Result<Sealer, StartError> {
    let Some(vault) = &config.vault else {
        return Ok(Sealer::Local(LocalKeys::from_text(&keys.sealing()?)?));
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

pub(crate) fn trust(config: &Config) -> Result<TrustBundle, StartError> {
    let Some(text) = &config.trust_bundle else {
        return Ok(TrustBundle::default());
    };
    if text.trim_start().starts_with('{') {
        return Ok(TrustBundle::parse(text.as_bytes())?);
    }
    let path = PathBuf::from(text);
    let json = std::fs::read(&path).map_err(|source| StartError::TrustFile { path, source })?;
    Ok(TrustBundle::parse(&json)?)
}

/// Starts the export of the log, if this process logs.
fn export_log(settings: &CollectorSettings, metrics: &Metrics) -> Result<(), ExportError> {
    if let Some((queue, lines)) = exported_lines() {
        lines.map(|lines| Logs::start(settings, lines)).transpose()?;
        metrics.add(queue);
    }
    Ok(())
}
