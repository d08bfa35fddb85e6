//! Declares every setting once, and looks up its value.

use super::ConfigError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Declaration of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the environment variable.
    pub variable: &'static str,
    /// Key in the configuration file.
    pub key: &'static str,
    /// Default value; empty if there is none, or if it is computed from another setting.
    pub default: &'static str,
    /// Description of the setting, with its unit.
    pub help: &'static str,
    /// True if the value is a secret, which is never shown.
    pub is_secret: bool,
}

macro_rules! settings {
    ($($key:ident = $variable:literal, $default:literal, $help:literal $(, $secret:ident)?;)+) => {
        /// Declarations of all settings.
        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            variable: $variable,
            key: stringify!($key),
            default: $default,
            help: $help,
            is_secret: false $(|| is_marked(stringify!($secret)))?,
        },)+];

        /// The configuration file: the same settings as strings or numbers. Unknown keys are
        /// errors.
        #[derive(Debug, Default, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Layer { $($key: Option<toml::Value>,)+ }

        impl Layer {
            fn get(&self, key: &str) -> Option<String> {
                let value = match key { $(stringify!($key) => self.$key.as_ref(),)+ _ => None }?;
                Some(match value { toml::Value::String(text) => text.clone(), other => other.to_string() })
            }
        }
    };
}

/// Accepts the one mark that a declaration may have.
const fn is_marked(mark: &str) -> bool {
    matches!(mark.as_bytes(), b"secret")
}

settings! {
    listen = "ALGA_LISTEN", "127.0.0.1", "address to listen on";
    port = "PORT", "8700", "port to listen on; 0 picks a free port";
    tls_certificates_file = "ALGA_TLS_CERTIFICATES_FILE", "", "PEM file with the certificate for TLS and its intermediates, read again when it changes; without it, connections are not encrypted";
    tls_key_file = "ALGA_TLS_KEY_FILE", "", "PEM file with the private key of that certificate";
    connections = "ALGA_CONNECTIONS", "4096", "maximum number of concurrent connections; each uses a file descriptor and about 20 KiB";
    connections_per_address = "ALGA_CONNECTIONS_PER_ADDRESS", "1024", "maximum number of connections from one address; behind a proxy, all of the proxy's";
    role = "ALGA_ROLE", "all", "part of the platform that runs in this process: all, gateway, runner or registry";
    runner_base_url = "RUNNER_BASE_URL", "", "comma-separated URLs of the runners that a gateway calls in turn, such as http://runner:8700; only with the role gateway";
    registry_base_url = "REGISTRY_BASE_URL", "", "URL of the registry to which a gateway passes /v1/registry and /auth on, such as http://registry:8700; without it, the gateway has no such routes; only with the role gateway";
    runner_authorities = "ALGA_RUNNER_AUTHORITIES", "", "PEM file with the certificate authorities of runners and registry with https URLs; without it, public ones";
    data = "ALGA_DATA", "alga-data", "directory for database, bundles and keys";
    database = "ALGA_DATABASE", "", "postgres://user@host/database; without it, an SQLite file in the data directory";
    s3_bucket = "STORAGE_S3_BUCKET", "", "bucket of an S3-compatible store for bundles; without it, the data directory";
    s3_prefix = "STORAGE_S3_PREFIX", "", "key prefix in the bucket (default: none)";
    s3_endpoint = "STORAGE_S3_ENDPOINT", "", "URL of the store, if it is not Amazon S3";
    s3_region = "STORAGE_S3_REGION", "us-east-1", "region of the bucket";
    s3_access_key = "STORAGE_S3_ACCESS_KEY", "", "access key id; without it, the credentials that the machine's environment provides", secret;
    s3_secret_key = "STORAGE_S3_SECRET_KEY", "", "secret of that access key", secret;
    vault_address = "ALGA_VAULT_ADDRESS", "", "URL of a Vault whose transit engine seals secrets; without it, a key in the data directory does";
    vault_mount = "ALGA_VAULT_MOUNT", "transit", "mount of the transit engine";
    vault_key = "ALGA_VAULT_KEY", "alga", "name of the key in the transit engine";
    vault_token_file = "ALGA_VAULT_TOKEN_FILE", "", "file with the token for Vault";
    trust_bundle = "SIGNING_TRUST_BUNDLE", "", "path or inline JSON of the trust bundle; without it the server starts only with --dev";
    revocations = "ALGA_REVOCATIONS", "", "path of a signed revocation list to activate at startup, if it is newer than the known one";
    adopt_revocations = "ALGA_ADOPT_REVOCATIONS", "false", "true: after the database was restored, write this host's newer revocation list into it";
    dev = "ALGA_DEV", "false", "true: allow starting without a trust bundle (no signature will be trusted), and allow --dev-tenant";
    dev_tenant = "ALGA_DEV_TENANT", "", "tenant of requests without a token; only with --dev and on loopback";
    bootstrap_token = "ALGA_BOOTSTRAP_TOKEN", "true", "false: admin.token in the data directory is neither created nor accepted; create an operator's API key first";
    caller_public_keys_file = "ALGA_CALLER_PUBLIC_KEYS_FILE", "", "PEM file with the public keys of host applications that sign tokens for their users (default: tokens.pub in the data directory, the key of `alga token`)";
    oidc_issuer = "ALGA_OIDC_ISSUER", "", "claim `iss` of the OpenID provider whose tokens are accepted; without it, none are";
    oidc_audience = "ALGA_OIDC_AUDIENCE", "", "claim `aud` of tokens for this platform";
    oidc_jwks = "ALGA_OIDC_JWKS", "", "https URL or file of the provider's keys (JWKS)";
    oidc_algorithms = "ALGA_OIDC_ALGORITHMS", "RS256,ES256,EdDSA", "accepted signature algorithms; those with a shared secret are never accepted";
    oidc_claims = "ALGA_OIDC_CLAIMS", "tenant=tenant_id,user=sub,email=email,name=name,access=alga_access,kind=alga_kind", "claims with tenant, user, email, name, type (internal or client), access (read or write), kind, client_id and client_name; `/a/b` is a nested claim";
    oidc_kinds = "ALGA_OIDC_KINDS", "", "values of the claim for the kind: `alga-admins=tenant_administrator,alga-ops=operator`; empty: the names of a tenant's kinds";
    oidc_client_id = "ALGA_OIDC_CLIENT_ID", "", "identifier of this platform at the provider, for browsers that sign in at /auth/login; without it, none can";
    oidc_client_secret_file = "ALGA_OIDC_CLIENT_SECRET_FILE", "", "file with the secret of that client; without it, the client is a public one";
    oidc_redirect_url = "ALGA_OIDC_REDIRECT_URL", "", "https URL of /auth/callback as browsers reach it, which is registered at the provider";
    oidc_scopes = "ALGA_OIDC_SCOPES", "openid profile email", "scopes to request when a user signs in, separated by spaces";
    service_key_file = "ALGA_SERVICE_KEY_FILE", "", "file with the key that signs service tokens (default: service.key in the data directory)";
    service_public_keys_file = "ALGA_SERVICE_PUBLIC_KEYS_FILE", "", "PEM file with the public keys of gateways, of which two are valid during a rotation; required for the role runner";
    registry_public_key_file = "ALGA_REGISTRY_PUBLIC_KEY_FILE", "", "PEM file with the public key of the registry, which verifies receipts; required for the role runner";
    secrets_key_file = "ALGA_SECRETS_KEY_FILE", "", "file with the keys that seal secrets, the newest first; the same for registry and runners (default: secrets.key in the data directory)";
    cursors_key_file = "ALGA_CURSORS_KEY_FILE", "", "file with the key that authenticates list cursors; the same for all runners (default: cursors.key in the data directory)";
    machine_code_key_file = "ALGA_MACHINE_CODE_KEY_FILE", "", "file with the key that authenticates cached machine code; the same for registry and runners that share EXT_CACHE_ROOT (default: machine-code.key in the data directory)";
    gateway_timeout_ms = "EXT_GATEWAY_TIMEOUT_MS", "5000", "timeout of a request at the gateway in milliseconds";
    gateway_requests_per_second = "ALGA_GATEWAY_REQUESTS_PER_SECOND", "500", "requests per second of one tenant, after a burst of twice as many";
    gateway_requests_per_second_of_install = "ALGA_GATEWAY_REQUESTS_PER_SECOND_OF_INSTALL", "", "the same of one install (default: that of the tenant)";
    gateway_requests_per_second_of_endpoint = "ALGA_GATEWAY_REQUESTS_PER_SECOND_OF_ENDPOINT", "", "the same of one endpoint of an install (default: that of the install)";
    gateway_origins = "ALGA_GATEWAY_ORIGINS", "", "comma-separated origins whose scripts may call the gateway (CORS), such as https://app.example.com; empty: none but the gateway's own";
    ui_frame_ancestors = "EXT_UI_FRAME_ANCESTORS", "'self'", "origins whose pages may embed pages of extensions, such as https://app.example.com; 'self' is this server, 'none' is no page";
    ui_root = "ALGA_UI_ROOT", "", "domain below which each install has a host of its own for its page: with ext.example.com, {install}.ext.example.com; needs a wildcard DNS record and certificate";
    runner_public_base = "RUNNER_PUBLIC_BASE", "", "URL at which browsers reach the runners; a gateway redirects requests for pages of extensions there; without it, a gateway has none";
    cache_root = "EXT_CACHE_ROOT", "", "directory for cached machine code (default: machine-code in the data directory)";
    cache_max_bytes = "EXT_CACHE_MAX_BYTES", "10737418240", "maximum bytes of cached machine code";
    cache_memory_mib = "ALGA_CACHE_MEMORY_MIB", "2048", "memory in MiB for the machine code of extensions; those that were not used for longest are read from the cache again";
    compiler = "ALGA_COMPILER", "", "path of alga-compiler (default: beside this program)";
    compiler_seconds = "ALGA_COMPILER_SECONDS", "120", "CPU time for compiling one component in seconds; a component that needs more is refused as the publisher's fault";
    compiler_wall_seconds = "ALGA_COMPILER_WALL_SECONDS", "600", "wall-clock time for compiling one component in seconds; exceeding it means that this host is too busy";
    confine = "ALGA_CONFINE", "auto", "confines this process with Landlock and seccomp: it reads only the files that settings name, writes only to data and cache_root, starts no program but the compiler, and listens nowhere else; auto: as far as the kernel can; required: does not start otherwise; off";
    confine_readable = "ALGA_CONFINE_READABLE", "", "comma-separated files and directories that this process may read, too, such as certificates that the database's URL names";
    egress_allowlist = "EXT_EGRESS_ALLOWLIST", "", "comma-separated hosts that extensions may call at all; `*`: the hosts that each install allows; empty: none";
    egress_exceptions = "ALGA_EGRESS_EXCEPTIONS", "", "comma-separated private addresses that extensions may reach: `crm.example.com:443=10.1.0.0/16`, or `…=10.1.2.3` to replace the DNS lookup of the name";
    egress_denied = "ALGA_EGRESS_DENIED", "", "comma-separated public addresses that no extension may reach, such as your own: `198.51.100.0/24`";
    egress_authorities = "ALGA_EGRESS_AUTHORITIES", "", "PEM file with additional CA certificates";
    platform_base = "ALGA_PLATFORM_BASE_URL", "", "URL of the host application whose customers, services and invoices extensions use; without it they are unavailable";
    platform_token_file = "ALGA_PLATFORM_TOKEN_FILE", "", "file with the credential of this platform for the host application";
    ui_proxy_base = "UI_PROXY_BASE_URL", "", "URL of the host application's routes for alga:ui-proxy (default: ALGA_PLATFORM_BASE_URL)";
    ui_proxy_token_file = "ALGA_UI_PROXY_TOKEN_FILE", "", "file with the credential for such routes; the one of ALGA_PLATFORM_TOKEN_FILE is never sent there";
    ui_proxy_timeout_ms = "UI_PROXY_TIMEOUT_MS", "5000", "timeout of a call of such a route in milliseconds";
    pool = "ALGA_POOL", "256", "slots for concurrent executions; one that may use more than 64 MiB occupies several";
    queue_ms = "ALGA_QUEUE_MS", "2000", "longest time in milliseconds for which a request waits for such a slot, at most half of its own time; 0: it is refused at once";
    queue_per_tenant = "ALGA_QUEUE_PER_TENANT", "256", "requests of one tenant that wait; further ones are refused at once";
    quotas_fail_open = "ALGA_QUOTAS_FAIL_OPEN", "false", "true: execute although the database does not respond and the runner's credit for a quota is used up, and count later; false: refuse with 503";
    record_days = "ALGA_RECORD_DAYS", "7", "days for which the registry retains records of executions, of each install at most 1000 and 16 MiB";
    statistics_days = "ALGA_STATISTICS_DAYS", "62", "days for which the registry retains the sums of executions, by minute and endpoint";
    record_slow_ms = "ALGA_RECORD_SLOW_MS", "1000", "time in milliseconds after which an execution is slow and has a record, as have failed ones and those that log; 0: none has for this reason";
    record_one_in = "ALGA_RECORD_ONE_IN", "1000", "one of so many other executions has a record, as a sample; 0: none has";
    metrics_tenants = "ALGA_METRICS_TENANTS", "false", "true: the metrics of extensions are those of each install, and name it and its tenant; false: those of all installs of an extension together";
    metrics_extension_bytes = "ALGA_METRICS_EXTENSION_BYTES", "786432", "maximum bytes of the metrics of extensions in a scrape; alga_metrics_are_cut is 1 if some are left out";
    traces_endpoint = "ALGA_TRACES_ENDPOINT", "", "URL of an OpenTelemetry collector, such as http://localhost:4318, to which traces are exported; headers for it are in OTEL_EXPORTER_OTLP_HEADERS; without it, nothing is traced";
    traces_protocol = "ALGA_TRACES_PROTOCOL", "http/protobuf", "protocol of that collector: http/protobuf or grpc";
    traces_one_in = "ALGA_TRACES_ONE_IN", "100", "one of so many traces is exported, as a sample; failed and slow ones are in any case; 0: only those are";
    traces_slow_ms = "ALGA_TRACES_SLOW_MS", "1000", "time in milliseconds after which a trace is slow; 0: none is";
    logs_endpoint = "ALGA_LOGS_ENDPOINT", "", "URL of an OpenTelemetry collector, such as http://localhost:4318, to which the lines of the log are exported too";
    logs_protocol = "ALGA_LOGS_PROTOCOL", "http/protobuf", "protocol of that collector: http/protobuf or grpc";
    fuel = "ALGA_FUEL", "0", "instructions that one execution may execute: a limit that does not depend on the machine, beside that of time; counting costs speed, and all runners that share cache_root count or do not; 0: they are not counted";
    wasi_0_3 = "ALGA_WASI_0_3", "false", "runs components of WASI 0.3, whose implementation in the engine is experimental and gets no security releases of its own; all runners that share cache_root run them or do not";
    perf = "ALGA_PERF", "false", "true: writes the addresses and names of extensions' functions to /tmp/perf-PID.map, so that `perf` shows them; the file grows with each extension that is loaded, and stays";
    run_slots = "ALGA_RUN_SLOTS", "", "extensions that compute at the same moment; others wait for their turn (default: the number of processors)";
    guest_niceness = "ALGA_GUEST_NICENESS", "5", "niceness of own threads for extensions that compute for longer than a millisecond, 1 to 19: the operating system prefers all others, and requests wait for them less; 0: they compute on the threads of their requests";
    tenant_weights = "ALGA_TENANT_WEIGHTS", "", "shares of tenants in the processors when several compete, such as acme=4,globex=2; from 1 to 1000; 1 for all others";
    pool_table_elements = "ALGA_POOL_TABLE_ELEMENTS", "100000", "maximum elements of one table of an extension: the functions that it calls through pointers";
    memory_max_mb = "ALGA_MEMORY_MAX_MB", "256", "maximum memory in MiB that an extension may be granted for one execution; 1 to 256";
}

/// Text that is shown in place of a secret.
const HIDDEN: &str = "********";

/// Source of an effective value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A command-line flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// The setting's default value.
    Default,
}

/// A setting with the value that `alga serve` would use.
#[derive(Debug, Clone)]
pub struct EffectiveSetting {
    /// Declaration of the setting.
    pub setting: &'static Setting,
    /// Effective value; `None` if it is not set and has no default. Secrets are hidden.
    pub value: Option<String>,
    /// Source of the value.
    pub origin: Origin,
}

/// Sources of values, in this order: flags, environment, file, default.
pub(super) struct Sources<'a> {
    pub(super) flags: &'a BTreeMap<String, String>,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) file: Layer,
}

impl Sources<'_> {
    /// Returns a setting's value. An empty string means that it is not set.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
        self.find(setting).0
    }

    /// Parses the value as a type; the error names the setting.
    pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        let variable = SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .map_or(key, |setting| setting.variable);
        let refused = |error: T::Err| ConfigError::Value {
            variable,
            value: value.clone(),
            reason: error.to_string(),
        };
        value.parse().map(Some).map_err(refused)
    }

    /// Parses the value of a setting that has a default.
    pub(super) fn required<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<T, ConfigError> {
        self.parse(key)?.ok_or(ConfigError::Empty(key))
    }

    /// Returns every setting with its effective value.
    pub(super) fn effective(&self) -> Vec<EffectiveSetting> {
        let settings = SETTINGS.iter().map(|setting| {
            let (value, origin) = self.find(setting);
            EffectiveSetting {
                setting,
                value: value.map(|value| shown(setting, &value)),
                origin,
            }
        });
        settings.collect()
    }

    fn find(&self, setting: &Setting) -> (Option<String>, Origin) {
        let layers = [
            (self.flags.get(setting.key).cloned(), Origin::Flag),
            ((self.environment)(setting.variable), Origin::Environment),
            (self.file.get(setting.key), Origin::File),
        ];
        let given = layers.into_iter().find_map(|(value, origin)| Some((value?, origin)));
        match given.filter(|(value, _)| !value.is_empty()) {
            Some((value, origin)) => (Some(value), origin),
            None => (self.default(setting), Origin::Default),
        }
    }

    fn default(&self, setting: &Setting) -> Option<String> {
        match setting.key {
            "cache_root" => Some(self.data().join("machine-code").display().to_string()),
            // A runner loads what the registry compiled.
            "compiler" if self.text("role").as_deref() == Some("runner") => None,
            "compiler" => Some(compiler_path().display().to_string()),
            "ui_proxy_base" => self.text("platform_base"),
            _ => (!setting.default.is_empty()).then(|| setting.default.to_owned()),
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.text("data").unwrap_or_default().into()
    }
}

fn shown(setting: &Setting, value: &str) -> String {
    if setting.is_secret {
        return HIDDEN.to_owned();
    }
    without_passwords(value)
}

/// Returns a text with the passwords of its URLs hidden: `postgres://user:password@host/database`.
pub(crate) fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        // A password may contain what ends an address elsewhere.
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        let (url, rest) = part.split_at(end);
        let hidden = url.rsplit_once('@').and_then(|(user, address)| {
            let (name, _) = user.split_once(':')?;
            Some(format!("{name}:{HIDDEN}@{address}"))
        });
        shown.push_str(hidden.as_deref().unwrap_or(url));
        shown.push_str(rest);
    }
    shown
}

/// Returns the path of the compiler program: `ALGA_COMPILER`, or beside this program.
#[must_use]
pub fn compiler_path() -> PathBuf {
    if let Some(path) = std::env::var_os("ALGA_COMPILER") {
        return path.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    program.with_file_name("alga-compiler")
}

/// Returns a configuration file with every setting as a comment: its description, its flag, its
/// environment variable and its default.
pub(super) fn template() -> String {
    let mut text =
        String::from("# Settings of `alga serve`. Flags override environment variables, which override this file.\n");
    for setting in SETTINGS {
        let Setting {
            variable,
            key,
            default,
            help,
            ..
        } = setting;
        let value = toml::Value::String((*default).to_owned());
        text.push_str(&format!(
            "\n# {help}\n# --{}, {variable}\n# {key} = {value}\n",
            setting.flag()
        ));
    }
    text
}

impl Setting {
    /// Returns the name of the flag, without the dashes in front.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// True if the flag needs no value: given alone, it means `true`.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        ["true", "false"].contains(&self.default)
    }
}
