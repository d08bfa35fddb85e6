//! The platform of a session, as a process of its own, which ends with it.

use crate::commands::steps::alga;
use crate::outcome::{CliError, ErrorContext, Outcome};
use alga_bundle::TenantId;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// First parts of the names of variables that configure where a platform stores and what it trusts.
const SETTINGS: [&str; 4] = ["ALGA_DATA", "ALGA_S3", "SIGNING_", "STORAGE_"];

/// A running platform.
pub(super) struct DevServer {
    child: Child,
    address: String,
    log: PathBuf,
}

impl DevServer {
    /// Starts the platform and waits until it listens.
    pub(super) fn start(state: &Path, port: u16, tenant: &TenantId, settings: &[String]) -> Outcome<Self> {
        let log = state.join("serve.log");
        let file = File::create(&log).user_error(&log.display().to_string())?;
        let mut command = alga(state)?;
        command.args(["--json", "serve", "--dev", "--stop-with-input", "--dev-tenant"]);
        command.arg(tenant.as_str());
        command.args([
            "--trust-bundle",
            "trust.json",
            "--data",
            "data",
            "--port",
            &port.to_string(),
        ]);
        for setting in settings {
            let (name, value) = setting
                .split_once('=')
                .ok_or_else(|| CliError::user(format!("`{setting}` is not NAME=VALUE")))?;
            command.args([format!("--{name}"), value.to_owned()]);
        }
        // The platform of a session has its own data, whatever this shell is configured for.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if SETTINGS.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        // The platform ends with this process, however that ends.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().internal_error("could not start the platform")?;
        let address = child.stdout.take().and_then(listening);
        let mut server = Self {
            child,
            address: String::new(),
            log,
        };
        match address {
            Some(address) => server.address = address,
            None => return Err(server.ended()),
        }
        Ok(server)
    }

    /// Returns the platform's URL without a slash at its end.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Fails if the platform has ended.
    pub(super) fn check(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> CliError {
        self.child.wait().ok();
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let last: String = last.into_iter().rev().map(|line| format!("\n{line}")).collect();
        CliError::user(format!("the platform has ended:{last}"))
            .with_hint("is the port in use? choose another with --port, or 0 for any")
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Reads the object that reports where the platform listens.
fn listening(output: impl std::io::Read) -> Option<String> {
    let mut text = String::new();
    for line in BufReader::new(output).lines() {
        text.push_str(&line.ok()?);
        if let Ok(json) = serde_json::from_str::<Value>(&text) {
            return json.get("listening")?.as_str().map(ToOwned::to_owned);
        }
    }
    None
}
