//! `bench ui`: one file of a page from the runner, and from nginx on the same core; frames, calls
//! and tables in a browser.

use crate::figures::{Figures, Target};
use crate::load::{Measured, from_another_process, on_core};
use alga_harness::{Release, TestPlatform, run_in_browser};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
/// Rounds in which the sides alternate, so that other load on the machine counts against all.
const ROUNDS: usize = 3;
const NAME: &str = "com.example.bench";
/// Bytes of the file: a script of usual size.
const FILE_BYTES: usize = 16 * 1024;

/// Requests per second of each side in one round: files, and 304 responses. The sides are the
/// runner, nginx, and nginx with the fields that confine a page.
struct Round {
    files: [f64; 3],
    known: [f64; 3],
}

/// Fields that nginx writes by itself, or that are not of the file.
const OTHERS: [&str; 7] = [
    "accept-ranges",
    "content-length",
    "content-type",
    "date",
    "etag",
    "x-request-id",
    "connection",
];

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    files(figures, seconds);
    in_browser(figures);
}

/// Adds what `tests/browser/figures.mjs` measures: a JSON object of names and values.
fn in_browser(figures: &mut Figures) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let text = runtime.block_on(run_in_browser("figures.mjs"));
    let values: Value = serde_json::from_str(&text).unwrap();
    for (name, key, unit, target) in [
        (
            "frame ready after its source is set, median",
            "ready",
            "ms",
            Target::AtMost(150.0),
        ),
        (
            "plain fetch of the host application, median",
            "fetch",
            "ms",
            Target::None,
        ),
        (
            "call of a page by its host application, median",
            "call",
            "ms",
            Target::None,
        ),
        (
            "added by the page and its host application",
            "added",
            "ms",
            Target::AtMost(3.0),
        ),
        (
            "table of 100 000 rows, first paint",
            "paint",
            "ms",
            Target::AtMost(200.0),
        ),
        (
            "table of 100 000 rows, scrolled",
            "frames",
            "1/s",
            Target::AtLeast(50.0),
        ),
        ("table of 100 000 rows, memory", "memory", "MB", Target::AtMost(150.0)),
    ] {
        figures.add(name, values[key].as_f64().unwrap(), unit, target);
    }
}

fn files(figures: &mut Figures, seconds: u64) {
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| measure(seconds)).collect();
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    for (name, of) in [
        (
            "file of 16 KiB, requests per second per core",
            (|round| round.files[0]) as fn(&Round) -> f64,
        ),
        ("the same from nginx", |round| round.files[1]),
        ("304, requests per second per core", |round| round.known[0]),
        ("the same from nginx", |round| round.known[1]),
    ] {
        figures.add(name, median(&of), "1/s", Target::None);
    }
    type Of = fn(&Round) -> [f64; 3];
    for (name, of, side, target) in [
        ("file / nginx", (|round| round.files) as Of, 1, Target::AtLeast(0.8)),
        ("304 / nginx", |round| round.known, 1, Target::AtLeast(1.0)),
        (
            "file / nginx with the same fields",
            |round| round.files,
            2,
            Target::None,
        ),
        ("304 / nginx with the same fields", |round| round.known, 2, Target::None),
    ] {
        let ratio = median(&move |round| of(round)[0] / of(round)[side]);
        figures.add(name, ratio, "ratio", target);
    }
}

/// Returns a file that does not compress, so that both sides send the same bytes.
fn incompressible() -> Vec<u8> {
    (0..FILE_BYTES / 32)
        .flat_map(|number: usize| Sha256::digest(number.to_le_bytes()))
        .map(|byte| b'a' + byte % 26)
        .collect()
}

fn measure(seconds: u64) -> Round {
    let load = |address: SocketAddr, request: &str, expected: &str| -> f64 {
        let measured: Measured = from_another_process(LOAD_CORE, seconds, address, request.as_bytes(), expected);
        measured.requests_per_second
    };
    let (_running, own, target) = platform();
    let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\n\r\n");
    let nginx = Nginx::start(&head(own, &request));
    let text = String::from_utf8(incompressible()).unwrap();
    let end = &text[text.len() - 32..];
    let mut round = Round {
        files: [0.0; 3],
        known: [0.0; 3],
    };
    let sides = [
        (own, target.as_str()),
        (nginx.address, "/file.js"),
        (nginx.address, "/same/file.js"),
    ];
    for (side, (address, target)) in sides.into_iter().enumerate() {
        let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\n\r\n");
        round.files[side] = load(address, &request, end);
        let tag = tag(address, &request);
        let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\nif-none-match: {tag}\r\n\r\n");
        round.known[side] = load(address, &request, "304 Not Modified");
    }
    round
}

/// Returns the tag with which a server sends the file.
fn tag(address: SocketAddr, request: &str) -> String {
    let head = head(address, request);
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("etag:"));
    line.unwrap().split_once(':').unwrap().1.trim().to_owned()
}

/// Returns the head of a response.
fn head(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut part).unwrap();
        head.extend_from_slice(&part[..length]);
    }
    let text = String::from_utf8_lossy(&head);
    text.split_once("\r\n\r\n").unwrap().0.to_owned()
}

/// Starts a platform with a page; it stops when the first value is dropped.
fn platform() -> (tokio::sync::oneshot::Sender<()>, SocketAddr, String) {
    let (sender, ready) = mpsc::channel();
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    on_core(SERVER_CORE, async move || {
        let world = TestPlatform::new().await;
        let manifest = json!({
            "name": NAME, "publisher": "example", "version": "1.0.0",
            "ui": { "type": "iframe", "entry": "ui/index.html" },
        });
        let files: [(&str, &[u8]); 2] = [("ui/index.html", b"<!doctype html>"), ("ui/file.js", &incompressible())];
        let release = Release::signed(world.key(), Release::pack_files(&manifest, &files));
        world.publish(&release).await;
        world.install("acme", &release, &[]).await.ok();
        let limits = alga_server::ServeLimits::default();
        let listener = alga_server::Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(alga_server::serve(
            listener,
            world.router(),
            limits,
            std::future::pending(),
        ));
        let target = format!("/ext-ui/{NAME}/{}/file.js", release.content_hash());
        sender.send((address, target)).unwrap();
        finished.await.ok();
    });
    let (address, target) = ready.recv().unwrap();
    (finish, address, target)
}

/// Debian's nginx with one worker, which serves the file from a directory.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Nginx {
    /// Serves the file as it is, and below `/same/` with the fields of another server's response.
    fn start(head: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().display().to_string();
        fs::create_dir(directory.path().join("same")).unwrap();
        for name in ["file.js", "same/file.js"] {
            fs::write(directory.path().join(name), incompressible()).unwrap();
        }
        let fields = head.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (!OTHERS.contains(&name)).then(|| format!("add_header {name} \"{value}\" always;"))
        });
        let fields: String = fields.collect();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/pid; error_log {path}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;\n\
             types {{ text/javascript js; }}\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
             uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;\n\
             server {{ listen {address}; root {path}; location /same/ {{ {fields} }} }} }}\n"
        );
        fs::write(directory.path().join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("taskset");
        nginx.args([
            "--cpu-list",
            &SERVER_CORE.to_string(),
            "nginx",
            "-p",
            &path,
            "-c",
            "nginx.conf",
        ]);
        let child = nginx.stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "nginx does not listen");
            std::thread::yield_now();
        }
        Self {
            child,
            address,
            _directory: directory,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
