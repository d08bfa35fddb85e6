//! Clients in another process that hold connections, or measure latencies.

use crate::load::on_core;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LOAD_CORE: usize = 1;

/// What the connections do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holding {
    /// Each has sent one request and stays open.
    Idle,
    /// Each has received the first part of a response that goes on.
    Stream,
    /// Each sends one byte of a request's head per second, again and again.
    Slow,
    /// One receives events with the time at which they were written.
    Events,
    /// One sends requests one after the other.
    Sequential,
}

/// Latencies in microseconds.
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// A process with clients; they disconnect when this is dropped.
pub(crate) struct Held {
    child: Child,
    reported: Value,
}

impl Held {
    /// Starts clients, and returns when all are in the state to hold.
    pub(crate) fn start(address: SocketAddr, holding: Holding, count: usize, requests: &[String]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let order = json!({ "address": address.to_string(), "holding": format!("{holding:?}"), "count": count, "requests": requests });
        writeln!(child.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let reported = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the clients ended early: {line}"));
        Self { child, reported }
    }

    /// Measures latencies.
    pub(crate) fn measure(address: SocketAddr, holding: Holding, count: usize, request: &str) -> Latency {
        let held = Self::start(address, holding, count, &[request.to_owned()]);
        let number = |name: &str| held.reported[name].as_f64().unwrap();
        Latency {
            p50_us: number("p50"),
            p99_us: number("p99"),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs in the other process.
pub(crate) fn serve_parent() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let order: Value = serde_json::from_str(&line).unwrap();
    let address: SocketAddr = order["address"].as_str().unwrap().parse().unwrap();
    let count = usize::try_from(order["count"].as_u64().unwrap()).unwrap();
    let requests: Vec<String> = serde_json::from_value(order["requests"].clone()).unwrap();
    let holding = order["holding"].as_str().unwrap().to_owned();
    let run = async move || match holding.as_str() {
        "Idle" | "Stream" => hold(address, count, requests).await,
        "Slow" => slow(address, count, requests).await,
        "Events" => report(events(address, count, &requests).await),
        _ => report(sequential(address, count, &requests).await),
    };
    on_core(LOAD_CORE, run).join().unwrap();
}

fn report(mut microseconds: Vec<f64>) {
    microseconds.sort_by(f64::total_cmp);
    let at = |part: f64| microseconds[((microseconds.len() - 1) as f64 * part) as usize];
    println!("{}", json!({ "p50": at(0.5), "p99": at(0.99) }));
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Opens connections that have received the beginning of a response.
async fn hold(address: SocketAddr, count: usize, requests: Vec<String>) {
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = connect(address).await;
        stream
            .write_all(requests[number % requests.len()].as_bytes())
            .await
            .unwrap();
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert!(head.starts_with("HTTP/1.1 200"), "{number}: {head}");
        streams.push(stream);
    }
    println!("{{}}");
    std::future::pending::<()>().await;
}

/// Sends one byte per second on every connection, and connects again when the server closes one.
async fn slow(address: SocketAddr, count: usize, requests: Vec<String>) {
    for _ in 0..count {
        let request = requests[0].clone();
        tokio::spawn(async move {
            loop {
                let mut stream = connect(address).await;
                for byte in request.bytes() {
                    if stream.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("{{}}");
    std::future::pending::<()>().await;
}

/// Receives events whose text has the time at which the guest wrote it, in milliseconds.
async fn events(address: SocketAddr, count: usize, requests: &[String]) -> Vec<f64> {
    let mut latencies = Vec::new();
    while latencies.len() < count {
        let mut stream = connect(address).await;
        stream.write_all(requests[0].as_bytes()).await.unwrap();
        let mut bytes = vec![0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e6;
            let text = String::from_utf8_lossy(&bytes[..length]);
            let written = text.split("at: ").nth(1).and_then(|rest| rest.split('\n').next());
            if let Some(written) = written.and_then(|text| text.trim().parse::<f64>().ok()) {
                latencies.push(now - written * 1000.0);
            }
            if text.ends_with("0\r\n\r\n") {
                break;
            }
        }
    }
    latencies
}

async fn sequential(address: SocketAddr, count: usize, requests: &[String]) -> Vec<f64> {
    let mut stream = connect(address).await;
    let mut bytes = vec![0; 16 * 1024];
    let mut latencies = Vec::new();
    for number in 0..count + count / 10 {
        let started = Instant::now();
        stream.write_all(requests[0].as_bytes()).await.unwrap();
        let mut length = 0;
        while !bytes[..length].ends_with(b"\r\n\r\nok") {
            let read = stream.read(&mut bytes[length..]).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&bytes[..length]));
            length += read;
        }
        assert!(bytes[..length].starts_with(b"HTTP/1.1 200"));
        // The first tenth warms up.
        if number >= count / 10 {
            latencies.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    latencies
}
