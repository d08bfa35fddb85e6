//! Load over keep-alive connections from one pinned core, cheap enough not to affect the
//! measurement: a closed loop, in which each response causes the next request, and an open loop,
//! which sends at fixed times.

use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Number of concurrent connections.
const CONNECTIONS: usize = 32;

pub(crate) struct Measured {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// What the other process sends, and how.
pub(crate) struct Order<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) request: &'a [u8],
    /// Text that each response contains.
    pub(crate) expected: &'a str,
    pub(crate) seconds: u64,
    /// Requests per second; none: as many as there are responses.
    pub(crate) rate: Option<f64>,
}

/// Runs a future on a separate thread, pinned to a core, with a single-threaded runtime.
pub(crate) fn on_core<T: Send + 'static>(
    core: usize,
    work: impl AsyncFnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(move || {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        rustix::thread::sched_setaffinity(None, &cores).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work())
    })
}

/// Sends load to `address` from another process, pinned to `core`, in a closed loop.
pub(crate) fn from_another_process(
    core: usize,
    seconds: u64,
    address: SocketAddr,
    request: &[u8],
    expected: &str,
) -> Measured {
    let order = Order {
        address,
        request,
        expected,
        seconds,
        rate: None,
    };
    order.send(core)
}

impl Order<'_> {
    /// Sends the requests from another process, pinned to `core`.
    ///
    /// With a rate, a latency is the time since the request should have been sent: a server that
    /// stops for a moment is slow for every request of that moment, as it is for users.
    pub(crate) fn send(&self, core: usize) -> Measured {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["load", "--seconds", &self.seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let order = json!({
            "core": core, "address": self.address, "request": String::from_utf8_lossy(self.request),
            "expected": self.expected, "rate": self.rate,
        });
        child
            .stdin
            .take()
            .unwrap()
            .write_all(order.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the load ended early");
        let reported: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |name: &str| reported[name].as_f64().unwrap();
        Measured {
            requests_per_second: number("rps"),
            p50_us: number("p50"),
            p99_us: number("p99"),
        }
    }
}

/// Runs in the other process: reads the job from standard input and prints what it measured.
pub(crate) fn serve_parent(seconds: u64) {
    let order: Value = serde_json::from_reader(std::io::stdin()).unwrap();
    let text = |name: &str| order[name].as_str().unwrap().to_owned();
    let job = Job {
        address: text("address").parse().unwrap(),
        request: text("request").into_bytes().into(),
        expected: text("expected").leak().as_bytes(),
        rate: order["rate"].as_f64(),
    };
    let core = order["core"].as_u64().unwrap() as usize;
    let drive = async move || drive(job, Duration::from_secs(seconds)).await;
    let measured = on_core(core, drive).join().unwrap();
    println!(
        "{}",
        json!({ "rps": measured.requests_per_second, "p50": measured.p50_us, "p99": measured.p99_us })
    );
}

/// An order in the other process.
#[derive(Clone)]
struct Job {
    address: SocketAddr,
    request: Arc<[u8]>,
    expected: &'static [u8],
    rate: Option<f64>,
}

/// Times at which a connection sends its requests.
#[derive(Clone, Copy)]
struct Schedule {
    next: Instant,
    every: Duration,
}

impl Schedule {
    /// Returns the schedule of one of the connections, which send in turn.
    fn of(connection: usize, rate: f64) -> Self {
        let every = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
        let first = Duration::from_secs_f64(connection as f64 / rate);
        Self {
            next: Instant::now() + first,
            every,
        }
    }

    /// Waits until the next request is due, and returns that time. `None` if it is due after the
    /// end: those before are sent, however late, as the last ones of a slow server count like all.
    async fn due(&mut self, end: Instant) -> Option<Instant> {
        let due = self.next;
        if due >= end {
            return None;
        }
        self.next += self.every;
        // A timer would be later by up to a millisecond.
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        Some(due)
    }
}

/// Sends the same request repeatedly; every response must be 200 or 304 and contain the expected
/// text.
async fn drive(job: Job, duration: Duration) -> Measured {
    // Warm-up, not counted.
    connections(&job, Duration::from_secs(1)).await;
    let started = Instant::now();
    let mut latencies = connections(&job, duration).await;
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    Measured {
        requests_per_second: latencies.len() as f64 / seconds,
        p50_us: at(0.5),
        p99_us: at(0.99),
    }
}

async fn connections(job: &Job, duration: Duration) -> Vec<u64> {
    let end = Instant::now() + duration;
    let stop = Arc::new(AtomicBool::new(false));
    // This core never sleeps: otherwise the server would spend time waking it after every response,
    // several times the cost of the response itself.
    let awake = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        }
    });
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(connection(job.clone(), number, end)))
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    awake.await.unwrap();
    latencies
}

async fn connection(job: Job, number: usize, end: Instant) -> Vec<u64> {
    let mut stream = TcpStream::connect(job.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut schedule = job.rate.map(|rate| Schedule::of(number, rate));
    loop {
        let due = match &mut schedule {
            Some(schedule) => schedule.due(end).await,
            None => Some(Instant::now()).filter(|now| *now < end),
        };
        let Some(started) = due else { return latencies };
        stream.write_all(&job.request).await.unwrap();
        let length = read_response(&mut stream, &mut buffer).await;
        latencies.push(started.elapsed().as_nanos() as u64);
        let response = &buffer[..length];
        assert!(
            (response.ends_with(job.expected) || find(response, job.expected).is_some())
                && [&b"HTTP/1.1 200"[..], b"HTTP/1.1 304"]
                    .iter()
                    .any(|status| response.starts_with(status)),
            "{}",
            String::from_utf8_lossy(response)
        );
    }
}

async fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let is_complete = match length {
            _ if text.starts_with("HTTP/1.1 304") => true,
            Some(length) => filled >= head + 4 + length.parse::<usize>().unwrap(),
            // Chunked: the last chunk is empty.
            None => buffer[..filled].ends_with(b"0\r\n\r\n"),
        };
        if is_complete {
            return filled;
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
