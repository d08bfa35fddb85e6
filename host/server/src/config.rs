//! Every setting, declared once. A setting has the same meaning as an environment variable, as a key of the configuration file and as a flag of
//! `alga serve`; flags win over the environment, the environment over the file, the file over the default.

use alga_bundle::TenantId;
use alga_store::S3Settings;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// A setting as it is declared.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The key in the file.
    pub key: &'static str,
    /// What it does, its unit and its default.
    pub help: &'static str,
}

macro_rules! settings {
    ($($key:ident = $variable:literal, $help:literal;)+) => {
        /// All settings.
        const SETTINGS: &[Setting] = &[$(Setting { variable: $variable, key: stringify!($key), help: $help },)+];

        /// The configuration file: the same settings as text or numbers. Unknown keys are errors.
        #[derive(Debug, Default, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Layer { $($key: Option<toml::Value>,)+ }

        impl Layer {
            fn get(&self, key: &str) -> Option<String> {
                let value = match key { $(stringify!($key) => self.$key.as_ref(),)+ _ => None }?;
                Some(match value { toml::Value::String(text) => text.clone(), other => other.to_string() })
            }
        }
    };
}

settings! {
    listen = "ALGA_LISTEN", "address to listen on (default 127.0.0.1)";
    port = "PORT", "port to listen on; 0 takes a free one (default 8700)";
    data = "ALGA_DATA", "folder for database, bundles and keys (default ./alga-data)";
    database = "ALGA_DATABASE", "postgres://user@host/database; without it, an SQLite file in the data folder";
    s3_bucket = "STORAGE_S3_BUCKET", "bucket of an S3-compatible store for bundles; without it, the data folder";
    s3_prefix = "STORAGE_S3_PREFIX", "folder in the bucket (default: its root)";
    s3_endpoint = "STORAGE_S3_ENDPOINT", "URL of the store, for others than the cloud of that name";
    s3_region = "STORAGE_S3_REGION", "region of the bucket (default us-east-1)";
    s3_access_key = "STORAGE_S3_ACCESS_KEY", "key id; without it, what the machine's environment grants";
    s3_secret_key = "STORAGE_S3_SECRET_KEY", "secret of that key";
    vault_address = "ALGA_VAULT_ADDRESS", "URL of a Vault whose transit engine seals secrets; without it, a key in the data folder does";
    vault_mount = "ALGA_VAULT_MOUNT", "mount of the transit engine (default transit)";
    vault_key = "ALGA_VAULT_KEY", "name of the key there (default alga)";
    vault_token_file = "ALGA_VAULT_TOKEN_FILE", "file with the token for it";
    trust_bundle = "SIGNING_TRUST_BUNDLE", "path or inline JSON of the trust bundle; without it the server starts only with --dev";
    revocations = "ALGA_REVOCATIONS", "path of a signed revocation list to take at the start, if it is newer than the one that is known";
    adopt_revocations = "ALGA_ADOPT_REVOCATIONS", "true: after the database was restored, put this host's newer revocation list back into it (default false)";
    dev = "ALGA_DEV", "true: start without a trust bundle, believing nobody (default false)";
    dev_tenant = "ALGA_DEV_TENANT", "tenant of requests without a token; only with --dev and on loopback";
    gateway_timeout_ms = "EXT_GATEWAY_TIMEOUT_MS", "time for a request at the gateway in milliseconds (default 5000)";
    gateway_requests_per_second = "ALGA_GATEWAY_REQUESTS_PER_SECOND", "requests of one tenant in a second (default 500)";
    cache_root = "EXT_CACHE_ROOT", "folder for machine code (default <data>/machine-code)";
    cache_max_bytes = "EXT_CACHE_MAX_BYTES", "bytes of machine code to keep (default 10 GiB)";
    compiler = "ALGA_COMPILER", "path of alga-compiler (default: beside this program)";
    compiler_seconds = "ALGA_COMPILER_SECONDS", "processor time for compiling one component in seconds (default 45)";
    egress_allowlist = "EXT_EGRESS_ALLOWLIST", "hosts that extensions may call at all, with commas; `*`: what each install allows; empty: none (default)";
    egress_exceptions = "ALGA_EGRESS_EXCEPTIONS", "private addresses that extensions may reach: `crm.example.com:443=10.1.0.0/16`, or `…=10.1.2.3` to say the name's address; with commas";
    egress_denied = "ALGA_EGRESS_DENIED", "public addresses that no extension reaches, such as your own: `198.51.100.0/24`; with commas";
    egress_authorities = "ALGA_EGRESS_AUTHORITIES", "file with certificates (PEM) of authorities that are believed beside the public ones";
    platform_base = "ALGA_PLATFORM_BASE_URL", "URL of the product whose customers, services and invoices extensions use; without it they are unavailable";
    platform_token_file = "ALGA_PLATFORM_TOKEN_FILE", "file with the credential that the product knows this platform by";
    ui_proxy_base = "UI_PROXY_BASE_URL", "URL of the product's routes for alga:ui-proxy (default: ALGA_PLATFORM_BASE_URL)";
    ui_proxy_token_file = "ALGA_UI_PROXY_TOKEN_FILE", "file with the credential for such routes; the one of ALGA_PLATFORM_TOKEN_FILE is never sent there";
    ui_proxy_timeout_ms = "UI_PROXY_TIMEOUT_MS", "time for a call of such a route in milliseconds (default 5000)";
    pool = "ALGA_POOL", "components that may run at the same time (default 256)";
}

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
    /// Where extensions may connect to.
    pub egress: EgressSettings,
    /// The product.
    pub platform: PlatformSettings,
    /// Components that may run at the same time.
    pub pool: u32,
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
    /// Two settings that contradict each other, or one that is dangerous.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// Where values are looked up: flags, then environment, then file.
struct Sources<'a> {
    flags: &'a BTreeMap<String, String>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: Layer,
}

impl Sources<'_> {
    fn text(&self, key: &'static str) -> Option<(&'static str, String)> {
        let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
        let flag = self.flags.get(key).cloned();
        let value = flag
            .or_else(|| (self.environment)(setting.variable))
            .or_else(|| self.file.get(key))?;
        (!value.is_empty()).then_some((setting.variable, value))
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Result<Option<T>, ConfigError> {
        let Some((variable, value)) = self.text(key) else {
            return Ok(None);
        };
        let refused = |error: T::Err| ConfigError::Value {
            variable,
            value: value.clone(),
            reason: error.to_string(),
        };
        value.parse().map(Some).map_err(refused)
    }
}

impl Config {
    /// Every setting with its help.
    #[must_use]
    pub fn settings() -> &'static [Setting] {
        SETTINGS
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
        let sources = Sources {
            flags,
            environment,
            file: file.map(toml::from_str).transpose()?.unwrap_or_default(),
        };
        let address = sources
            .parse::<IpAddr>("listen")?
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let data = sources
            .text("data")
            .map_or_else(|| PathBuf::from("alga-data"), |(_, path)| path.into());
        let default_rate = NonZeroU32::MIN.saturating_add(499);
        let config = Self {
            listen: SocketAddr::new(address, sources.parse("port")?.unwrap_or(8700)),
            database: sources.text("database").map(|(_, text)| text),
            s3: s3(&sources)?,
            vault: vault(&sources)?,
            trust_bundle: sources.text("trust_bundle").map(|(_, text)| text),
            revocations: sources.text("revocations").map(|(_, path)| path.into()),
            adopt_revocations: sources.parse("adopt_revocations")?.unwrap_or(false),
            dev: sources.parse("dev")?.unwrap_or(false),
            dev_tenant: sources.parse("dev_tenant")?,
            gateway_timeout: Duration::from_millis(sources.parse("gateway_timeout_ms")?.unwrap_or(5_000)),
            gateway_requests_per_second: sources.parse("gateway_requests_per_second")?.unwrap_or(default_rate),
            cache_root: sources
                .text("cache_root")
                .map_or_else(|| data.join("machine-code"), |(_, path)| path.into()),
            cache_max_bytes: sources.parse("cache_max_bytes")?.unwrap_or(10 * 1024 * 1024 * 1024),
            compiler: sources
                .text("compiler")
                .map_or_else(compiler_beside_us, |(_, path)| path.into()),
            compiler_seconds: sources.parse("compiler_seconds")?.unwrap_or(45),
            egress: EgressSettings {
                allowlist: sources
                    .text("egress_allowlist")
                    .map(|(_, text)| text)
                    .unwrap_or_default(),
                exceptions: sources
                    .text("egress_exceptions")
                    .map(|(_, text)| text)
                    .unwrap_or_default(),
                denied: sources.text("egress_denied").map(|(_, text)| text).unwrap_or_default(),
                authorities: sources.text("egress_authorities").map(|(_, path)| path.into()),
            },
            platform: PlatformSettings {
                base: sources.text("platform_base").map(|(_, text)| text),
                token_file: sources.text("platform_token_file").map(|(_, path)| path.into()),
                ui_proxy_base: sources.text("ui_proxy_base").map(|(_, text)| text),
                ui_proxy_token_file: sources.text("ui_proxy_token_file").map(|(_, path)| path.into()),
                ui_proxy_timeout: Duration::from_millis(sources.parse("ui_proxy_timeout_ms")?.unwrap_or(5_000)),
            },
            pool: sources.parse("pool")?.unwrap_or(256),
            data,
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
                "no trust bundle: nobody's extensions could be believed\n\
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
        if self.pool == 0 || self.gateway_timeout.is_zero() {
            return Err(ConfigError::Contradiction(
                "ALGA_POOL and EXT_GATEWAY_TIMEOUT_MS are at least 1",
            ));
        }
        Ok(self)
    }
}

fn vault(sources: &Sources<'_>) -> Result<Option<VaultSettings>, ConfigError> {
    let text = |key| sources.text(key).map(|(_, text)| text);
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
        mount: text("vault_mount").unwrap_or_else(|| "transit".to_owned()),
        key: text("vault_key").unwrap_or_else(|| "alga".to_owned()),
        token_file: token_file.into(),
    }))
}

fn s3(sources: &Sources<'_>) -> Result<Option<S3Settings>, ConfigError> {
    let text = |key| sources.text(key).map(|(_, text)| text);
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

fn compiler_beside_us() -> PathBuf {
    let ours = std::env::current_exe().unwrap_or_default();
    ours.with_file_name("alga-compiler")
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
