//! Servers of one component, each on the same core: the bare runtime's own server and other hosts,
//! and a handler without a component.

use crate::execute::http_request;
use crate::load::on_core;
use alga_auth::{Access, CallContext, ServiceGrant};
use alga_capabilities::compose_denied;
use alga_harness::{Release, TestPlatform, component};
use alga_registry_types::Install;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const SERVER_CORE: usize = 0;
/// Body of the component's response.
pub(crate) const BODY: &str = "ok";
/// Longest time until a server responds: it compiles the component first.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Address of a server, and the request that it is sent.
pub(crate) type Load = (SocketAddr, Vec<u8>);

/// The component without capabilities: those that its SDK imports are denied inside it, so that any
/// host with `wasi:http` runs it.
pub(crate) fn proxy_component() -> Vec<u8> {
    let log = "cap:log.emit".parse().unwrap();
    compose_denied(&component("answers_ok"), &BTreeSet::from([&log])).unwrap()
}

/// Returns a request with a bearer token, or without one.
pub(crate) fn get(target: &str, token: &str) -> Vec<u8> {
    let authorization = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    format!("GET {target} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

/// Starts a handler that responds at once.
pub(crate) fn bare() -> Load {
    let (sender, address) = mpsc::channel();
    on_core(SERVER_CORE, async move || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let respond = |_: hyper::Request<Incoming>| async {
                Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
            };
            tokio::spawn(async move {
                let builder = hyper::server::conn::http1::Builder::new();
                builder
                    .serve_connection(TokioIo::new(stream), service_fn(respond))
                    .await
                    .ok();
            });
        }
    });
    (address.recv().unwrap(), get("/", ""))
}

/// Data directory of a platform, and its database if that is Postgres.
pub(crate) type Stored = (PathBuf, Option<String>);

/// Name under which the platform has the component.
pub(crate) const NAME: &str = "com.example.bench";
/// Longest time of an execution, in milliseconds.
const LONGEST_MS: u64 = 5_000;

/// This platform with the component, on the servers' core. It stops when this is dropped.
pub(crate) struct Alga {
    pub(crate) http: Load,
    pub(crate) execute: Load,
    pub(crate) gateway: Load,
    pub(crate) stored: Stored,
    _finish: oneshot::Sender<()>,
}

impl Alga {
    pub(crate) fn start() -> Self {
        Self::start_after(async |_, _| ()).0
    }

    /// Starts the platform, does work on its core before it listens, and returns what that does.
    pub(crate) fn start_after<T: Send + 'static>(
        work: impl AsyncFnOnce(&TestPlatform, &Install) -> T + Send + 'static,
    ) -> (Self, T) {
        let (sender, ready) = mpsc::channel();
        let (finish, finished) = oneshot::channel::<()>();
        on_core(SERVER_CORE, async move || {
            let world =
                TestPlatform::with_settings(&[("pool", "512"), ("gateway_requests_per_second", "1000000")]).await;
            let release = Release::new(world.key(), &Release::manifest(NAME, "1.0.0", &[]), &proxy_component());
            world.publish(&release).await;
            let install = world.install("acme", &release, &[]).await.ok();
            let done = work(&world, &install).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let limits = alga_server::ServeLimits::default();
            let served = alga_server::serve(listener, world.router(), limits, std::future::pending());
            tokio::spawn(served);
            let started = Self {
                http: (address, get("/v1/http/", &http_token(&world, &install))),
                execute: (address, execute(&world, &install)),
                gateway: (address, gateway(&world)),
                stored: stored(&world),
                _finish: finish,
            };
            sender.send((started, done)).unwrap();
            finished.await.ok();
        });
        ready.recv().unwrap()
    }
}

pub(crate) fn stored(world: &TestPlatform) -> Stored {
    (
        world.directory().to_path_buf(),
        world.database_url().map(ToOwned::to_owned),
    )
}

/// Returns a token for `/v1/http`. It expires after a minute.
pub(crate) fn http_token(world: &TestPlatform, install: &Install) -> String {
    world.service_token(&ServiceGrant {
        call: Some(Box::new(CallContext {
            timeout_ms: Some(LONGEST_MS),
            ..CallContext::default()
        })),
        ..world.grant_for(install)
    })
}

fn execute(world: &TestPlatform, install: &Install) -> Vec<u8> {
    http_request(world, &world.request_for(install).on("GET", "/").within_ms(LONGEST_MS))
}

fn gateway(world: &TestPlatform) -> Vec<u8> {
    get(&format!("/api/ext/{NAME}/"), &world.caller_token("acme", Access::Write))
}

/// Another host in a process of its own, which ends when this is dropped.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Peer {
    /// Starts the bare runtime's own server; none if `cargo xtask bench` has not installed it.
    pub(crate) fn wasmtime() -> Option<Self> {
        let program = std::env::var_os("ALGA_WASMTIME")?;
        let arguments = |address: SocketAddr| {
            let arguments = ["serve", "-Scli", "--addr", &address.to_string(), "component.wasm"];
            arguments.map(OsString::from).to_vec()
        };
        Some(Self::start(&program, "wasmtime", arguments))
    }

    /// Starts the host of wasmCloud; none if `cargo xtask bench` has not installed it. Its command
    /// for developers serves HTTP without the broker that a deployment has.
    pub(crate) fn wasmcloud() -> Option<Self> {
        let program = std::env::var_os("ALGA_WASH")?;
        let arguments = |_| ["dev", "--non-interactive"].map(OsString::from).to_vec();
        Some(Self::start(&program, "wash", arguments))
    }

    fn start(program: &OsString, name: &str, arguments: impl Fn(SocketAddr) -> Vec<OsString>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        std::fs::write(directory.path().join("component.wasm"), proxy_component()).unwrap();
        std::fs::create_dir(directory.path().join(".wash")).unwrap();
        std::fs::write(directory.path().join(".wash/config.yaml"), wasmcloud_settings(address)).unwrap();
        let child = Command::new("taskset")
            .args(["--cpu-list", &SERVER_CORE.to_string()])
            .arg(program)
            .args(arguments(address))
            .current_dir(&directory)
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut peer = Self {
            child,
            address,
            _directory: directory,
        };
        peer.wait(name);
        peer
    }

    /// Waits until the server responds with the component's response.
    fn wait(&mut self, name: &str) {
        let started = Instant::now();
        while !responds(self.address).unwrap_or(false) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended early: {ended:?}");
            assert!(started.elapsed() < LONGEST_START, "{name} did not respond");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The settings of wasmCloud's command: nothing is built.
fn wasmcloud_settings(address: SocketAddr) -> String {
    format!(
        "version: 2.10.3\nbuild:\n  command: \"true\"\n  component_path: component.wasm\ndev:\n  address: {address}\n"
    )
}

fn responds(address: SocketAddr) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(LONGEST_START))?;
    connection.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    Ok(response.starts_with("HTTP/1.1 200"))
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process may have started others.
        let group = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.child.wait().ok();
    }
}
