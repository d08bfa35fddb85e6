//! Servers of one component, each on the same core: the bare runtime's own server and other hosts,
//! and a handler without a component.

use crate::load::on_core;
use alga_capabilities::compose_denied;
use alga_harness::component;
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
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;

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
