//! `bench observability`: what a runner's throughput loses to traces, a reader of live events,
//! records and scrapes, each compared with a runner without it in the same round; and its latency
//! beside a collector, a scraper and a reader that have stopped.

use crate::execute::{RESPONSE, SERVER_CORE, hello, http_request};
use crate::figures::{Figures, Target};
use crate::load::{Measured, Order, on_core};
use alga_harness::TestPlatform;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::TcpListener;

const LOAD_CORE: usize = 1;
/// Number of rounds. All are measured alternately, because other load on the machine would
/// otherwise count against one of them only.
const ROUNDS: usize = 7;
/// Time between two scrapes, shorter than that of any operator.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// Something that observes a runner.
#[derive(Clone, Copy)]
enum Observed {
    Not,
    /// Exports one of so many traces.
    Traces(u32),
    /// Has a reader of its live events.
    Live,
    /// Stores a record of one of a thousand executions.
    Records,
    Scrapes,
    /// Exports every trace to a collector that accepts connections and receives nothing.
    HangingCollector,
    /// Has a scraper that requests many scrapes and receives nothing.
    HangingScraper,
    /// Has a reader of its live events that receives nothing.
    HangingReader,
}

/// Those that have stopped, while latencies are measured at half load.
const HANGING: [(Observed, &str); 3] = [
    (Observed::HangingCollector, "a collector that hangs"),
    (Observed::HangingScraper, "a scraper that hangs"),
    (Observed::HangingReader, "a reader of live events that hangs"),
];
/// Rounds in which they are measured.
const HANGING_ROUNDS: usize = 3;
/// Scrapes that a scraper requests which hangs.
const HANGING_SCRAPES: usize = 100;

const OBSERVED: [(Observed, &str, Target); 5] = [
    (
        Observed::Traces(100),
        "traces, 1 of 100 exported / nothing",
        Target::AtLeast(0.97),
    ),
    (Observed::Traces(1), "traces, all exported / nothing", Target::None),
    (
        Observed::Live,
        "one reader of live events / nothing",
        Target::AtLeast(0.98),
    ),
    (Observed::Records, "records, 1 of 1000 / nothing", Target::AtLeast(0.97)),
    (
        Observed::Scrapes,
        "a scrape each second / nothing",
        Target::AtLeast(0.97),
    ),
];

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let (collector, silent) = (collector(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let collectors = [collector, silent.local_addr().unwrap()];
    let measure = |observed, rate| measure(observed, collectors, seconds, rate);
    let throughput = |observed| measure(observed, None).requests_per_second;
    let mut ratios = [const { Vec::new() }; OBSERVED.len()];
    let mut plain = Vec::new();
    for _ in 0..ROUNDS {
        let without = throughput(Observed::Not);
        plain.push(without);
        for ((observed, ..), ratios) in OBSERVED.iter().zip(&mut ratios) {
            ratios.push(throughput(*observed) / without);
        }
    }
    let plain = median(&mut plain);
    figures.add("nothing, requests per second", plain, "1/s", Target::None);
    for ((_, name, target), ratios) in OBSERVED.into_iter().zip(&mut ratios) {
        figures.add(name, median(ratios), "ratio", target);
    }
    let p99 = |observed| measure(observed, Some(plain / 2.0)).p99_us;
    for (observed, name) in HANGING {
        let ratios = (0..HANGING_ROUNDS).map(|_| p99(observed) / p99(Observed::Not));
        let ratio = median(&mut ratios.collect::<Vec<_>>());
        let name = format!("p99 at half load, {name} / nothing");
        figures.add(name, ratio, "ratio", Target::AtMost(1.25));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Starts a collector that discards what it receives, on the core of the load.
fn collector() -> SocketAddr {
    let (sender, address) = mpsc::channel();
    on_core(LOAD_CORE, async move || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        let router = Router::new().route("/v1/traces", post(|_: axum::body::Bytes| async { StatusCode::OK }));
        axum::serve(listener, router).await.unwrap();
    });
    address.recv().unwrap()
}

/// Measures a runner, at this rate or in a closed loop. `collectors` are one that receives and one
/// that does not.
fn measure(observed: Observed, [collector, silent]: [SocketAddr; 2], seconds: u64, rate: Option<f64>) -> Measured {
    let (sender, ready) = mpsc::channel();
    let (finish, finished) = tokio::sync::oneshot::channel();
    let server = on_core(SERVER_CORE, async move || {
        let traces = |collector: SocketAddr, one_in: u32| {
            [
                ("traces_endpoint", format!("http://{collector}")),
                ("traces_one_in", one_in.to_string()),
            ]
        };
        let mut settings = vec![("pool", "512".to_owned())];
        match observed {
            Observed::Traces(one_in) => settings.extend(traces(collector, one_in)),
            Observed::HangingCollector => settings.extend(traces(silent, 1)),
            Observed::Records => settings.push(("record_one_in", "1000".to_owned())),
            Observed::Not | Observed::Live | Observed::Scrapes | Observed::HangingScraper | Observed::HangingReader => {
            }
        }
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let world = TestPlatform::with_settings(&settings).await;
        let request = hello(&world).await;
        for _ in 0..1_000 {
            world.execute(&request).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = world.administrator_token().to_owned();
        sender.send((address, http_request(&world, &request), token)).unwrap();
        let stop = async { finished.await.unwrap_or_default() };
        alga_server::serve(listener, world.router(), alga_server::ServeLimits::default(), stop)
            .await
            .unwrap();
    });
    let (address, request, token) = ready.recv().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let observer = observer(observed, address, &token, &is_over);
    let order = Order {
        address,
        request: &request,
        expected: RESPONSE,
        seconds,
        rate,
    };
    let measured = order.send(LOAD_CORE);
    is_over.store(true, Ordering::Relaxed);
    observer.into_iter().for_each(|observer| observer.join().unwrap());
    finish.send(()).unwrap();
    server.join().unwrap();
    measured
}

/// Starts a client that observes the runner until the measurement is over, on the core of the load.
fn observer(
    observed: Observed,
    address: SocketAddr,
    token: &str,
    is_over: &Arc<AtomicBool>,
) -> Option<std::thread::JoinHandle<()>> {
    let path = match observed {
        Observed::Live | Observed::HangingReader => "/v1/live/acme",
        Observed::Scrapes | Observed::HangingScraper => "/metrics",
        Observed::Not | Observed::Traces(_) | Observed::Records | Observed::HangingCollector => return None,
    };
    let head = format!("GET {path} HTTP/1.1\r\nhost: runner\r\nauthorization: Bearer {token}\r\n\r\n");
    let is_over = Arc::clone(is_over);
    Some(on_core(LOAD_CORE, async move || {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(SCRAPE_INTERVAL)).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        if matches!(observed, Observed::HangingScraper) {
            connection.write_all(head.repeat(HANGING_SCRAPES).as_bytes()).unwrap();
        }
        if matches!(observed, Observed::HangingScraper | Observed::HangingReader) {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::park_timeout(SCRAPE_INTERVAL);
            }
            return;
        }
        let mut part = vec![0; 1 << 20];
        while !is_over.load(Ordering::Relaxed) {
            match connection.read(&mut part) {
                Ok(length) => assert!(length > 0, "the runner has ended the connection"),
                // Nothing for a second: the next scrape.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if path == "/metrics" {
                        connection.write_all(head.as_bytes()).unwrap();
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }))
}
