use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use alga_server::{Config, EffectiveSetting, Origin};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Settings as flags. Each is also an environment variable and a key of the configuration file;
/// `alga config` explains all.
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// Configuration file in TOML
    #[arg(long, env = "ALGA_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Address to listen on [env: ALGA_LISTEN] [default: 127.0.0.1]
    #[arg(long)]
    listen: Option<String>,
    /// Port to listen on; 0 chooses a free one [env: PORT] [default: 8700]
    #[arg(long)]
    port: Option<u16>,
    /// Directory for database, bundles and keys [env: ALGA_DATA] [default: ./alga-data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Path or inline JSON of the trust bundle [env: SIGNING_TRUST_BUNDLE]
    #[arg(long)]
    trust_bundle: Option<String>,
    /// Start without a trust bundle (no signature will be trusted); allow --dev-tenant [env:
    /// ALGA_DEV]
    #[arg(long)]
    dev: bool,
    /// Tenant of requests without a token; only with --dev and on loopback [env: ALGA_DEV_TENANT]
    #[arg(long)]
    dev_tenant: Option<String>,
}

/// Flags by the keys of their settings, and the text of the configuration file.
type Given = (BTreeMap<String, String>, Option<String>);

impl ConfigArguments {
    pub(crate) fn load(&self) -> Outcome<Config> {
        let (flags, file) = self.given()?;
        Config::load(&flags, &variable, file.as_deref()).user_error("")
    }

    fn effective(&self) -> Outcome<Vec<EffectiveSetting>> {
        let (flags, file) = self.given()?;
        Config::effective(&flags, &variable, file.as_deref()).user_error("")
    }

    fn given(&self) -> Outcome<Given> {
        let given = [
            ("listen", self.listen.clone()),
            ("port", self.port.map(|port| port.to_string())),
            ("data", self.data.as_ref().map(|path| path.display().to_string())),
            ("trust_bundle", self.trust_bundle.clone()),
            ("dev", self.dev.then(|| "true".to_owned())),
            ("dev_tenant", self.dev_tenant.clone()),
        ];
        let flags = given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect();
        let file = self.config.as_ref();
        let file = file.map(|path| std::fs::read_to_string(path).user_error(&path.display().to_string()));
        Ok((flags, file.transpose()?))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Prints the settings that `serve` would use, and the reason if it would not start with them.
pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let effective = arguments.config.effective()?;
    let facts: BTreeMap<&str, Value> = effective.iter().map(|one| (one.setting.key, fact(one))).collect();
    printer.output(&facts, || effective.iter().map(line).collect::<Vec<_>>().join("\n"));
    if let Err(failed) = arguments.config.load() {
        printer.note(&format!("note: `alga serve` would not start with these: {failed}"));
        if let Some(hint) = &failed.hint {
            printer.note(&format!("hint: {hint}"));
        }
    }
    Ok(())
}

fn fact(effective: &EffectiveSetting) -> Value {
    json!({ "value": effective.value, "origin": effective.origin, "variable": effective.setting.variable, "help": effective.setting.help })
}

fn line(effective: &EffectiveSetting) -> String {
    let EffectiveSetting { setting, value, origin } = effective;
    let value = value.as_deref().unwrap_or("(not set)");
    let origin = match origin {
        Origin::Flag => "flag",
        Origin::Environment => "environment",
        Origin::File => "file",
        Origin::Default => "default",
    };
    format!(
        "{} = {value}  [{origin}]\n    {}: {}",
        setting.key, setting.variable, setting.help
    )
}
