use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::settings::Settings;
use alga_server::{Config, EffectiveSetting, Origin};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print a configuration file with every setting as a comment
    #[arg(long)]
    template: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Prints the settings that `serve` would use, and the reason if it would not start with them.
pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    if arguments.template {
        let template = Config::template();
        printer.output(&json!({ "template": template }), || template.trim_end().to_owned());
        return Ok(());
    }
    let effective = arguments.settings.effective()?;
    let facts: BTreeMap<&str, Value> = effective.iter().map(|one| (one.setting.key, fact(one))).collect();
    printer.output(&facts, || effective.iter().map(line).collect::<Vec<_>>().join("\n"));
    if let Err(failed) = arguments.settings.load() {
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
