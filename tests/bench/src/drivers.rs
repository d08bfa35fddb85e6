//! Clients in other processes: one that sends requests at fixed times, and ones that send as many
//! as they can.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections of the client that sends at fixed times. Each sends its next request on time unless
/// its last one is late.
const CONNECTIONS: u64 = 64;
/// Time after which a response counts as an error.
const LONGEST: Duration = Duration::from_secs(20);

/// What a client sends.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) address: SocketAddr,
    pub(crate) request: String,
    /// Status of the response; any other is an error.
    pub(crate) status: u16,
}

/// Latencies in milliseconds, and the number of responses and errors.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Latencies {
    pub(crate) responses: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) errors: f64,
}

/// A client in another process.
pub(crate) struct Driver(Child);

impl Driver {
    /// Sends this many requests per second for some seconds. A latency is the time since the
    /// request should have been sent, so that a server that stops is not left out.
    pub(crate) fn at_rate(order: &Order, rate: u64, seconds: u64) -> Self {
        // Its own waits for a processor are not the server's: it is preferred, if this process may.
        let mut command = Command::new("nice");
        command.args(["-n", "-10"]).arg(std::env::current_exe().unwrap());
        Self::start(command, order, &json!({ "rate": rate, "seconds": seconds }))
    }

    /// Sends requests on this many connections, each after the last response, until it is ended.
    pub(crate) fn without_end(order: &Order, connections: usize) -> Self {
        // Clients of a server are on other machines; here, they use its processors after it.
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(std::env::current_exe().unwrap());
        Self::start(command, order, &json!({ "connections": connections }))
    }

    fn start(mut command: Command, order: &Order, how: &Value) -> Self {
        let mut child = command
            .arg("drive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let order = json!({
            "address": order.address.to_string(), "request": order.request, "status": order.status, "how": how,
        });
        writeln!(child.stdin.as_mut().unwrap(), "{order}").unwrap();
        Self(child)
    }

    /// Ends the client, or waits for its end, and returns what it measured.
    pub(crate) fn end(mut self) -> Latencies {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().unwrap();
        let reported: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |name: &str| reported[name].as_f64().unwrap();
        Latencies {
            responses: number("responses"),
            p50: number("p50"),
            p99: number("p99"),
            p999: number("p999"),
            errors: number("errors"),
        }
    }
}

/// Runs a client for the parent process: the order is the first line of the input.
pub(crate) fn serve_parent() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let order: Value = serde_json::from_str(&line).unwrap();
    let client = Client {
        address: order["address"].as_str().unwrap().parse().unwrap(),
        request: order["request"].as_str().unwrap().to_owned(),
        status: format!("HTTP/1.1 {} ", order["status"]),
        reports: order["how"]["rate"].is_u64(),
    };
    let how = &order["how"];
    let times = match how["rate"].as_u64() {
        Some(rate) => client.at_rate(rate, how["seconds"].as_u64().unwrap()),
        None => client.without_end(how["connections"].as_u64().unwrap()),
    };
    let mut received: Vec<f64> = times.iter().flatten().map(|time| time.as_secs_f64() * 1e3).collect();
    received.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let last = received.len().saturating_sub(1);
        received
            .get((received.len() as f64 * part) as usize)
            .or(received.get(last))
            .copied()
            .unwrap_or(0.0)
    };
    let errors = times.iter().filter(|time| time.is_none()).count();
    println!(
        "{}",
        json!({ "responses": received.len(), "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "errors": errors })
    );
}

struct Client {
    address: SocketAddr,
    request: String,
    status: String,
    /// True if unexpected responses are printed: those of the client that is measured.
    reports: bool,
}

/// The time of each request; none if it failed.
type Times = Vec<Option<Duration>>;

impl Client {
    fn at_rate(&self, rate: u64, seconds: u64) -> Times {
        let started = Instant::now() + Duration::from_millis(50);
        let every = |connection: u64| {
            let mut stream = None;
            let due = (connection..rate * seconds).step_by(CONNECTIONS as usize);
            let times = due.map(|number| {
                let due = started + Duration::from_nanos(number * 1_000_000_000 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let is_expected = self.ask(&mut stream);
                if !is_expected {
                    eprintln!(
                        "request {number}: no response, or an unexpected one, after {:?}",
                        due.elapsed()
                    );
                }
                is_expected.then(|| due.elapsed())
            });
            times.collect::<Times>()
        };
        std::thread::scope(|threads| {
            let connections: Vec<_> = (0..CONNECTIONS)
                .map(|number| threads.spawn(move || every(number)))
                .collect();
            connections
                .into_iter()
                .flat_map(|times| times.join().unwrap())
                .collect()
        })
    }

    fn without_end(&self, connections: u64) -> Times {
        let is_over = AtomicBool::new(false);
        let every = || {
            let (mut stream, mut times) = (None, Times::new());
            while !is_over.load(Ordering::Relaxed) {
                let started = Instant::now();
                times.push(self.ask(&mut stream).then(|| started.elapsed()));
            }
            times
        };
        std::thread::scope(|threads| {
            let connections: Vec<_> = (0..connections).map(|_| threads.spawn(every)).collect();
            // The parent closes the input to end it.
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            is_over.store(true, Ordering::Relaxed);
            connections
                .into_iter()
                .flat_map(|times| times.join().unwrap())
                .collect()
        })
    }

    /// Reports whether a request got the expected response.
    fn ask(&self, stream: &mut Option<TcpStream>) -> bool {
        let response = self.response(stream);
        if response.is_err() {
            *stream = None;
        }
        response.is_ok_and(|is_expected| is_expected)
    }

    fn response(&self, stream: &mut Option<TcpStream>) -> std::io::Result<bool> {
        let stream = match stream {
            Some(stream) => stream,
            None => {
                let new = TcpStream::connect(self.address)?;
                new.set_nodelay(true)?;
                new.set_read_timeout(Some(LONGEST))?;
                stream.insert(new)
            }
        };
        stream.write_all(self.request.as_bytes())?;
        let (mut received, mut part) = (Vec::new(), [0; 16 * 1024]);
        loop {
            let length = stream.read(&mut part)?;
            if length == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            received.extend_from_slice(&part[..length]);
            if is_complete(&received) {
                let is_expected = received.starts_with(self.status.as_bytes());
                if !is_expected && self.reports {
                    eprintln!("{}", String::from_utf8_lossy(&received));
                }
                return Ok(is_expected);
            }
        }
    }
}

/// Reports whether a response with a length, or with chunks, has been received.
fn is_complete(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => received.len() >= end + 4 + length.trim().parse::<usize>().unwrap(),
        None => received.ends_with(b"\r\n0\r\n\r\n") || head.starts_with("http/1.1 204"),
    }
}
