//! `bench capabilities`: the cost of a grant, a host call, egress and storage, compared with the
//! layer below. The two sides of each comparison are measured alternately, so that other load on
//! the machine affects both; the figure is the median of the rounds.

use crate::allocations;
use crate::figures::{Figures, Target};
use alga_bundle::{InstallId, Manifest};
use alga_capabilities::{
    Backend, BackendError, BoxFuture, GrantSet, HostDependencies, Identity, MetricRegistry, MetricSettings,
    NamespaceUsage, Page, Permit, PutRequest, Record, Release as Loaded, Scope, SecretFuture, SecretSource, Services,
    Trigger, known,
};
use alga_egress::{Caller, Egress, EgressDependencies, OperatorPolicy, SystemResolver, Timeouts, Traffic};
use alga_engine::{Compiler, CompilerLimits, ComponentFactory, Engine, MachineCodeCache, PoolSettings};
use alga_execute::measuring::{Decision, Ready};
use alga_harness::{Release, TestPlatform, component, program};
use alga_store::{Database, RecordLimits, RecordWrite, Records};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sqlx::{Row, SqlitePool};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Calls per execution when a host call is measured: below the log's own limit of 256 records.
const CALLS: f64 = 200.0;
const ROUNDS: usize = 9;

pub(crate) fn run(figures: &mut Figures, _: u64) {
    // One thread, so that everything that is counted and timed happens on it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        decision(figures).await;
        host_calls(figures).await;
        egress(figures).await;
        storage(figures).await;
    });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn decision(figures: &mut Figures) {
    const TIMES: u32 = 20_000;
    let world = TestPlatform::new().await;
    let request = world.with_guest("storage_works", &["cap:storage.kv"]).await;
    let service = world.platform().execute().unwrap();
    let decision = Decision::of(service, &world.token_for(&request).unwrap()).unwrap();
    for _ in 0..TIMES {
        assert!(decision.once(service).await);
    }
    let mut times = Vec::new();
    let mut allocated = 0;
    for _ in 0..ROUNDS {
        let (before, started) = (allocations::of_this_thread(), Instant::now());
        for _ in 0..TIMES {
            decision.once(service).await;
        }
        let elapsed = started.elapsed();
        allocated += allocations::of_this_thread() - before;
        times.push(elapsed.as_nanos() as f64 / f64::from(TIMES) / 1000.0);
    }
    figures.add("grant decision + link lookup", median(times), "us", Target::AtMost(2.0));
    let each = allocated as f64 / (ROUNDS as f64 * f64::from(TIMES));
    figures.add("  allocations of one", each, "", Target::AtMost(0.0));
}

/// Stores records in memory: the cost of a host call without a store behind it.
#[derive(Default)]
struct Memory(Mutex<HashMap<String, Record>>);

impl Backend for Memory {
    fn get<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, BackendError>> {
        Box::pin(std::future::ready(Ok(self.0.lock().unwrap().get(key).cloned())))
    }

    fn put<'a>(&'a self, _: &'a Scope, _: &'a str, request: PutRequest) -> BoxFuture<'a, Result<u64, BackendError>> {
        let record = Record {
            key: request.key.clone(),
            value: request.value,
            metadata: request.metadata,
            revision: 1,
            expires_in_seconds: None,
        };
        self.0.lock().unwrap().insert(request.key, record);
        Box::pin(std::future::ready(Ok(1)))
    }

    fn delete<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: &'a str,
        _: Option<u64>,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        unreachable!("not measured")
    }

    fn list<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: &'a str,
        _: Option<&'a str>,
        _: u32,
    ) -> BoxFuture<'a, Result<Page, BackendError>> {
        unreachable!("not measured")
    }

    fn get_many<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>, BackendError>> {
        unreachable!("not measured")
    }

    fn put_many<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: Vec<PutRequest>,
    ) -> BoxFuture<'a, Result<Vec<u64>, BackendError>> {
        unreachable!("not measured")
    }

    fn usage<'a>(&'a self, _: &'a Scope, _: &'a str) -> BoxFuture<'a, Result<NamespaceUsage, BackendError>> {
        unreachable!("not measured")
    }
}

struct NoSecrets;

impl SecretSource for NoSecrets {
    fn open<'a>(&'a self, _: &'a Identity, _: &'a str) -> SecretFuture<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

fn egress_with(exceptions: &str) -> Egress {
    Egress::new(EgressDependencies {
        operator: OperatorPolicy::parse("*", exceptions, "").unwrap(),
        resolver: Arc::new(SystemResolver::default()),
        authorities: Vec::new(),
        upstream: None,
    })
    .unwrap()
}

async fn ready(directory: &std::path::Path) -> Ready {
    let engine = Engine::new(&PoolSettings {
        components: 8,
        ..PoolSettings::default()
    })
    .unwrap();
    let cache = MachineCodeCache::open(&directory.join("cache"), [7; 32], u64::MAX).unwrap();
    let compiler = Compiler::new(&program("alga-compiler"), CompilerLimits::default());
    let factory = ComponentFactory::new(engine.clone(), compiler, Arc::new(cache));
    let made = factory
        .make([1; 32], &component("measures_host_calls"), None)
        .await
        .unwrap();
    let capabilities = ["cap:storage.kv"];
    let manifest = Release::manifest("com.example.bench", "1.0.0", &capabilities);
    let manifest = Manifest::parse(manifest.to_string().as_bytes(), known()).unwrap();
    let services = Services::new(&HostDependencies {
        records: Arc::new(Memory::default()),
        cursor_key: [0; 32],
        egress: Arc::new(egress_with("")),
        secrets: Arc::new(NoSecrets),
        platform: None,
        ui_proxy: None,
        metrics: Arc::new(MetricRegistry::new(MetricSettings::default())),
        time: None,
    });
    let names = capabilities.map(|name| name.parse().unwrap());
    let grants = GrantSet::defaults().union(GrantSet::from_names(&names).unwrap());
    Ready::new(&engine, &made, Loaded::new(manifest), grants, services).unwrap()
}

/// Returns a permit for a different install per execution, because the log's rate limit is per
/// install.
fn permit(number: usize) -> Arc<Permit> {
    let install: InstallId = format!("i-{number}").parse().unwrap();
    Arc::new(Permit {
        identity: Identity {
            request: "r-1".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            extension: "e-1".parse().unwrap(),
            install,
            version: None,
        },
        trigger: Trigger::Http,
        config: Arc::default(),
        user: None,
        grants: GrantSet::defaults(),
        egress: Arc::default(),
        memory_bytes: 64 * 1024 * 1024,
        deadline: Instant::now() + Duration::from_secs(5),
    })
}

async fn host_calls(figures: &mut Figures) {
    const EXECUTIONS: usize = 200;
    let directory = tempfile::tempdir().unwrap();
    let ready = ready(directory.path()).await;
    let mut number = 0;
    let kinds = ["/bare", "/log", "/get", "/put"];
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    for round in 0..=ROUNDS {
        for kind in kinds {
            let started = Instant::now();
            for _ in 0..EXECUTIONS {
                number += 1;
                assert_eq!(ready.call(&permit(number), kind).await, Some(200), "{kind}");
            }
            let each = started.elapsed().as_nanos() as f64 / EXECUTIONS as f64 / CALLS / 1000.0;
            if round > 0 {
                times.entry(kind).or_default().push(each);
            }
        }
    }
    // The difference within each round: other load affected both sides alike.
    let over = |kind: &str| {
        median(
            times[kind]
                .iter()
                .zip(&times["/bare"])
                .map(|(one, bare)| one - bare)
                .collect(),
        )
    };
    figures.add(
        "a bare host call, with its share of the rest",
        median(times["/bare"].clone()),
        "us",
        Target::None,
    );
    figures.add("log, over the bare call", over("/log"), "us", Target::AtMost(2.0));
    figures.add(
        "kv get in memory, over the bare call",
        over("/get"),
        "us",
        Target::AtMost(2.0),
    );
    figures.add(
        "kv put in memory, over the bare call",
        over("/put"),
        "us",
        Target::AtMost(2.0),
    );
}

async fn respond(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"{\"hello\":\"world\"}"))))
}

async fn egress(figures: &mut Figures) {
    const REQUESTS: u32 = 2_000;
    let port = origin();
    let uri: hyper::Uri = format!("http://api.example.com:{port}/rates?currency=EUR")
        .parse()
        .unwrap();
    let direct: hyper::Uri = format!("http://127.0.0.1:{port}/rates?currency=EUR").parse().unwrap();
    let guarded = egress_with(&format!("api.example.com:{port}=127.0.0.1"));
    let declared = vec![format!("http://api.example.com:{port}").parse().unwrap()];
    let allowed = declared.iter().cloned().collect();
    let plain: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        let started = Instant::now();
        for _ in 0..REQUESTS {
            let response = plain.get(direct.clone()).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
        without.push(started.elapsed().as_micros() as f64 / f64::from(REQUESTS));
        let started = Instant::now();
        for _ in 0..REQUESTS {
            let caller = Caller::Install("acme".parse().unwrap(), "i-1".parse().unwrap());
            let permitted = guarded.authorize(caller, &uri, &declared, &allowed).unwrap();
            let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
            let request = Request::get(uri.clone()).body(body).unwrap();
            let patience = Timeouts::until(Instant::now() + Duration::from_secs(5));
            let response = guarded
                .send(&permitted, request, &Traffic::default(), patience)
                .await
                .unwrap();
            response.into_body().collect().await.unwrap();
        }
        with.push(started.elapsed().as_micros() as f64 / f64::from(REQUESTS));
    }
    let ratio = median(
        with.iter()
            .zip(&without)
            .skip(1)
            .map(|(with, without)| with / without)
            .collect(),
    );
    figures.add(
        "a plain hyper client, one request",
        median(without[1..].to_vec()),
        "us",
        Target::None,
    );
    figures.add("through the guard", median(with[1..].to_vec()), "us", Target::None);
    figures.add("  guard / plain", ratio, "x", Target::AtMost(1.3));
}

/// Starts a server on a separate thread, because only the clients are measured.
fn origin() -> u16 {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service_fn(respond)),
                );
            }
        });
    });
    receiver.recv().unwrap()
}

async fn storage(figures: &mut Figures) {
    const WRITES: usize = 100;
    const READS: usize = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open_sqlite(&directory.path().join("ours.sqlite"))
        .await
        .unwrap();
    let limits = RecordLimits {
        namespaces: 32,
        keys: 5_120,
        namespace_bytes: 256 * 1024 * 1024,
    };
    let records = Records::new(database, limits);
    let raw = raw_database(&directory.path().join("raw.sqlite")).await;
    let (tenant, install) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
    let value = vec![b'v'; 256];
    let (mut puts, mut gets, mut raw_puts, mut raw_gets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        let started = Instant::now();
        for key in 0..WRITES {
            let statement = "INSERT INTO records (tenant, install, namespace, key, value, revision) VALUES ($1, $2, $3, $4, $5, 1) \
                             ON CONFLICT (tenant, install, namespace, key) DO UPDATE SET value = excluded.value, revision = records.revision + 1 RETURNING revision";
            let row = sqlx::query(statement)
                .bind("acme")
                .bind("i-1")
                .bind("n")
                .bind(format!("k{key}").into_bytes())
                .bind(value.as_slice());
            row.fetch_one(&raw).await.unwrap().get::<i64, _>(0);
        }
        raw_puts.push(started.elapsed().as_micros() as f64 / WRITES as f64);
        let started = Instant::now();
        for key in 0..WRITES {
            let write = RecordWrite {
                key: format!("k{key}"),
                value: value.clone(),
                metadata: Vec::new(),
                if_revision: None,
                ttl_seconds: None,
            };
            records.put(&tenant, &install, "n", &write).await.unwrap();
        }
        puts.push(started.elapsed().as_micros() as f64 / WRITES as f64);
        let started = Instant::now();
        for key in 0..READS {
            let statement = "SELECT value, revision FROM records WHERE tenant = $1 AND install = $2 AND namespace = $3 AND key = $4";
            let row = sqlx::query(statement)
                .bind("acme")
                .bind("i-1")
                .bind("n")
                .bind(format!("k{}", key % WRITES).into_bytes());
            row.fetch_one(&raw).await.unwrap().get::<Vec<u8>, _>(0);
        }
        raw_gets.push(started.elapsed().as_micros() as f64 / READS as f64);
        let started = Instant::now();
        for key in 0..READS {
            records
                .get(&tenant, &install, "n", &format!("k{}", key % WRITES))
                .await
                .unwrap()
                .unwrap();
        }
        gets.push(started.elapsed().as_micros() as f64 / READS as f64);
    }
    let ratio = |own: &[f64], raw: &[f64]| median(own.iter().zip(raw).skip(1).map(|(own, raw)| own / raw).collect());
    figures.add(
        "raw sqlx put, SQLite with fsync",
        median(raw_puts[1..].to_vec()),
        "us",
        Target::None,
    );
    figures.add("  kv put / raw", ratio(&puts, &raw_puts), "x", Target::AtMost(1.5));
    figures.add("raw sqlx get", median(raw_gets[1..].to_vec()), "us", Target::None);
    figures.add("  kv get / raw", ratio(&gets, &raw_gets), "x", Target::AtMost(1.5));
}

/// Opens a database with the same file system, journal and durability as the store, and with
/// nothing but sqlx.
async fn raw_database(path: &std::path::Path) -> SqlitePool {
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap();
    for statement in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE records (tenant TEXT, install TEXT, namespace TEXT, key BLOB, value BLOB, revision BIGINT, PRIMARY KEY (tenant, install, namespace, key))",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool
}
