//! `alga serve` in a process of its own, as an operator starts it, with a component.

use crate::load::on_core;
use crate::servers::{Load, NAME, SERVER_CORE, get, proxy_component};
use alga_harness::{Release, Server, ServerOptions};
use alga_registry_types::InstallRequest;
use alga_signing::{SigningKey, TrustFile};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The tenant of `--dev-tenant`, whose requests need no token.
const TENANT: &str = "demo";
/// As in the process of the benchmark.
const SETTINGS: [(&str, &str); 3] = [
    ("ALGA_CONFINE", "required"),
    ("ALGA_POOL", "512"),
    ("ALGA_GATEWAY_REQUESTS_PER_SECOND", "1000000"),
];

/// The process, on the servers' core; it ends when this is dropped.
pub(crate) struct OwnProcess {
    pub(crate) gateway: Load,
    _server: Server,
    _directory: TempDir,
}

impl OwnProcess {
    /// Starts the process, which confines itself.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let trust = TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
        fs::write(directory.path().join("trust.json"), trust.to_json().unwrap()).unwrap();
        let path = directory.path().to_path_buf();
        // A process runs on the cores of the thread that starts it.
        let server = on_core(SERVER_CORE, async move || start_in(&path)).join().unwrap();
        let release = Release::new(&key, &Release::manifest(NAME, "1.0.0", &[]), &proxy_component());
        let token = fs::read_to_string(directory.path().join("alga-data/admin.token")).unwrap();
        publish_to(&server, &token, &release);
        install(&server, &token, &release.install_request(&[]));
        let address = server.address().strip_prefix("http://").unwrap().parse().unwrap();
        Self {
            gateway: (address, get(&format!("/api/ext/{NAME}/"), "")),
            _server: server,
            _directory: directory,
        }
    }
}

fn start_in(directory: &Path) -> Server {
    let options = ServerOptions {
        variables: &SETTINGS,
        ..ServerOptions::default()
    };
    Server::start_with(directory, &options)
}

/// Publishes a release to a server.
pub(crate) fn publish_to(server: &Server, token: &str, release: &Release) {
    let form = release.form();
    post(
        server,
        "/v1/registry/extensions",
        token,
        &form.content_type,
        &form.bytes,
    );
}

fn install(server: &Server, token: &str, request: &InstallRequest) {
    let operation = alga_registry_types::install(&TENANT.parse().unwrap(), request);
    let body = &operation.body;
    post(server, &operation.path, token, &body.content_type, &body.bytes);
}

fn post(server: &Server, path: &str, token: &str, content_type: &str, body: &[u8]) {
    let (token, length) = (token.trim(), body.len());
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: registry\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend(body);
    let response = server.raw(&request);
    assert!(response.starts_with("HTTP/1.1 201"), "{response}");
}
