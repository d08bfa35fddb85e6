//! The effective configuration. A setting has the same meaning as an environment variable, as a key
//! of the configuration file and as a flag of `alga serve`; flags override the environment, the
//! environment overrides the file, the file overrides the default.

mod oidc;
mod role;
mod settings;

pub(crate) use oidc::{JwksPlace, OidcSettings};
pub use role::{KeyFiles, Role};
pub use settings::{EffectiveSetting, Origin, Setting};

use alga_bundle::TenantId;
use alga_limits::{Ceilings, MEMORY_CEILING_MB, TABLE_ELEMENTS as MOST_TABLE_ELEMENTS};
use alga_store::S3Settings;
use settings::{SETTINGS, Sources};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Part of the platform that runs in this process.
    pub role: Role,
    /// URLs of the runners that a gateway calls.
    pub runner_base_url: Option<String>,
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
    /// Directory for cached machine code.
    pub cache_root: PathBuf,
    /// Maximum bytes of cached machine code.
    pub cache_max_bytes: u64,
    /// Path of the compiler program; `None` for a runner that only loads what was compiled.
    pub compiler: Option<PathBuf>,
    /// Processor time for compiling one component in seconds.
    pub compiler_seconds: u64,
    /// Wall-clock time for compiling one component.
    pub compiler_wall: Duration,
    /// Hosts that extensions may connect to.
    pub egress: EgressSettings,
    /// Connection to the host application.
    pub platform: PlatformSettings,
    /// Components that may run concurrently.
    pub pool: u32,
    /// Maximum memory and table size of an extension.
    pub ceilings: Ceilings,
}

/// Hosts that extensions may connect to.
#[derive(Debug, Clone, Default)]
pub struct EgressSettings {
    /// Comma-separated hosts that are allowed.
    pub allowlist: String,
    /// Comma-separated exceptions with private addresses.
    pub exceptions: String,
    /// Comma-separated blocks of public addresses that are denied.
    pub denied: String,
    /// PEM file with additional CA certificates.
    pub authorities: Option<PathBuf>,
}

/// The host application that extensions run in.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// Base URL of the host application.
    pub base: Option<String>,
    /// File with this platform's credential for its internal API.
    pub token_file: Option<PathBuf>,
    /// URL of its routes, if it differs from `base`.
    pub ui_proxy_base: Option<String>,
    /// File with this platform's credential for the routes.
    pub ui_proxy_token_file: Option<PathBuf>,
    /// Time for a call of a route.
    pub ui_proxy_timeout: Duration,
}

/// Location of a Vault, and its key for sealing.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// URL of the Vault.
    pub address: String,
    /// Mount of the transit engine.
    pub mount: String,
    /// Name of the key.
    pub key: String,
    /// File with the token.
    pub token_file: PathBuf,
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
            role: sources.required("role")?,
            runner_base_url: text("runner_base_url"),
            data: sources.data(),
            key_files: KeyFiles {
                service: path("service_key_file"),
                service_public: path("service_public_keys_file"),
                caller_public: path("caller_public_keys_file"),
                registry_public: path("registry_public_key_file"),
                secrets: path("secrets_key_file"),
                cursors: path("cursors_key_file"),
                machine_code: path("machine_code_key_file"),
            },
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
            cache_root: path("cache_root").unwrap_or_default(),
            cache_max_bytes: sources.required("cache_max_bytes")?,
            compiler: path("compiler"),
            compiler_seconds: sources.required("compiler_seconds")?,
            compiler_wall: Duration::from_secs(sources.required("compiler_wall_seconds")?),
            egress: EgressSettings {
                allowlist: text("egress_allowlist").unwrap_or_default(),
                exceptions: text("egress_exceptions").unwrap_or_default(),
                denied: text("egress_denied").unwrap_or_default(),
                authorities: path("egress_authorities"),
            },
            platform: PlatformSettings {
                base: text("platform_base"),
                token_file: path("platform_token_file"),
                ui_proxy_base: text("ui_proxy_base"),
                ui_proxy_token_file: path("ui_proxy_token_file"),
                ui_proxy_timeout: Duration::from_millis(sources.required("ui_proxy_timeout_ms")?),
            },
            pool: sources.required("pool")?,
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
        if self
            .database
            .as_ref()
            .is_some_and(|url| !url.starts_with("postgres://") && !url.starts_with("postgresql://"))
        {
            return Err(ConfigError::Contradiction(
                "ALGA_DATABASE must be a postgres:// URL; omit it for SQLite in the data directory",
            ));
        }
        self.check_role()?;
        let times = [self.gateway_timeout, self.compiler_wall, self.platform.ui_proxy_timeout];
        if self.pool == 0 || self.compiler_seconds == 0 || times.iter().any(Duration::is_zero) {
            return Err(ConfigError::Contradiction(
                "ALGA_POOL, EXT_GATEWAY_TIMEOUT_MS, UI_PROXY_TIMEOUT_MS, ALGA_COMPILER_SECONDS and ALGA_COMPILER_WALL_SECONDS must be at least 1",
            ));
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

impl Config {
    /// Checks that a process which runs a part of the platform knows the others.
    fn check_role(&self) -> Result<(), ConfigError> {
        if (self.role == Role::Gateway) != self.runner_base_url.is_some() {
            return Err(ConfigError::Contradiction(
                "the role gateway requires RUNNER_BASE_URL, and the other roles do not use it",
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
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)], environment: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let environment = pairs(environment);
        Config::load(&pairs(flags), &|name| environment.get(name).cloned(), Some(file))
    }

    #[test]
    fn flags_win_over_environment_over_file_over_default() {
        let file = "dev = true\nport = 1\npool = 2\ncache_max_bytes = 3";
        let config = load(&[("port", "10")], &[("PORT", "11"), ("ALGA_POOL", "12")], file).unwrap();
        assert_eq!((config.listen.port(), config.pool, config.cache_max_bytes), (10, 12, 3));
        assert_eq!(config.gateway_timeout, Duration::from_secs(5));
    }

    #[test]
    fn every_setting_is_shown_with_its_effective_value_and_its_origin() {
        let flags = BTreeMap::from([("port".to_owned(), "10".to_owned())]);
        let environment = |name: &str| match name {
            "ALGA_DATABASE" => Some("postgres://alga:hunter2@db/alga".to_owned()),
            "STORAGE_S3_SECRET_KEY" => Some("hunter2".to_owned()),
            _ => None,
        };
        let effective = Config::effective(&flags, &environment, Some("pool = 2\nvault_key = \"k\"")).unwrap();
        let value = |key: &str| {
            let found = effective.iter().find(|effective| effective.setting.key == key).unwrap();
            (found.value.clone().unwrap_or_default(), found.origin)
        };
        assert_eq!(effective.len(), Config::settings().len());
        assert_eq!(value("port"), ("10".to_owned(), Origin::Flag));
        assert_eq!(value("pool"), ("2".to_owned(), Origin::File));
        assert_eq!(value("vault_key"), ("k".to_owned(), Origin::File));
        assert_eq!(value("compiler_seconds"), ("120".to_owned(), Origin::Default));
        assert_eq!(
            value("cache_root"),
            ("alga-data/machine-code".to_owned(), Origin::Default)
        );
        assert_eq!(
            value("database"),
            ("postgres://alga:********@db/alga".to_owned(), Origin::Environment)
        );
        assert_eq!(value("s3_secret_key"), ("********".to_owned(), Origin::Environment));
        assert_eq!(value("trust_bundle"), (String::new(), Origin::Default));
    }

    #[test]
    fn the_template_has_every_setting_and_is_a_valid_file_when_uncommented() {
        let template = Config::template();
        let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
        let lines = template.lines().filter(is_setting);
        let file = lines
            .map(|line| line.trim_start_matches("# "))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(file.lines().count(), Config::settings().len());
        let effective = Config::effective(&BTreeMap::new(), &|_| None, Some(&file)).unwrap();
        for setting in effective {
            let is_default = setting.setting.default.is_empty() || setting.origin == Origin::File;
            assert!(is_default, "{} is missing in the template", setting.setting.key);
        }
        assert!(toml::from_str::<toml::Table>(&template).unwrap().is_empty());
    }

    #[test]
    fn the_defaults_are_those_of_the_table_of_limits() {
        let config = load(&[("dev", "true")], &[], "").unwrap();
        assert_eq!(config.ceilings, Ceilings::default());
        assert_eq!(config.compiler_seconds, alga_limits::COMPILER_SECONDS);
        assert_eq!(config.compiler_wall.as_secs(), alga_limits::COMPILER_WALL_SECONDS);
        for (key, value) in [
            ("memory_max_mb", "257"),
            ("memory_max_mb", "0"),
            ("pool_table_elements", "100001"),
        ] {
            assert!(
                load(&[("dev", "true"), (key, value)], &[], "").is_err(),
                "{key} {value}"
            );
        }
    }

    #[test]
    fn incomplete_s3_or_vault_settings_are_refused() {
        let base = "dev = true\ns3_bucket = \"b\"";
        let whole = load(&[("s3_access_key", "k"), ("s3_secret_key", "s")], &[], base).unwrap();
        assert_eq!(whole.s3.unwrap().credentials, Some(("k".to_owned(), "s".to_owned())));
        assert!(load(&[], &[], base).unwrap().s3.unwrap().credentials.is_none());
        let half = load(&[("s3_access_key", "k")], &[], base);
        assert!(matches!(half, Err(ConfigError::Contradiction(_))));
        let vault = load(&[("vault_address", "https://vault.example.com")], &[], "dev = true");
        assert!(matches!(vault, Err(ConfigError::Contradiction(_))));
    }

    #[test]
    fn unknown_keys_wrong_values_and_contradictions_are_refused() {
        assert!(matches!(
            load(&[], &[], "dev = true\nprot = 1"),
            Err(ConfigError::Toml(_))
        ));
        assert!(matches!(
            load(&[], &[("PORT", "no")], "dev = true"),
            Err(ConfigError::Value { variable: "PORT", .. })
        ));
        assert!(matches!(load(&[], &[], ""), Err(ConfigError::Contradiction(_))));
        assert!(matches!(
            load(&[("dev_tenant", "a")], &[], "dev = true\nlisten = \"0.0.0.0\""),
            Err(ConfigError::Contradiction(_))
        ));
        assert!(matches!(
            load(&[("dev_tenant", "a")], &[], "trust_bundle = \"x\""),
            Err(ConfigError::Contradiction(_))
        ));
    }
}
