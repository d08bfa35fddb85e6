use crate::adapters::{StoredReleases, limited_records};
use crate::executions::ExecutionRecordWriter;
use crate::revocations;
use crate::shared::SharedResources;
use crate::{Config, HostKeyError};
use crate::{host_dependencies, metrics};
use alga_auth::{AdministratorToken, Caller, ServiceGrant, TokenError, TokenIssuer, TokenVerifier};
use alga_capabilities::Services;
use alga_engine::{CacheError, CompileError, ComponentFactory, EngineError};
use alga_errors::chain;
use alga_execute::{
    AdmissionLimits, ExecuteService, ExecuteServiceDependencies, ExecutionDefaults, Loader, LoaderDependencies,
};
use alga_gateway::{Authentication, GatewayDependencies, GatewayLimits, Installs, RunnerLink};
use alga_http::edge;
use alga_registry_api::RegistryDependencies;
use alga_secrets::SealError;
use alga_signing::{RevocationError, TrustError, TrustPolicy};
use alga_store::{BlobStore, CLAIM_GRACE, Database, RevocationFile, Staging, StoreError, UPLOAD_LIFE, collect_garbage};
use axum::Router;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How often to look for a newer revocation list of another process: how long revoked code may go on there.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(10);
/// How often garbage is collected: it is a day old by then, so an hour more is nothing.
const TIDY_INTERVAL: Duration = Duration::from_hours(1);
/// Time for connections to the database to end.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// All parts in one process.
pub struct Platform {
    /// Every route of every part.
    pub router: Router,
    /// The runner's service, for draining and figures.
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

/// Why the platform did not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the error of the part of its name")]
pub enum StartError {
    #[error("keys")]
    Secrets(#[from] HostKeyError),
    #[error("store")]
    Store(#[from] StoreError),
    #[error("engine")]
    Engine(#[from] EngineError),
    #[error("machine-code cache")]
    Cache(#[from] CacheError),
    #[error("tokens")]
    Tokens(#[from] TokenError),
    #[error("trust bundle")]
    Trust(#[from] TrustError),
    #[error("the trust bundle `{}`", path.display())]
    TrustFile { path: PathBuf, source: std::io::Error },
    #[error("egress")]
    Egress(#[source] alga_egress::PolicyError),
    #[error("TLS for egress: {0}")]
    Tls(String),
    #[error("the authorities in `{}`: {reason}", path.display())]
    Authorities { path: PathBuf, reason: String },
    #[error("the product at `{0}`: {1}")]
    Platform(String, String),
    #[error("the credential `{}` for the product", path.display())]
    PlatformToken { path: PathBuf, source: std::io::Error },
    #[error("sealing secrets")]
    Sealing(#[from] SealError),
    #[error("the token file `{}` of the secrets service", path.display())]
    VaultToken { path: PathBuf, source: std::io::Error },
    #[error(
        "the stored revocation list\nhint: when its key is not trusted any more, start with ALGA_REVOCATIONS=<a newer list, signed by one that is>"
    )]
    Revocations(#[from] RevocationError),
    #[error("the revocation list `{}`", path.display())]
    RevocationsFile { path: PathBuf, source: std::io::Error },
    #[error(
        "the database knows revocation list {database}, this host has seen {host}: the database was put back to an older state\n\
         hint: restore a newer backup, or start once with ALGA_ADOPT_REVOCATIONS=true to put this host's list back into it"
    )]
    RolledBack { database: u64, host: u64 },
}

impl Platform {
    /// Puts everything together; nothing listens yet.
    ///
    /// # Errors
    /// When a part cannot be set up; then nothing has been started.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let shared = SharedResources::open(config).await?;
        let execute = execute_service(config, &shared)?;
        let runner = alga_execute::router(Arc::clone(&execute));
        let installs = Installs::new(shared.database.clone());
        let gateway = gateway(config, &shared, runner.clone(), installs.clone())?;
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

    /// Rows.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What executions wrote, on its way into the database.
    #[must_use]
    pub fn executions(&self) -> &ExecutionRecordWriter {
        &self.executions
    }

    /// What releases are judged by.
    #[must_use]
    pub fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    /// Whether components can be compiled here. Asked before the first client is served: an operator should not learn it from a publisher.
    ///
    /// # Errors
    /// When the compiler does not run or is of another version.
    pub async fn check_compiler(&self) -> Result<(), CompileError> {
        self.factory.probe().await
    }

    /// Takes, for ever, revocation lists that other processes on this database took.
    pub async fn follow_revocations(&self) {
        let mut rounds = tokio::time::interval(FOLLOW_INTERVAL);
        loop {
            rounds.tick().await;
            match revocations::follow(&self.trust, &self.database, &self.revocation_file).await {
                Ok(true) => self.installs.forget(),
                Ok(false) => {}
                Err(error) => tracing::error!(error = %chain(&error), "could not look for a newer revocation list"),
            }
        }
    }

    /// Removes, every hour and for ever, what was put and never published and uploads that nobody continues.
    pub async fn run_maintenance(&self) {
        let mut hours = tokio::time::interval(TIDY_INTERVAL);
        loop {
            hours.tick().await;
            match collect_garbage(&self.database, &self.blobs, CLAIM_GRACE).await {
                Ok(bundles) => tracing::info!(bundles, "collected garbage"),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "could not collect garbage; the next hour tries again");
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

    /// Ends connections to the database, finishing what is under way.
    pub async fn close(&self) {
        self.executions.close().await;
        // A statement that hangs would keep its connection; the process does not wait for it longer than an operator does.
        if timeout(LAST_MOMENT, self.database.close()).await.is_err() {
            tracing::warn!("the database did not let its connections go in time");
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
        services: Services::new(&host_dependencies),
        tokens,
        defaults: ExecutionDefaults::below(&config.ceilings),
        records: Arc::clone(&shared.executions) as _,
        admission,
    })))
}

fn gateway(
    config: &Config,
    shared: &SharedResources,
    runner: Router,
    installs: Installs,
) -> Result<Router, StartError> {
    let keypair = shared.secrets.tokens.to_keypair_bytes();
    let key = shared.secrets.tokens.public_bytes();
    let callers = TokenVerifier::new(&key, Caller::AUDIENCE, Caller::LONGEST, Caller::BYTES)?;
    Ok(alga_gateway::router(GatewayDependencies {
        authentication: Authentication::new(callers, config.dev_tenant.clone()),
        installs,
        runner: RunnerLink::new(runner, TokenIssuer::new(&keypair, ServiceGrant::AUDIENCE)?),
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
        on_install: Arc::new(move || installs.forget()),
    })
}
