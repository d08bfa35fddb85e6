use crate::adapters::{StoredReleases, limited_records};
use crate::executions::ExecutionRecordWriter;
use crate::revocations;
use crate::shared::SharedResources;
use crate::{Config, StartError};
use crate::{host_dependencies, metrics};
use alga_auth::{AdministratorToken, Caller, ServiceGrant, TokenVerifier};
use alga_capabilities::Services;
use alga_engine::{CompileError, ComponentFactory};
use alga_errors::chain;
use alga_execute::{
    AdmissionLimits, ExecuteService, ExecuteServiceDependencies, ExecutionDefaults, Loader, LoaderDependencies,
};
use alga_gateway::{Authentication, GatewayDependencies, GatewayLimits, Installs, LocalRunner};
use alga_http::edge;
use alga_registry_api::RegistryDependencies;
use alga_signing::TrustPolicy;
use alga_store::{BlobStore, CLAIM_GRACE, Database, RevocationFile, Staging, UPLOAD_LIFE, collect_garbage};
use axum::Router;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Interval of looking for a newer revocation list of another process: the time for which revoked
/// code may continue to run here.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(10);
/// Interval of garbage collection: garbage is at least a day old, so an hour more does not matter.
const TIDY_INTERVAL: Duration = Duration::from_hours(1);
/// Time for connections to the database to close.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// All components of the server in one process.
pub struct Platform {
    /// Routes of all components.
    pub router: Router,
    /// The execute service, for draining and statistics.
    pub execute: Arc<ExecuteService>,
    database: Database,
    blobs: BlobStore,
    staging: Staging,
    factory: ComponentFactory,
    trust: Arc<TrustPolicy>,
    revocation_file: RevocationFile,
    installs: Installs,
    executions: Arc<ExecutionRecordWriter>,
}

impl Platform {
    /// Builds all components; nothing listens yet.
    ///
    /// # Errors
    /// [`StartError`] if a component cannot be set up; then nothing has been started.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let shared = SharedResources::open(config).await?;
        let execute = execute_service(config, &shared)?;
        let runner = alga_execute::router(Arc::clone(&execute));
        let installs = Installs::new(shared.database.clone());
        let gateway = gateway(config, &shared, Arc::clone(&execute), installs.clone())?;
        let registry = registry(config, &shared, installs.clone());
        let administrator = AdministratorToken::new(&shared.secrets.administrator);
        let executions = Arc::clone(&shared.executions);
        let metrics = metrics::router(Arc::clone(&shared.metrics), Arc::clone(&executions), administrator);
        let SharedResources {
            database,
            blobs,
            staging,
            factory,
            trust,
            revocation_file,
            ..
        } = shared;
        Ok(Self {
            router: edge(runner.merge(gateway).merge(registry).merge(metrics)),
            execute,
            database,
            blobs,
            staging,
            factory,
            trust,
            revocation_file,
            installs,
            executions,
        })
    }

    /// Returns the database handle.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the queue of execution records.
    #[must_use]
    pub fn executions(&self) -> &ExecutionRecordWriter {
        &self.executions
    }

    /// Returns the policy that decides which releases are trusted.
    #[must_use]
    pub fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    /// Checks that components can be compiled on this host. Called before the first client is
    /// served, so that the operator learns of a problem before a publisher does.
    ///
    /// # Errors
    /// [`CompileError`] if the compiler does not run or is of another version.
    pub async fn check_compiler(&self) -> Result<(), CompileError> {
        self.factory.probe().await
    }

    /// Activates revocation lists that other processes on this database activated. Never returns.
    pub async fn follow_revocations(&self) {
        let mut rounds = tokio::time::interval(FOLLOW_INTERVAL);
        loop {
            rounds.tick().await;
            match revocations::follow(&self.trust, &self.database, &self.revocation_file).await {
                Ok(true) => self.installs.evict_all(),
                Ok(false) => {}
                Err(error) => tracing::error!(error = %chain(&error), "could not look for a newer revocation list"),
            }
        }
    }

    /// Deletes unpublished bundles, expired records, old execution records and abandoned uploads,
    /// every hour. Never returns.
    pub async fn run_maintenance(&self) {
        let mut hours = tokio::time::interval(TIDY_INTERVAL);
        loop {
            hours.tick().await;
            match collect_garbage(&self.database, &self.blobs, CLAIM_GRACE).await {
                Ok(bundles) => tracing::info!(bundles, "collected garbage"),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "could not collect garbage; retrying in an hour");
                }
            }
            match limited_records(self.database.clone()).sweep().await {
                Ok(namespaces) => tracing::info!(namespaces, "swept expired records"),
                Err(error) => tracing::warn!(error = %chain(&error), "could not sweep expired records"),
            }
            match self.database.sweep_executions().await {
                Ok(executions) => tracing::info!(executions, "swept old records of executions"),
                Err(error) => tracing::warn!(error = %chain(&error), "could not sweep records of executions"),
            }
            let staging = self.staging.clone();
            let swept = tokio::task::spawn_blocking(move || staging.sweep(UPLOAD_LIFE)).await;
            match swept.unwrap_or_else(|error| Err(io::Error::other(error).into())) {
                Ok(uploads) => tracing::info!(uploads, "swept abandoned uploads"),
                Err(error) => tracing::warn!(error = %chain(&error), "could not sweep uploads"),
            }
        }
    }

    /// Closes the connections to the database, after queued records are written.
    pub async fn close(&self) {
        self.executions.close().await;
        // A statement that hangs would hold its connection; the process does not wait for it longer
        // than an operator does.
        if timeout(LAST_MOMENT, self.database.close()).await.is_err() {
            tracing::warn!("connections to the database were not closed in time");
        }
    }
}

fn execute_service(config: &Config, shared: &SharedResources) -> Result<Arc<ExecuteService>, StartError> {
    let engine = shared.engine.clone();
    let loader = Loader::new(LoaderDependencies {
        engine: engine.clone(),
        factory: shared.factory.clone(),
        source: Arc::new(StoredReleases(shared.blobs.clone())),
        trust: Arc::clone(&shared.trust),
    });
    let host_dependencies = host_dependencies::build_host_dependencies(
        config,
        &shared.database,
        &shared.sealer,
        shared.secrets.cursors,
        &shared.metrics,
    )?;
    let key = shared.secrets.tokens.public_bytes();
    let tokens = TokenVerifier::new(&key, ServiceGrant::AUDIENCE, ServiceGrant::LONGEST, ServiceGrant::BYTES)?;
    let process = config.pool as usize;
    let admission = AdmissionLimits {
        process,
        tenant: (process / 4).max(1),
        install: (process / 8).max(1),
    };
    Ok(Arc::new(ExecuteService::new(ExecuteServiceDependencies {
        engine,
        loader: Arc::new(loader),
        services: Arc::new(Services::new(&host_dependencies)),
        tokens,
        defaults: ExecutionDefaults::below(&config.ceilings),
        records: Arc::clone(&shared.executions) as _,
        admission,
    })))
}

fn gateway(
    config: &Config,
    shared: &SharedResources,
    execute: Arc<ExecuteService>,
    installs: Installs,
) -> Result<Router, StartError> {
    let key = shared.secrets.tokens.public_bytes();
    let callers = TokenVerifier::new(&key, Caller::AUDIENCE, Caller::LONGEST, Caller::BYTES)?;
    Ok(alga_gateway::router(GatewayDependencies {
        authentication: Authentication::new(callers, config.dev_tenant.clone()),
        installs,
        runner: Arc::new(LocalRunner::new(execute)),
        limits: GatewayLimits {
            timeout: config.gateway_timeout,
            requests_per_second: config.gateway_requests_per_second,
        },
    }))
}

fn registry(config: &Config, shared: &SharedResources, installs: Installs) -> Router {
    alga_registry_api::router(RegistryDependencies {
        database: shared.database.clone(),
        blobs: shared.blobs.clone(),
        sealer: Arc::clone(&shared.sealer),
        staging: shared.staging.clone(),
        trust: Arc::clone(&shared.trust),
        registry_key: Arc::clone(&shared.secrets.registry),
        revocation_file: shared.revocation_file.clone(),
        factory: shared.factory.clone(),
        ceilings: config.ceilings,
        administrator: AdministratorToken::new(&shared.secrets.administrator),
        on_install: Arc::new(move || installs.evict_all()),
    })
}
