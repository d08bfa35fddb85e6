//! The effective configuration. A setting has the same meaning as an environment variable, as a key
//! of the configuration file and as a flag of `alga serve`; flags override the environment, the
//! environment overrides the file, the file overrides the default.

mod oidc;
mod parts;
mod role;
mod settings;
mod telemetry;
mod weights;

pub(crate) use oidc::{JwksPlace, LoginSettings, OidcSettings, is_secure_url};
pub(crate) use parts::{
    Confinement, ConnectionSettings, EgressSettings, PlatformSettings, QueueSettings, RecordSettings, UiSettings,
    VaultSettings,
};
pub use role::{KeyFiles, Role};
pub(crate) use settings::without_passwords;
pub use settings::{EffectiveSetting, Origin, Setting, compiler_path};
pub use weights::{InvalidWeight, TenantWeights};

use crate::tls::TlsFiles;
use alga_bundle::TenantId;
use alga_capabilities::MetricSettings;
use alga_gateway::CorsOrigins;
use alga_limits::{Ceilings, MEMORY_CEILING_MB, TABLE_ELEMENTS as MOST_TABLE_ELEMENTS};
use alga_store::S3Settings;
use alga_traces::{CollectorSettings, TracesSettings};
use settings::{SETTINGS, Sources};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Certificate for TLS; `None` serves without TLS.
    pub tls: Option<TlsFiles>,
    /// Maximum number of connections.
    pub connections: ConnectionSettings,
    /// Part of the platform that runs in this process.
    pub role: Role,
    /// URLs of the runners that a gateway calls.
    pub runner_base_url: Option<String>,
    /// URL of the registry to which a gateway passes its routes on.
    pub registry_base_url: Option<String>,
    /// PEM file with the certificate authorities of runners and registry.
    pub runner_authorities: Option<PathBuf>,
    /// Directory for database, bundles and keys.
    pub data: PathBuf,
    /// Files of keys that are not in the data directory.
    pub key_files: KeyFiles,
    /// URL of a Postgres database; `None` for SQLite.
    pub database: Option<String>,
    /// S3-compatible store for bundles; `None` for the data directory.
    pub s3: Option<S3Settings>,
    /// Vault that seals secrets; `None` for a key in the data directory.
    pub vault: Option<VaultSettings>,
    /// Path or inline JSON of the trust bundle.
    pub trust_bundle: Option<String>,
    /// Signed revocation list to activate at startup.
    pub revocations: Option<PathBuf>,
    /// True to write this host's newer revocation list into a restored database.
    pub adopt_revocations: bool,
    /// True to start without a trust bundle.
    pub dev: bool,
    /// Tenant to which requests without a token belong.
    pub dev_tenant: Option<TenantId>,
    /// OpenID provider whose tokens are accepted.
    pub(crate) oidc: Option<OidcSettings>,
    /// True to accept the token in `admin.token`.
    pub bootstrap_token: bool,
    /// Time for a request at the gateway.
    pub gateway_timeout: Duration,
    /// Requests per second of one tenant.
    pub gateway_requests_per_second: NonZeroU32,
    /// The same of one install; `None` is that of the tenant.
    pub gateway_requests_per_second_of_install: Option<NonZeroU32>,
    /// The same of one endpoint of an install; `None` is that of the install.
    pub gateway_requests_per_second_of_endpoint: Option<NonZeroU32>,
    /// Origins whose scripts may send requests to the gateway.
    pub gateway_origins: CorsOrigins,
    /// Pages of extensions.
    pub ui: UiSettings,
    /// Directory for cached machine code.
    pub cache_root: PathBuf,
    /// Maximum bytes of cached machine code.
    pub cache_max_bytes: u64,
    /// Memory in MiB for machine code that is loaded.
    pub cache_memory_mib: u32,
    /// Path of the compiler program; `None` for a runner that only loads what was compiled.
    pub compiler: Option<PathBuf>,
    /// Processor time for compiling one component in seconds.
    pub compiler_seconds: u64,
    /// Wall-clock time for compiling one component.
    pub compiler_wall: Duration,
    /// Extent to which this process confines itself.
    pub confinement: Confinement,
    /// Files and directories that it may read beside those that settings name.
    pub confine_readable: Vec<PathBuf>,
    /// Hosts that extensions may connect to.
    pub egress: EgressSettings,
    /// Connection to the host application.
    pub platform: PlatformSettings,
    /// Components that may run concurrently.
    pub pool: u32,
    /// Executions that wait to start.
    pub queue: QueueSettings,
    /// Records of executions.
    pub records: RecordSettings,
    /// Metrics of extensions in a scrape.
    pub extension_metrics: MetricSettings,
    /// Export of traces; `None` traces nothing.
    pub traces: Option<TracesSettings>,
    /// Collector of the log; `None` exports no line.
    pub logs: Option<CollectorSettings>,
    /// Fuel of an execution; `None` does not count it.
    pub fuel: Option<NonZeroU64>,
    /// True if components of WASI 0.3 run.
    pub wasi_0_3: bool,
    /// True if `perf` can name the functions of extensions.
    pub perf: bool,
    /// Number of extensions that compute at the same moment.
    pub run_slots: usize,
    /// Niceness of the threads of extensions that compute; 0: they have none.
    pub guest_niceness: u8,
    /// Shares of tenants in the processors.
    pub tenant_weights: TenantWeights,
    /// Maximum memory and table size of an extension.
    pub ceilings: Ceilings,
}

/// Error of a configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file `{}`", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key that is not a setting.
    #[error("the configuration file: {0}\nhint: `alga serve --help` lists the settings")]
    Toml(#[from] toml::de::Error),
    /// A value that is invalid for the setting.
    #[error("{variable}: invalid value `{value}`: {reason}")]
    Value {
        /// Environment variable of the setting.
        variable: &'static str,
        /// The given value.
        value: String,
        /// Reason why the value is invalid.
        reason: String,
    },
    /// A setting that must have a value is empty.
    #[error("the setting `{0}` is empty")]
    Empty(&'static str),
    /// Two settings that contradict each other, or one that is dangerous.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl Config {
    /// Returns every setting with its help.
    #[must_use]
    pub fn settings() -> &'static [Setting] {
        SETTINGS
    }

    /// Returns a configuration file in which every setting is a comment.
    #[must_use]
    pub fn template() -> String {
        settings::template()
    }

    /// Returns every setting with the value that [`Self::load`] would use, whether or not a server
    /// could start with them.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] if the file is invalid.
    pub fn effective(
        flags: &BTreeMap<String, String>,
        environment: &dyn Fn(&str) -> Option<String>,
        file: Option<&str>,
    ) -> Result<Vec<EffectiveSetting>, ConfigError> {
        Ok(sources(flags, environment, file)?.effective())
    }

    /// Loads the configuration from flags (by key), environment and file.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] if the file is invalid, [`ConfigError::Value`] if a value is invalid,
    /// [`ConfigError::Empty`] if a required one is missing, and [`ConfigError::Contradiction`] if
    /// settings contradict each other or are dangerous.
    pub fn load(
        flags: &BTreeMap<String, String>,
        environment: &dyn Fn(&str) -> Option<String>,
        file: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let sources = sources(flags, environment, file)?;
        let text = |key| sources.text(key);
        let path = |key| sources.text(key).map(PathBuf::from);
        let config = Self {
            listen: SocketAddr::new(sources.required("listen")?, sources.required("port")?),
            tls: tls(&sources)?,
            connections: connections(&sources)?,
            role: sources.required("role")?,
            runner_base_url: text("runner_base_url"),
            registry_base_url: text("registry_base_url"),
            runner_authorities: path("runner_authorities"),
            data: sources.data(),
            key_files: key_files(&sources),
            database: text("database"),
            s3: s3(&sources)?,
            vault: vault(&sources)?,
            trust_bundle: text("trust_bundle"),
            revocations: path("revocations"),
            adopt_revocations: sources.required("adopt_revocations")?,
            dev: sources.required("dev")?,
            dev_tenant: sources.parse("dev_tenant")?,
            oidc: oidc::oidc(&sources)?,
            bootstrap_token: sources.required("bootstrap_token")?,
            gateway_timeout: Duration::from_millis(sources.required("gateway_timeout_ms")?),
            gateway_requests_per_second: sources.required("gateway_requests_per_second")?,
            gateway_requests_per_second_of_install: sources.parse("gateway_requests_per_second_of_install")?,
            gateway_requests_per_second_of_endpoint: sources.parse("gateway_requests_per_second_of_endpoint")?,
            gateway_origins: sources.parse("gateway_origins")?.unwrap_or_default(),
            ui: UiSettings {
                frame_ancestors: sources.required("ui_frame_ancestors")?,
                root: text("ui_root"),
                runner_public_base: text("runner_public_base"),
            },
            cache_root: path("cache_root").unwrap_or_default(),
            cache_max_bytes: sources.required("cache_max_bytes")?,
            cache_memory_mib: sources.required("cache_memory_mib")?,
            compiler: path("compiler"),
            compiler_seconds: sources.required("compiler_seconds")?,
            compiler_wall: Duration::from_secs(sources.required("compiler_wall_seconds")?),
            confinement: sources.required("confine")?,
            confine_readable: paths(text("confine_readable")),
            egress: egress(&sources),
            platform: PlatformSettings {
                base: text("platform_base"),
                token_file: path("platform_token_file"),
                ui_proxy_base: text("ui_proxy_base"),
                ui_proxy_token_file: path("ui_proxy_token_file"),
                ui_proxy_timeout: Duration::from_millis(sources.required("ui_proxy_timeout_ms")?),
            },
            pool: sources.required("pool")?,
            queue: queue(&sources)?,
            records: records(&sources)?,
            extension_metrics: telemetry::extension_metrics(&sources)?,
            traces: telemetry::traces(&sources)?,
            logs: telemetry::collector(&sources, "logs_endpoint", "logs_protocol")?,
            fuel: NonZeroU64::new(sources.required("fuel")?),
            wasi_0_3: sources.required("wasi_0_3")?,
            perf: sources.required("perf")?,
            run_slots: sources.parse("run_slots")?.unwrap_or_else(processors),
            guest_niceness: sources.required("guest_niceness")?,
            tenant_weights: sources.parse("tenant_weights")?.unwrap_or_default(),
            ceilings: Ceilings {
                memory_mb: sources.required("memory_max_mb")?,
                table_elements: sources.required("pool_table_elements")?,
            },
        };
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        if self.dev_tenant.is_some() && !(self.dev && self.listen.ip().is_loopback()) {
            return Err(ConfigError::Contradiction(
                "ALGA_DEV_TENANT accepts requests without a token; it requires --dev and a loopback address",
            ));
        }
        if self.trust_bundle.is_none() && !self.dev {
            return Err(ConfigError::Contradiction(
                "no trust bundle: no publisher is trusted\n\
                 hint: set SIGNING_TRUST_BUNDLE (`alga keygen` writes one), or start with --dev",
            ));
        }
        let is_other = |url: &String| !url.starts_with("postgres://") && !url.starts_with("postgresql://");
        if self.database.as_ref().is_some_and(is_other) {
            return Err(ConfigError::Contradiction(
                "ALGA_DATABASE must be a postgres:// URL; omit it for SQLite in the data directory",
            ));
        }
        self.check_role()?;
        if self.connections.total == 0 || self.connections.per_address == 0 {
            return Err(ConfigError::Contradiction(
                "ALGA_CONNECTIONS and ALGA_CONNECTIONS_PER_ADDRESS must be at least 1",
            ));
        }
        let times = [self.gateway_timeout, self.compiler_wall, self.platform.ui_proxy_timeout];
        if self.pool == 0 || self.run_slots == 0 || self.compiler_seconds == 0 || times.iter().any(Duration::is_zero) {
            return Err(ConfigError::Contradiction(
                "ALGA_POOL, ALGA_RUN_SLOTS, EXT_GATEWAY_TIMEOUT_MS, UI_PROXY_TIMEOUT_MS, ALGA_COMPILER_SECONDS and ALGA_COMPILER_WALL_SECONDS must be at least 1",
            ));
        }
        if self.guest_niceness > 19 {
            return Err(ConfigError::Contradiction("ALGA_GUEST_NICENESS must be 0 to 19"));
        }
        if !(1..=MEMORY_CEILING_MB).contains(&self.ceilings.memory_mb) {
            return Err(ConfigError::Contradiction("ALGA_MEMORY_MAX_MB must be 1 to 256"));
        }
        if !(1..=MOST_TABLE_ELEMENTS).contains(&self.ceilings.table_elements) {
            return Err(ConfigError::Contradiction(
                "ALGA_POOL_TABLE_ELEMENTS must be 1 to 100000",
            ));
        }
        Ok(self)
    }
}

fn connections(sources: &Sources<'_>) -> Result<ConnectionSettings, ConfigError> {
    Ok(ConnectionSettings {
        total: sources.required("connections")?,
        per_address: sources.required("connections_per_address")?,
    })
}

/// Returns the number of processors that this process may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads the files of the certificate, both of which are set or none.
fn key_files(sources: &Sources<'_>) -> KeyFiles {
    let path = |key| sources.text(key).map(PathBuf::from);
    KeyFiles {
        service: path("service_key_file"),
        service_public: path("service_public_keys_file"),
        caller_public: path("caller_public_keys_file"),
        registry_public: path("registry_public_key_file"),
        secrets: path("secrets_key_file"),
        cursors: path("cursors_key_file"),
        machine_code: path("machine_code_key_file"),
    }
}

fn tls(sources: &Sources<'_>) -> Result<Option<TlsFiles>, ConfigError> {
    match (sources.text("tls_certificates_file"), sources.text("tls_key_file")) {
        (None, None) => Ok(None),
        (Some(certificates), Some(key)) => Ok(Some(TlsFiles {
            certificates: certificates.into(),
            key: key.into(),
        })),
        _ => Err(ConfigError::Contradiction(
            "TLS needs ALGA_TLS_CERTIFICATES_FILE and ALGA_TLS_KEY_FILE",
        )),
    }
}

impl Config {
    /// Checks that a process which runs a part of the platform knows the others.
    fn check_role(&self) -> Result<(), ConfigError> {
        if (self.role == Role::Gateway) != self.runner_base_url.is_some() {
            return Err(ConfigError::Contradiction(
                "the role gateway requires RUNNER_BASE_URL, and the other roles do not use it",
            ));
        }
        if self.role != Role::Gateway && self.registry_base_url.is_some() {
            return Err(ConfigError::Contradiction(
                "REGISTRY_BASE_URL is for the role gateway: the roles all and registry have these routes themselves",
            ));
        }
        let keys = &self.key_files;
        let has_public_keys = keys.service_public.is_some() && keys.registry_public.is_some();
        if self.role == Role::Runner && !has_public_keys {
            return Err(ConfigError::Contradiction(
                "the role runner requires ALGA_SERVICE_PUBLIC_KEYS_FILE and ALGA_REGISTRY_PUBLIC_KEY_FILE\n\
                 hint: gateway and registry write service.pub and registry.pub to their data directories",
            ));
        }
        if self.role != Role::All && self.database.is_none() {
            return Err(ConfigError::Contradiction(
                "parts of the platform in several processes share a Postgres database: set ALGA_DATABASE",
            ));
        }
        Ok(())
    }
}

/// Returns the paths of a list that is separated by commas.
fn paths(list: Option<String>) -> Vec<PathBuf> {
    let list = list.unwrap_or_default();
    let paths = list.split(',').map(str::trim).filter(|path| !path.is_empty());
    paths.map(PathBuf::from).collect()
}

fn egress(sources: &Sources<'_>) -> EgressSettings {
    let text = |key| sources.text(key).unwrap_or_default();
    EgressSettings {
        allowlist: text("egress_allowlist"),
        exceptions: text("egress_exceptions"),
        denied: text("egress_denied"),
        authorities: sources.text("egress_authorities").map(PathBuf::from),
    }
}

fn queue(sources: &Sources<'_>) -> Result<QueueSettings, ConfigError> {
    Ok(QueueSettings {
        longest_wait: Duration::from_millis(sources.required("queue_ms")?),
        per_tenant: sources.required("queue_per_tenant")?,
        quotas_fail_open: sources.required("quotas_fail_open")?,
    })
}

fn records(sources: &Sources<'_>) -> Result<RecordSettings, ConfigError> {
    let slow_ms: u64 = sources.required("record_slow_ms")?;
    let days = |key| {
        let days: NonZeroU16 = sources.required(key)?;
        Ok::<_, ConfigError>(Duration::from_hours(u64::from(days.get()) * 24))
    };
    Ok(RecordSettings {
        life: days("record_days")?,
        life_of_sums: days("statistics_days")?,
        slower_than: (slow_ms > 0).then(|| Duration::from_millis(slow_ms)),
        one_in: NonZeroU32::new(sources.required("record_one_in")?),
    })
}

fn vault(sources: &Sources<'_>) -> Result<Option<VaultSettings>, ConfigError> {
    let text = |key| sources.text(key);
    let Some(address) = text("vault_address") else {
        return Ok(None);
    };
    let Some(token_file) = text("vault_token_file") else {
        return Err(ConfigError::Contradiction(
            "ALGA_VAULT_ADDRESS requires ALGA_VAULT_TOKEN_FILE: the token itself is not read from the environment, where every child process would see it",
        ));
    };
    Ok(Some(VaultSettings {
        address,
        mount: sources.required("vault_mount")?,
        key: sources.required("vault_key")?,
        token_file: token_file.into(),
    }))
}

fn s3(sources: &Sources<'_>) -> Result<Option<S3Settings>, ConfigError> {
    let text = |key| sources.text(key);
    let Some(bucket) = text("s3_bucket") else {
        return Ok(None);
    };
    let credentials = match (text("s3_access_key"), text("s3_secret_key")) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        _ => {
            return Err(ConfigError::Contradiction(
                "STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY must be set together or not at all",
            ));
        }
    };
    Ok(Some(S3Settings {
        bucket,
        prefix: text("s3_prefix"),
        endpoint: text("s3_endpoint"),
        region: text("s3_region"),
        credentials,
    }))
}

fn sources<'a>(
    flags: &'a BTreeMap<String, String>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: Option<&str>,
) -> Result<Sources<'a>, ConfigError> {
    Ok(Sources {
        flags,
        environment,
        file: file.map(toml::from_str).transpose()?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
