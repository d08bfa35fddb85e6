//! `alga dev`: runs the platform, and builds and installs the extension anew after each change.

mod server;
mod sources;

use super::steps::{STATE, alga, ensure_state, succeeded};
use crate::files::read_manifest;
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::TenantId;
use alga_registry_types::Execution;
use clap::Args;
use serde_json::Value;
use server::DevServer;
use sources::Sources;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two looks at the sources.
const WATCH: Duration = Duration::from_millis(200);
/// Looks at the sources between two looks at the log.
const LOOKS_PER_LOG: u32 = 3;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of the extension
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Port of the platform; 0 chooses a free one
    #[arg(long, default_value = "8787")]
    port: u16,
    /// Tenant to install for
    #[arg(long, default_value = "dev")]
    tenant: TenantId,
    /// Set a configuration key; repeat for more
    #[arg(long = "config", value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// Set a secret from a file; repeat for more
    #[arg(long = "secret", value_name = "NAME=@FILE")]
    secrets: Vec<String>,
    /// Setting of the platform, as of `alga serve`; repeat for more
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let context = arguments.directory.display().to_string();
    let directory = arguments.directory.canonicalize().user_error(&context)?;
    let (_, manifest) = read_manifest(&directory)?;
    let state = directory.join(STATE);
    ensure_state(&state)?;
    if !state.join("signing.key").is_file() {
        let publisher = manifest.publisher.to_string();
        succeeded(alga(&state)?.args(["keygen", "--publisher", &publisher]))?;
    }
    printer.note("starting the platform; its log is .alga/serve.log, its data stays in .alga/data");
    let server = DevServer::start(&state, arguments.port, &arguments.tenant, &arguments.settings)?;
    let mut session = Session {
        arguments,
        directory: directory.clone(),
        state,
        server,
        shown: BTreeSet::new(),
        printer,
    };
    session.note_shown();
    session.watch(&Sources::of(&directory))
}

struct Session<'a> {
    arguments: &'a Arguments,
    directory: PathBuf,
    state: PathBuf,
    server: DevServer,
    /// Executions whose log was printed.
    shown: BTreeSet<String>,
    printer: &'a Printer,
}

impl Session<'_> {
    /// Builds after each change, until the process is stopped.
    fn watch(&mut self, sources: &Sources) -> Outcome {
        let mut built = None;
        loop {
            let current = sources.state();
            if built != Some(current) {
                self.turn();
                built = Some(current);
            }
            for _ in 0..LOOKS_PER_LOG {
                self.server.check()?;
                sleep(WATCH);
                if built != Some(sources.state()) {
                    break;
                }
            }
            self.print_log();
        }
    }

    /// Builds and installs once; a failure is printed, and the next change tries again.
    fn turn(&mut self) {
        let began = Instant::now();
        match self.install() {
            Ok(name) => self.printer.note(&format!(
                "ready in {:.1} s: {}/api/ext/{name}/",
                began.elapsed().as_secs_f64(),
                self.server.address()
            )),
            Err(error) => {
                self.printer.error(&error);
                self.printer.note("waiting for a change");
            }
        }
    }

    /// Returns the file with the token of the platform's administrator.
    fn token_file(&self) -> String {
        self.state.join("data/admin.token").display().to_string()
    }

    fn install(&self) -> Outcome<String> {
        let (_, manifest) = read_manifest(&self.directory)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A later build has a later version. A pre-release of the next patch is newer than the
        // manifest's own version.
        let mut version = manifest.version.clone();
        version.patch += 1;
        let version = format!(
            "{}.{}.{}-dev.{}",
            version.major,
            version.minor,
            version.patch,
            now.as_millis()
        );
        let (bundle, key) = (self.state.join("bundle.tar.zst"), self.state.join("signing.key"));
        let directory = &self.directory;
        succeeded(alga(directory)?.args(["build", "--quick"]))?;
        succeeded(
            alga(directory)?
                .args(["pack", "--quick", "--as-version", &version, "--out"])
                .arg(&bundle),
        )?;
        succeeded(alga(directory)?.arg("sign").arg(&bundle).arg("--key").arg(key))?;
        let token = self.token_file();
        let at = ["--server", self.server.address(), "--token-file", &token];
        succeeded(alga(&self.state)?.arg("publish").arg(&bundle).args(at))?;
        let extension = format!("{}@{version}", manifest.name);
        let mut install = alga(directory)?;
        install.args(["install", &extension, "--tenant", self.arguments.tenant.as_str()]);
        let secrets: Vec<String> = self.arguments.secrets.iter().map(|secret| from_here(secret)).collect();
        for (option, values) in [("--config", &self.arguments.config), ("--secret", &secrets)] {
            install.args(values.iter().flat_map(|value| [option, value]));
        }
        let optional = manifest.capabilities.iter().chain(&manifest.optional_capabilities);
        install.args(optional.flat_map(|name| ["--grant", name.as_str()]));
        succeeded(install.args(at))?;
        Ok(manifest.name.to_string())
    }

    /// Prints what executions have logged since the last look.
    fn print_log(&mut self) {
        for execution in self.executions() {
            if self.shown.insert(execution.id.to_string()) {
                self.printer.note(&super::log::all(std::slice::from_ref(&execution)));
            }
        }
    }

    /// Executions of earlier sessions are not printed.
    fn note_shown(&mut self) {
        let all: Vec<String> = self
            .executions()
            .iter()
            .map(|execution| execution.id.to_string())
            .collect();
        self.shown.extend(all);
    }

    /// Returns the executions that are recorded, oldest first; none if there is no install yet.
    fn executions(&self) -> Vec<Execution> {
        let read = || -> Option<Vec<Execution>> {
            let (_, manifest) = read_manifest(&self.directory).ok()?;
            let token = self.token_file();
            let mut command = alga(&self.state).ok()?;
            command.args(["--json", "installs", "log", manifest.name.as_str(), "--limit", "100"]);
            command.args([
                "--tenant",
                self.arguments.tenant.as_str(),
                "--server",
                self.server.address(),
                "--token-file",
                &token,
            ]);
            let output = command.output().ok()?;
            let json: Value = serde_json::from_slice(&output.stdout).ok()?;
            let list = json.get("executions").unwrap_or(&json).clone();
            serde_json::from_value(list).ok()
        };
        let mut executions = read().unwrap_or_default();
        executions.reverse();
        executions
    }
}

/// Returns a secret's option whose file is found from any directory.
fn from_here(secret: &str) -> String {
    let absolute = |(name, file): (&str, &str)| Some(format!("{name}=@{}", std::path::absolute(file).ok()?.display()));
    let absolute = secret.split_once("=@").and_then(absolute);
    absolute.unwrap_or_else(|| secret.to_owned())
}
