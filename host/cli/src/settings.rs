//! Every setting of the server as a flag, made from its one declaration.

use crate::outcome::{ErrorContext, Outcome};
use alga_server::{Config, EffectiveSetting, Setting};
use clap::error::Error as ClapError;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Heading of the flags in the help.
const HEADING: &str = "Settings (each also an environment variable and a key of the configuration file)";

/// Settings given as flags, and the configuration file.
#[derive(Debug)]
pub(crate) struct Settings {
    flags: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

impl Settings {
    /// Loads the configuration that `serve` uses.
    pub(crate) fn load(&self) -> Outcome<Config> {
        Config::load(&self.flags, &variable, self.file()?.as_deref()).user_error("")
    }

    /// Returns every setting with its effective value.
    pub(crate) fn effective(&self) -> Outcome<Vec<EffectiveSetting>> {
        Config::effective(&self.flags, &variable, self.file()?.as_deref()).user_error("")
    }

    fn file(&self) -> Outcome<Option<String>> {
        let path = self.file.as_ref();
        let file = path.map(|path| std::fs::read_to_string(path).user_error(&path.display().to_string()));
        file.transpose()
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Describes one setting as a flag. Environment variables are read with the file, not by clap:
/// `alga config` shows which of them a value comes from.
fn flag(setting: &'static Setting) -> Arg {
    let mut help = format!("{} [env: {}]", setting.help, setting.variable);
    if !setting.default.is_empty() {
        help = format!("{help} [default: {}]", setting.default);
    }
    if setting.is_secret {
        help = format!("{help} (a secret: as a flag it is visible to other users of this machine)");
    }
    let flag = Arg::new(setting.key)
        .long(setting.flag())
        .help(help)
        .help_heading(HEADING);
    if setting.is_switch() {
        flag.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL")
    } else {
        flag.value_name("VALUE")
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .env("ALGA_CONFIG")
            .hide_env_values(true);
        let file = file.value_parser(clap::value_parser!(PathBuf)).value_name("FILE");
        let file = file.help("Configuration file in TOML; `alga config --template` prints one");
        command.arg(file).args(Config::settings().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, ClapError> {
        let given = |setting: &Setting| {
            let value = matches.get_one::<String>(setting.key)?;
            Some((setting.key.to_owned(), value.clone()))
        };
        Ok(Self {
            flags: Config::settings().iter().filter_map(given).collect(),
            file: matches.get_one("config").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), ClapError> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
