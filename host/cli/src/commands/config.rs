use crate::outcome::{Outcome, Place};
use crate::printer::Printer;
use alga_server::Config;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// The settings as flags. Each is also an environment variable and a key of the file; `alga config` explains all.
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// A configuration file in TOML
    #[arg(long, env = "ALGA_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on [env: ALGA_LISTEN] [default: 127.0.0.1]
    #[arg(long)]
    listen: Option<String>,
    /// Port to listen on; 0 takes a free one [env: PORT] [default: 8700]
    #[arg(long)]
    port: Option<u16>,
    /// Folder for database, bundles and keys [env: ALGA_DATA] [default: ./alga-data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Path or inline JSON of the trust bundle [env: SIGNING_TRUST_BUNDLE]
    #[arg(long)]
    trust_bundle: Option<String>,
    /// Start without a trust bundle, believing nobody; allow --dev-tenant [env: ALGA_DEV]
    #[arg(long)]
    dev: bool,
    /// Tenant of requests without a token; only with --dev and on loopback [env: ALGA_DEV_TENANT]
    #[arg(long)]
    dev_tenant: Option<String>,
}

impl ConfigArguments {
    pub(crate) fn load(&self) -> Outcome<Config> {
        let given = [
            ("listen", self.listen.clone()),
            ("port", self.port.map(|port| port.to_string())),
            ("data", self.data.as_ref().map(|path| path.display().to_string())),
            ("trust_bundle", self.trust_bundle.clone()),
            ("dev", self.dev.then(|| "true".to_owned())),
            ("dev_tenant", self.dev_tenant.clone()),
        ];
        let flags: BTreeMap<String, String> = given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect();
        let file = self
            .config
            .as_ref()
            .map(|path| std::fs::read_to_string(path).user(&path.display().to_string()))
            .transpose()?;
        Config::load(&flags, &|name| std::env::var(name).ok(), file.as_deref()).user("")
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let effective = effective(&arguments.config.load()?);
    printer.facts(&effective, || {
        let mut text = String::new();
        for setting in Config::settings() {
            let value = effective
                .get(setting.key)
                .map(|value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
            // Writing into a string does not fail.
            writeln!(
                text,
                "{} = {}\n    {}: {}",
                setting.key,
                value.unwrap_or_default(),
                setting.variable,
                setting.help
            )
            .ok();
        }
        text
    });
    Ok(())
}

fn effective(config: &Config) -> Value {
    json!({
        "listen": config.listen.ip().to_string(),
        "port": config.listen.port(),
        "data": config.data,
        "trust_bundle": config.trust_bundle,
        "dev": config.dev,
        "dev_tenant": config.dev_tenant,
        "gateway_timeout_ms": config.gateway_timeout.as_millis().to_string(),
        "gateway_requests_per_second": config.gateway_requests_per_second,
        "cache_root": config.cache_root,
        "cache_max_bytes": config.cache_max_bytes,
        "compiler": config.compiler,
        "pool": config.pool,
    })
}
