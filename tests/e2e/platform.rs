//! Platform as a separate process, with a mock server that its extensions call.

use alga_harness::{MockServer, Release, Server, ServerOptions, component, handler};
use alga_signing::{SigningKey, TrustFile};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

pub(crate) struct Platform {
    server: Server,
    folder: TempDir,
    key: SigningKey,
    token: String,
    agent: ureq::Agent,
}

impl Platform {
    pub(crate) fn start(outside: &MockServer, options: &ServerOptions<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let trust = TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
        fs::write(folder.path().join("trust.json"), trust.to_json().unwrap()).unwrap();
        let settings: String = outside
            .settings()
            .iter()
            .map(|(key, value)| format!("{key} = {value:?}\n"))
            .collect();
        fs::write(folder.path().join("alga.toml"), settings).unwrap();
        let server = Server::start_with(folder.path(), options);
        let token = fs::read_to_string(folder.path().join("alga-data/admin.token"))
            .unwrap()
            .trim()
            .to_owned();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        Self {
            server,
            folder,
            key,
            token,
            agent,
        }
    }

    pub(crate) fn directory(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Publishes a guest with these fields in its manifest and installs it for `demo`; returns its
    /// name.
    pub(crate) fn install(
        &self,
        guest: &str,
        capabilities: &[&str],
        fields: &Value,
        config: &Value,
        secrets: &Value,
    ) -> String {
        let name = format!("com.example.{}", guest.replace('_', "-"));
        let mut manifest = Release::manifest(&name, "1.0.0", capabilities);
        for (field, value) in fields.as_object().into_iter().flatten() {
            manifest[field] = value.clone();
        }
        self.install_release(
            &name,
            &Release::new(&self.key, &manifest, &component(guest)),
            capabilities,
            config,
            secrets,
        )
    }

    /// Publishes and installs a handler in WebAssembly text for `demo`; returns its name.
    pub(crate) fn install_handler(&self, name: &str, module: &str) -> String {
        let manifest = Release::manifest(name, "1.0.0", &[]);
        let release = Release::new(&self.key, &manifest, &handler(module));
        self.install_release(name, &release, &[], &json!({}), &json!({}))
    }

    fn install_release(
        &self,
        name: &str,
        release: &Release,
        capabilities: &[&str],
        config: &Value,
        secrets: &Value,
    ) -> String {
        let mut form = Vec::new();
        for (name, bytes) in [("bundle", &release.bundle), ("signatures", &release.signatures)] {
            form.extend(format!("--frontier\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
            form.extend_from_slice(bytes);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--frontier--\r\n");
        let request = self
            .agent
            .post(format!("{}/v1/registry/extensions", self.server.address()));
        let request = request
            .header("authorization", format!("Bearer {}", self.token))
            .content_type("multipart/form-data; boundary=frontier");
        let published = request.send(&form).unwrap();
        assert!(
            published.status().is_success(),
            "{:?}",
            published.into_body().read_to_string()
        );
        let body = json!({ "extension": name, "version": "1.0.0", "grants": capabilities, "config": config, "secrets": secrets });
        let installed = self.operate("POST", "/v1/registry/tenants/demo/installs", Some(&body));
        assert!(installed.contains("\"enabled\""), "{installed}");
        name.to_owned()
    }

    /// Sends a request to the registry as the operator.
    pub(crate) fn operate(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.address()))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let request = request.body(body.map(ToString::to_string).unwrap_or_default()).unwrap();
        self.agent.run(request).unwrap().into_body().read_to_string().unwrap()
    }

    /// Sends a request to an extension as a user of `demo`.
    pub(crate) fn call(&self, name: &str, path: &str) -> String {
        let answer = self
            .agent
            .get(format!("{}/api/ext/{name}{path}", self.server.address()))
            .call();
        answer.unwrap().into_body().read_to_string().unwrap()
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

    /// Kills the process with SIGABRT, as a fault of its own would, and returns its directory.
    pub(crate) fn abort(self) -> TempDir {
        let Self { server, folder, .. } = self;
        std::process::Command::new("kill")
            .args(["-ABRT", &server.id().to_string()])
            .status()
            .unwrap();
        drop(server);
        folder
    }
}
