//! The effective configuration. A setting has the same meaning as an environment variable, as a key of the configuration file and as a flag of
//! `alga serve`; flags win over the environment, the environment over the file, the file over the default.

mod settings;

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
    /// Where to listen.
    pub listen: SocketAddr,
    /// Database, bundles and keys.
    pub data: PathBuf,
    /// A Postgres URL; none for SQLite.
    pub database: Option<String>,
    /// An S3-compatible store; none for the data folder.
    pub s3: Option<S3Settings>,
    /// A service that seals secrets; none for a key in the data folder.
    pub vault: Option<VaultSettings>,
    /// Path or inline JSON.
    pub trust_bundle: Option<String>,
    /// A signed revocation list to take at the start.
    pub revocations: Option<PathBuf>,
    /// Put this host's newer revocation list back into a restored database.
    pub adopt_revocations: bool,
    /// Start without a trust bundle.
    pub dev: bool,
    /// Whose user requests without a token are.
    pub dev_tenant: Option<TenantId>,
    /// Time at the gateway.
    pub gateway_timeout: Duration,
    /// Requests of one tenant in a second.
    pub gateway_requests_per_second: NonZeroU32,
    /// Machine code.
    pub cache_root: PathBuf,
    /// Bytes of machine code to keep.
    pub cache_max_bytes: u64,
    /// The compiler.
    pub compiler: PathBuf,
    /// Processor time for compiling one component in seconds.
    pub compiler_seconds: u64,
    /// Time on the wall clock for compiling one component.
    pub compiler_wall: Duration,
    /// Where extensions may connect to.
    pub egress: EgressSettings,
    /// The product.
    pub platform: PlatformSettings,
    /// Components that may run at the same time.
    pub pool: u32,
    /// The largest memory and table of an extension.
    pub ceilings: Ceilings,
}

/// Where extensions may connect to.
#[derive(Debug, Clone, Default)]
pub struct EgressSettings {
    /// Hosts with commas.
    pub allowlist: String,
    /// Places with private addresses, with commas.
    pub exceptions: String,
    /// Blocks of public addresses, with commas.
    pub denied: String,
    /// A PEM file.
    pub authorities: Option<PathBuf>,
}

/// The product that extensions run in.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// Its URL.
    pub base: Option<String>,
    /// File with our credential for its internal API.
    pub token_file: Option<PathBuf>,
    /// The URL of its routes, if it is another one.
    pub ui_proxy_base: Option<String>,
    /// File with our credential for them.
    pub ui_proxy_token_file: Option<PathBuf>,
    /// Time for a route.
    pub ui_proxy_timeout: Duration,
}

/// Where Vault is.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// Its URL.
    pub address: String,
    /// Mount of the transit engine.
    pub mount: String,
    /// Name of the key.
    pub key: String,
    /// File with the token.
    pub token_file: PathBuf,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key that is no setting.
    #[error("the configuration file: {0}\nhint: `alga serve --help` lists the settings")]
    Toml(#[from] toml::de::Error),
    /// A value that the setting does not take.
    #[error("{variable}: `{value}` is not what it takes: {reason}")]
    Value {
        /// The setting's variable.
        variable: &'static str,
        /// What was said.
        value: String,
        /// What it takes.
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
    /// Every setting with its help.
    #[must_use]
    pub fn settings() -> &'static [Setting] {
        SETTINGS
    }

    /// Every setting with the value that [`Self::load`] would use, whether or not a server could start with them.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] when the file cannot be read.
    pub fn effective(
        flags: &BTreeMap<String, String>,
        environment: &dyn Fn(&str) -> Option<String>,
        file: Option<&str>,
    ) -> Result<Vec<EffectiveSetting>, ConfigError> {
        Ok(sources(flags, environment, file)?.effective())
    }

    /// The configuration from flags (by key), environment and file.
    ///
    /// # Errors
    /// When a value or a key cannot be used.
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
            data: sources.data(),
            database: text("database"),
            s3: s3(&sources)?,
            vault: vault(&sources)?,
            trust_bundle: text("trust_bundle"),
            revocations: path("revocations"),
            adopt_revocations: sources.required("adopt_revocations")?,
            dev: sources.required("dev")?,
            dev_tenant: sources.parse("dev_tenant")?,
            gateway_timeout: Duration::from_millis(sources.required("gateway_timeout_ms")?),
            gateway_requests_per_second: sources.required("gateway_requests_per_second")?,
            cache_root: path("cache_root").unwrap_or_default(),
            cache_max_bytes: sources.required("cache_max_bytes")?,
            compiler: path("compiler").unwrap_or_default(),
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
                "ALGA_DEV_TENANT lets everybody in without a token; it works only with --dev and on a loopback address",
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
                "ALGA_DATABASE is a postgres:// URL; leave it out for SQLite in the data folder",
            ));
        }
        let times = [self.gateway_timeout, self.compiler_wall, self.platform.ui_proxy_timeout];
        if self.pool == 0 || self.compiler_seconds == 0 || times.iter().any(Duration::is_zero) {
            return Err(ConfigError::Contradiction(
                "ALGA_POOL, EXT_GATEWAY_TIMEOUT_MS, UI_PROXY_TIMEOUT_MS, ALGA_COMPILER_SECONDS and ALGA_COMPILER_WALL_SECONDS are at least 1",
            ));
        }
        if !(1..=MEMORY_CEILING_MB).contains(&self.ceilings.memory_mb) {
            return Err(ConfigError::Contradiction("ALGA_MEMORY_MAX_MB is 1 to 256"));
        }
        if !(1..=MOST_TABLE_ELEMENTS).contains(&self.ceilings.table_elements) {
            return Err(ConfigError::Contradiction("ALGA_POOL_TABLE_ELEMENTS is 1 to 100000"));
        }
        Ok(self)
    }
}

fn vault(sources: &Sources<'_>) -> Result<Option<VaultSettings>, ConfigError> {
    let text = |key| sources.text(key);
    let Some(address) = text("vault_address") else {
        return Ok(None);
    };
    let Some(token_file) = text("vault_token_file") else {
        return Err(ConfigError::Contradiction(
            "ALGA_VAULT_ADDRESS needs ALGA_VAULT_TOKEN_FILE: the token itself is not taken from the environment, where every child process would see it",
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
                "STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY are set together or not at all",
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
    fn every_setting_is_shown_with_its_effective_value_and_where_it_comes_from() {
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
    fn half_of_a_store_or_of_a_secrets_service_is_refused() {
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
