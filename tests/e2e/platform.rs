//! Platform as a separate process, with a mock server that its extensions call.

use crate::operator::Operator;
use alga_harness::{MockServer, Release, Server, ServerOptions, component, fresh_database, handler};
use alga_registry_types::InstallRequest;
use alga_signing::{SigningKey, TrustFile};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;
use zeroize::Zeroizing;

pub(crate) struct Platform {
    server: Server,
    directory: TempDir,
    key: SigningKey,
    operator: Operator,
}

/// Test guest, with what it needs to be installed.
#[derive(Default)]
pub(crate) struct Guest<'a> {
    name: &'a str,
    capabilities: &'a [&'a str],
    fields: Value,
    config: BTreeMap<String, String>,
    secrets: BTreeMap<String, Zeroizing<String>>,
}

impl<'a> Guest<'a> {
    /// A guest without capabilities, configuration and secrets.
    pub(crate) fn new(name: &'a str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Declares and grants capabilities.
    pub(crate) fn grants(mut self, capabilities: &'a [&'a str]) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Adds fields to the manifest.
    pub(crate) fn fields(mut self, fields: Value) -> Self {
        self.fields = fields;
        self
    }

    /// Sets the configuration key that every guest has.
    pub(crate) fn greeting(mut self, value: impl Into<String>) -> Self {
        self.config.insert("greeting".to_owned(), value.into());
        self
    }

    /// Sets a secret.
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned().into());
        self
    }
}

impl Platform {
    pub(crate) fn start(outside: &MockServer, options: &ServerOptions<'_>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let trust = TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
        fs::write(directory.path().join("trust.json"), trust.to_json().unwrap()).unwrap();
        let database = fresh_database().map(|url| ("database".to_owned(), url));
        let settings: String = outside
            .settings()
            .into_iter()
            .chain(database)
            .map(|(key, value)| format!("{key} = {value:?}\n"))
            .collect();
        fs::write(directory.path().join("alga.toml"), settings).unwrap();
        let server = Server::start_with(directory.path(), options);
        let operator = Operator::of(directory.path(), &server);
        Self {
            server,
            directory,
            key,
            operator,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Publishes a guest and installs it for `demo`; returns its name.
    pub(crate) fn install(&self, guest: &Guest<'_>) -> String {
        let name = format!("com.example.{}", guest.name.replace('_', "-"));
        let mut manifest = Release::manifest(&name, "1.0.0", guest.capabilities);
        for (field, value) in guest.fields.as_object().into_iter().flatten() {
            manifest[field] = value.clone();
        }
        let release = Release::new(&self.key, &manifest, &component(guest.name));
        self.install_release(
            &release,
            &InstallRequest {
                config: guest.config.clone(),
                secrets: guest.secrets.clone(),
                ..release.install_request(guest.capabilities)
            },
        )
    }

    /// Publishes and installs a handler in WebAssembly text for `demo`; returns its name.
    pub(crate) fn install_handler(&self, name: &str, module: &str) -> String {
        let manifest = Release::manifest(name, "1.0.0", &[]);
        let release = Release::new(&self.key, &manifest, &handler(module));
        self.install_release(&release, &release.install_request(&[]))
    }

    fn install_release(&self, release: &Release, request: &InstallRequest) -> String {
        self.operator().publish(release).unwrap().ok();
        self.operator().install(request).unwrap().ok().name.to_string()
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    /// Returns the directory with `alga-data`.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Returns a client of the operator.
    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Sends a request to an extension as a user of `demo`.
    pub(crate) fn call(&self, name: &str, path: &str) -> String {
        let response = self.operator.visit(&format!("/api/ext/{name}{path}"));
        response.unwrap().text()
    }

    /// Returns the current or peak memory of the process in kilobytes, by the name of the line in
    /// `/proc/…/status`.
    pub(crate) fn memory_kb(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        found.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Resets the peak memory of the process.
    pub(crate) fn reset_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    /// Stops the process as an operator does, so that its log is complete, and returns its
    /// directory.
    pub(crate) fn stop(self) -> TempDir {
        let Self { server, directory, .. } = self;
        assert!(server.terminate().success());
        directory
    }

    /// Kills the process with SIGABRT, as a fault of its own would, and returns its directory.
    pub(crate) fn abort(self) -> TempDir {
        let Self { server, directory, .. } = self;
        std::process::Command::new("kill")
            .args(["-ABRT", &server.id().to_string()])
            .status()
            .unwrap();
        drop(server);
        directory
    }
}
