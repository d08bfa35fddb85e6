use crate::adapters::StoredReleases;
use crate::config::RecordSettings;
use crate::crashes::crash_journal;
use crate::credentials::credentials;
use crate::drain::Draining;
use crate::executions::ExecutionRecordWriter;
use crate::host_dependencies::certificate_authorities;
use crate::live::Live;
use crate::maintenance::maintain;
use crate::minute_keeper::MinuteKeeper;
use crate::provider::Provider;
use crate::quota_keeper::QuotaKeeper;
use crate::shared::{ReleaseResources, SharedResources};
use crate::stored_pages::StoredPages;
use crate::stored_replies::StoredReplies;
use crate::telemetry::exported_lines;
use crate::{Config, Role, StartError};
use crate::{drain, host_dependencies, live, login, metrics, profile, sessions, watchdog};
use alga_auth::{Authenticator, ServiceGrant, TokenIssuer, TokenVerifier};
use alga_bundle::TenantId;
use alga_capabilities::Services;
use alga_engine::{CompileError, CrashJournal};
use alga_execute::{
    AdmissionLimits, ExecuteService, ExecuteServiceDependencies, ExecutionDefaults, GuestThreads, Loader,
    LoaderDependencies, RunShares, Weights,
};
use alga_gateway::{
    Authentication, CachingRunner, GatewayDependencies, GatewayLimits, Installs, LocalRunner, RateLimits, RemoteRunner,
    Runner, page_redirects, registry_routes,
};
use alga_http::{RequestTotals, observed_edge};
use alga_metrics::RecordedDurations;
use alga_registry_api::{OnInstall, RegistryDependencies};
use alga_signing::TrustPolicy;
use alga_store::{Database, Staging};
use alga_traces::Traces;
use alga_ui::{Releases, UiDependencies};
use axum::Router;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

mod following;

/// Interval of garbage collection: garbage is at least a day old, so an hour more does not matter.
const TIDY_INTERVAL: Duration = Duration::from_hours(1);
/// Time for executions to end, and for connections to the database to close.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// The parts of the platform that run in this process.
pub struct Platform {
    /// Routes of all parts.
    pub router: Router,
    database: Database,
    lookups: Lookups,
    releases: Option<ReleaseResources>,
    runner: Option<RunnerPart>,
    draining: Draining,
    authenticator: Arc<Authenticator>,
    staging: Option<Staging>,
    traces: Option<Traces>,
}

/// Cached lookups of installs, which a change makes obsolete.
#[derive(Clone, Default)]
struct Lookups {
    installs: Option<Installs>,
    pages: Option<Releases>,
}

impl Lookups {
    /// Evicts those of a tenant, or all of them.
    fn evict(&self, tenant: Option<&TenantId>) {
        self.installs.iter().for_each(|installs| installs.evict(tenant));
        self.pages.iter().for_each(Releases::evict_all);
    }
}

/// The runner of this process.
struct RunnerPart {
    execute: Arc<ExecuteService>,
    executions: Arc<ExecutionRecordWriter>,
    minutes: Arc<MinuteKeeper>,
    quotas: Arc<QuotaKeeper>,
}

impl RunnerPart {
    async fn start(config: &Config, shared: &SharedResources, releases: &ReleaseResources) -> Result<Self, StartError> {
        let durations = RecordedDurations::register(&shared.metrics);
        let executions = ExecutionRecordWriter::start(shared.database.clone(), config.records, durations);
        let minutes = MinuteKeeper::start(shared.database.clone());
        let journal = crash_journal(config, &shared.database).await?;
        let weights = Weights::new(config.tenant_weights.0.clone());
        let fails_open = config.queue.quotas_fail_open;
        let quotas = QuotaKeeper::start(shared.database.clone(), Arc::clone(&weights), fails_open).await?;
        let shares = RunShares {
            slots: config.run_slots,
            weights,
        };
        let sinks = (&executions, &*minutes);
        let execute = execute_service(config, shared, releases, sinks, &quotas, shares, journal)?;
        shared.metrics.add(Arc::clone(&execute));
        shared.metrics.add(Arc::clone(minutes.minutes()));
        shared.metrics.add(Arc::clone(execute.live()));
        shared.metrics.add(Arc::clone(&executions));
        shared.metrics.add(Arc::clone(&shared.extension_metrics));
        Ok(Self {
            execute,
            executions,
            minutes,
            quotas,
        })
    }
}

/// Returns the routes about executions in progress.
fn live_routes(part: &RunnerPart, shared: &SharedResources, authenticator: &Arc<Authenticator>) -> Router {
    let live = Live {
        runner: Arc::clone(&part.execute),
        database: shared.database.clone(),
        authenticator: Arc::clone(authenticator),
    };
    live::router(live.clone()).merge(profile::router(live))
}

impl Platform {
    /// Builds the parts of the configured role; nothing listens yet.
    ///
    /// # Errors
    /// [`StartError`] if a part cannot be set up; then nothing has been started.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let role = config.role;
        let shared = SharedResources::open(config).await?;
        let authenticator = Arc::new(Authenticator::new(credentials(config, &shared)?));
        let mut router = Router::new();
        let releases = match role.has_runner() || role.has_registry() {
            true => Some(shared.releases(config).await?),
            false => None,
        };
        let (mut runner, mut draining, mut lookups) = (None, Draining::default(), Lookups::default());
        if let Some(releases) = releases.as_ref().filter(|_| role.has_runner()) {
            let part = runner.insert(RunnerPart::start(config, &shared, releases).await?);
            router = router.merge(alga_execute::router(Arc::clone(&part.execute)));
            draining.runner = Some(Arc::clone(&part.execute));
            router = router.merge(live_routes(part, &shared, &authenticator));
            let pages = lookups.pages.insert(pages(&shared.database, releases));
            router = router.merge(page_routes(config, pages.clone()));
        } else {
            router = router.merge(alga_execute::health(Arc::clone(&draining.is_draining)));
        }
        if role.has_gateway() {
            let lookup = Installs::new(shared.database.clone());
            let caller: Arc<dyn Runner> = match &runner {
                Some(part) => Arc::new(LocalRunner::new(Arc::clone(&part.execute))),
                None => remote_runner(config, &shared)?,
            };
            let own = gateway(config, &authenticator, caller, lookup.clone());
            router = router.merge(own).merge(passed_on(config)?);
            lookups.installs = Some(lookup);
        }
        let mut staging = None;
        if let Some(releases) = releases.as_ref().filter(|_| role.has_registry()) {
            let uploads = Staging::open(&config.data.join("staging"))?;
            let dependencies = RegistryDependencies {
                database: shared.database.clone(),
                blobs: releases.blobs.clone(),
                sealer: Arc::clone(&releases.sealer),
                staging: uploads.clone(),
                trust: Arc::clone(&releases.trust),
                registry_key: shared.keys.registry()?,
                revocation_file: releases.revocation_file.clone(),
                factory: releases.factory.clone(),
                ceilings: config.ceilings,
                authenticator: Arc::clone(&authenticator),
                on_install: evict_on_install(lookups.clone()),
            };
            router = router.merge(alga_registry_api::router(dependencies));
            router = router.merge(browser_routes(config, &shared.database, &authenticator)?);
            staging = Some(uploads);
        }
        router = router.merge(drain::router(draining.clone(), Arc::clone(&authenticator)));
        router = router.merge(metrics::router(shared.metrics.clone(), Arc::clone(&authenticator)));
        let requests = Arc::<RequestTotals>::default();
        shared.metrics.add(Arc::clone(&requests));
        Ok(Self {
            router: observed_edge(router, requests, shared.traces.clone()),
            database: shared.database,
            lookups,
            releases,
            runner,
            draining,
            authenticator,
            staging,
            traces: shared.traces,
        })
    }

    /// Returns the database handle.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the execute service, for statistics, if this process has a runner.
    #[must_use]
    pub fn execute(&self) -> Option<&Arc<ExecuteService>> {
        self.runner.as_ref().map(|part| &part.execute)
    }

    /// Returns the quotas of the runner, if this process has one.
    #[must_use]
    pub fn quotas(&self) -> Option<&QuotaKeeper> {
        self.runner.as_ref().map(|part| &*part.quotas)
    }

    /// Returns the policy that decides which releases are trusted, if this process verifies them.
    #[must_use]
    pub fn trust(&self) -> Option<&TrustPolicy> {
        self.releases.as_ref().map(|releases| &*releases.trust)
    }

    /// Starts a thread that ends this process if it cannot enforce the limits of executions any
    /// more, if this process has a runner.
    ///
    /// # Errors
    /// Returns the operating system's error if it starts no thread.
    pub fn watch(&self) -> io::Result<()> {
        match &self.runner {
            Some(part) => watchdog::start(Arc::downgrade(&part.execute)),
            None => Ok(()),
        }
    }

    /// Waits until an execution has made this process panic; never returns if there is no runner.
    pub async fn poisoned(&self) {
        match &self.runner {
            Some(part) => part.execute.poisoned().await,
            None => pending().await,
        }
    }

    /// Refuses new executions from now on, so that those in progress can finish before the process
    /// stops.
    pub fn drain(&self) {
        self.draining.begin();
    }

    /// Checks that components can be compiled on this host, if it has a compiler. Called before the
    /// first client is served, so that the operator learns of a problem before a publisher does.
    ///
    /// # Errors
    /// [`CompileError`] if the compiler does not run or is of another version.
    pub async fn check_compiler(&self, config: &Config) -> Result<(), CompileError> {
        match &self.releases {
            Some(releases) if config.compiler.is_some() => releases.factory.probe().await,
            _ => Ok(()),
        }
    }

    /// Deletes unpublished bundles, expired records, old execution records and abandoned uploads,
    /// every hour, if this process is a registry. Never returns.
    pub async fn run_maintenance(&self, records: RecordSettings) {
        let (Some(releases), Some(staging)) = (&self.releases, &self.staging) else {
            return pending().await;
        };
        let mut hours = tokio::time::interval(TIDY_INTERVAL);
        loop {
            hours.tick().await;
            maintain(&self.database, &releases.blobs, staging.clone(), records).await;
        }
    }

    /// Waits until every execution in progress has ended, and their records, sums and usage are
    /// written.
    pub async fn settle(&self) {
        if let Some(part) = &self.runner {
            part.execute.ended().await;
            part.executions.flush().await;
            part.minutes.flush().await;
            part.quotas.flush().await;
        }
    }

    /// Waits until the traces of requests that have ended, and what was logged, are exported.
    pub async fn export_traces(&self) {
        if let Some(traces) = &self.traces {
            traces.flush(LAST_MOMENT).await;
        }
        if let Some((lines, _)) = exported_lines() {
            lines.flush(LAST_MOMENT).await;
        }
    }

    /// Closes the connections to the database, after executions have ended and what is queued is
    /// written.
    pub async fn close(&self) {
        if let Some(part) = &self.runner {
            if timeout(LAST_MOMENT, part.execute.ended()).await.is_err() {
                tracing::warn!("executions were cancelled: they did not end in time");
            }
            part.executions.close().await;
            part.minutes.close().await;
            part.quotas.close().await;
        }
        self.export_traces().await;
        // A statement that hangs would hold its connection; the process does not wait for it longer
        // than an operator does.
        if timeout(LAST_MOMENT, self.database.close()).await.is_err() {
            tracing::warn!("connections to the database were not closed in time");
        }
    }
}

fn execute_service(
    config: &Config,
    shared: &SharedResources,
    releases: &ReleaseResources,
    (executions, minutes): (&Arc<ExecutionRecordWriter>, &MinuteKeeper),
    quotas: &QuotaKeeper,
    shares: RunShares,
    journal: Arc<CrashJournal>,
) -> Result<Arc<ExecuteService>, StartError> {
    let engine = releases.engine.clone();
    let loader = Loader::new(LoaderDependencies {
        engine: engine.clone(),
        factory: releases.factory.clone(),
        source: Arc::new(StoredReleases(releases.blobs.clone())),
        journal,
        trust: Arc::clone(&releases.trust),
        memory_mib: config.cache_memory_mib,
    });
    let host_dependencies = host_dependencies::build_host_dependencies(
        config,
        &shared.database,
        &releases.sealer,
        shared.keys.cursors()?,
        &shared.extension_metrics,
    )?;
    let keys = shared.keys.service_public()?;
    let tokens = TokenVerifier::new(
        &keys,
        ServiceGrant::AUDIENCE,
        ServiceGrant::LONGEST,
        ServiceGrant::BYTES,
    )?;
    let process = config.pool as usize;
    let admission = AdmissionLimits {
        process,
        tenant: (process / 4).max(1),
        install: (process / 8).max(1),
        queue: config.queue.per_tenant,
        longest_wait: config.queue.longest_wait,
    };
    Ok(Arc::new(ExecuteService::new(ExecuteServiceDependencies {
        engine,
        loader: Arc::new(loader),
        services: Arc::new(Services::new(&host_dependencies)),
        tokens,
        defaults: ExecutionDefaults {
            fuel: config.fuel,
            ..ExecutionDefaults::below(&config.ceilings)
        },
        records: Arc::clone(executions) as _,
        minutes: Arc::clone(minutes.minutes()),
        quarantine: Arc::clone(quotas.quarantine()),
        quotas: Arc::clone(quotas.quotas()),
        idempotency: Arc::new(StoredReplies(shared.database.clone())),
        admission,
        guest_threads: GuestThreads::start(config.run_slots, config.guest_niceness)
            .map_err(StartError::GuestThreads)?,
        shares,
    })))
}

/// Returns the routes for browsers: sessions, and sign-in at an OpenID provider.
fn browser_routes(
    config: &Config,
    database: &Database,
    authenticator: &Arc<Authenticator>,
) -> Result<Router, StartError> {
    let routes = sessions::router(database.clone(), Arc::clone(authenticator));
    let Some(settings) = config.oidc.as_ref().and_then(|oidc| oidc.login.clone()) else {
        return Ok(routes);
    };
    let provider = Provider::new(settings)?;
    Ok(routes.merge(login::router(provider, database.clone(), Arc::clone(authenticator))))
}

/// Returns the pages of releases that are stored here.
fn pages(database: &Database, releases: &ReleaseResources) -> Releases {
    let source = StoredPages {
        database: database.clone(),
        blobs: releases.blobs.clone(),
    };
    Releases::new(Arc::new(source), Arc::clone(&releases.trust))
}

fn page_routes(config: &Config, releases: Releases) -> Router {
    alga_ui::router(UiDependencies {
        releases,
        ancestors: config.ui.frame_ancestors.clone(),
        root: config.ui.root.clone(),
    })
}

/// Returns the routes that a gateway passes on to the registry, if it knows one.
fn passed_on(config: &Config) -> Result<Router, StartError> {
    let mut routes = Router::new();
    if let Some(url) = &config.registry_base_url {
        routes = registry_routes(url, &authorities(config)?)?;
    }
    Ok(match &config.ui.runner_public_base {
        Some(base) if config.role == Role::Gateway => routes.merge(page_redirects(base)?),
        _ => routes,
    })
}

fn remote_runner(config: &Config, shared: &SharedResources) -> Result<Arc<dyn Runner>, StartError> {
    let url = config.runner_base_url.as_deref().unwrap_or_default();
    let keypair = shared.keys.service()?.to_keypair_bytes();
    let issuer = TokenIssuer::new(&keypair, ServiceGrant::AUDIENCE)?;
    Ok(Arc::new(RemoteRunner::new(url, issuer, &authorities(config)?)?))
}

/// Returns the authorities that issued the certificates of runners and registry.
fn authorities(config: &Config) -> Result<Vec<Vec<u8>>, StartError> {
    let authorities = config.runner_authorities.as_deref().map(certificate_authorities);
    Ok(authorities.transpose()?.unwrap_or_default())
}

fn gateway(config: &Config, authenticator: &Arc<Authenticator>, runner: Arc<dyn Runner>, installs: Installs) -> Router {
    alga_gateway::router(GatewayDependencies {
        authentication: Authentication::new(Arc::clone(authenticator), config.dev_tenant.clone()),
        installs,
        runner: Arc::new(CachingRunner::new(runner)),
        limits: GatewayLimits {
            timeout: config.gateway_timeout,
            rates: rates(config),
            origins: config.gateway_origins.clone(),
        },
    })
}

fn rates(config: &Config) -> RateLimits {
    let tenant = config.gateway_requests_per_second;
    let install = config.gateway_requests_per_second_of_install.unwrap_or(tenant);
    RateLimits {
        tenant,
        install,
        endpoint: config.gateway_requests_per_second_of_endpoint.unwrap_or(install),
    }
}

/// Returns the function that evicts lookups after an install has changed.
fn evict_on_install(lookups: Lookups) -> OnInstall {
    Arc::new(move |tenant| lookups.evict(tenant))
}
