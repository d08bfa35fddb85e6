//! Gateway, registry and two runners as four processes on one Postgres database and one S3 store.

use crate::operator::Operator;
use alga_auth::PrincipalKind;
use alga_bundle::{Meter, Period};
use alga_harness::{Collector, ReceivedSpan, Release, S3, Server, component, fresh_database, tenant_id};
use alga_registry_types::{KeyRequest, QuotaRequest, create_key, set_quota};
use alga_server::HostKeys;
use alga_signing::{SigningKey, TrustFile};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Directories of four processes, which share what the settings name.
struct Fleet {
    home: TempDir,
    key: SigningKey,
    shared: BTreeMap<String, String>,
}

impl Fleet {
    fn new(database: String, s3: &S3) -> Self {
        let home = TempDir::new().unwrap();
        let mut shared: BTreeMap<_, _> = s3.settings().into_iter().collect();
        shared.insert("database".to_owned(), database);
        let fleet = Self {
            home,
            key: SigningKey::generate().unwrap(),
            shared,
        };
        // The operator distributes keys before the first start: each part writes its own.
        HostKeys::open(&fleet.data("gateway")).unwrap().service().unwrap();
        let registry = HostKeys::open(&fleet.data("registry")).unwrap();
        registry.registry().unwrap();
        registry.sealing().unwrap();
        registry.machine_code().unwrap();
        registry.cursors().unwrap();
        fleet
    }

    fn directory(&self, name: &str) -> PathBuf {
        let directory = self.home.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn data(&self, name: &str) -> PathBuf {
        self.directory(name).join("alga-data")
    }

    fn start(&self, name: &str, role: &str, own: &[(&str, String)]) -> Server {
        let directory = self.directory(name);
        let trust = TrustFile::of(&"example".parse().unwrap(), &self.key).unwrap();
        fs::write(directory.join("trust.json"), trust.to_json().unwrap()).unwrap();
        let mut settings = self.shared.clone();
        settings.insert("role".to_owned(), role.to_owned());
        settings.insert("cache_root".to_owned(), path(&self.home.path().join("machine-code")));
        settings.insert(
            "machine_code_key_file".to_owned(),
            path(&self.data("registry").join("machine-code.key")),
        );
        settings.extend(own.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let lines = settings.iter().map(|(key, value)| format!("{key} = {value:?}\n"));
        fs::write(directory.join("alga.toml"), lines.collect::<String>()).unwrap();
        Server::start(&directory)
    }

    fn runner(&self, name: &str) -> Server {
        let registry = self.data("registry");
        let keys = [
            (
                "service_public_keys_file",
                path(&self.data("gateway").join("service.pub")),
            ),
            ("registry_public_key_file", path(&registry.join("registry.pub"))),
            ("secrets_key_file", path(&registry.join("secrets.key"))),
            ("cursors_key_file", path(&registry.join("cursors.key"))),
        ];
        self.start(name, "runner", &keys)
    }
}

/// Limits an extension to 100 requests, and sends more to two runners at once.
fn quotas_hold_in_both_runners(operator: &Operator, caller: &Operator) {
    const TARGET: &str = "/api/ext/com.example.stored/";
    let limit_to = |hard| {
        let request = QuotaRequest {
            meter: Meter::Requests,
            period: Period::Month,
            hard: Some(hard),
            soft: None,
        };
        let set = set_quota(&tenant_id("demo"), Some("com.example.stored"), &request);
        operator.operate(&set).unwrap().ok();
    };
    limit_to(0);
    // Until both know the quota: the gateway calls them in turn.
    let mut refused = 0;
    while refused < 10 {
        let visited = caller.visit(TARGET).unwrap();
        refused = if visited.status == 429 { refused + 1 } else { 0 };
    }
    limit_to(100);
    let visit = || {
        let visited = caller.visit(TARGET).unwrap();
        if !visited.status.is_success() {
            visited.assert_error(429, "quota_exceeded");
        }
        usize::from(visited.status.is_success())
    };
    let mut run = 0;
    while run < 100 {
        run += std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..25).map(|_| visit()).sum::<usize>()))
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
        });
    }
    run += (0..20).map(|_| visit()).sum::<usize>();
    assert_eq!(run, 100);
}

/// Scrapes a process of each role with an operator's API key.
fn every_process_has_metrics(operator: &Operator, processes: [&Server; 3]) {
    let key = KeyRequest {
        kind: PrincipalKind::Operator,
        label: "prometheus".to_owned(),
        names: [].into(),
        access: None,
        lifetime_seconds: None,
    };
    let key = operator.operate(&create_key(None, &key)).unwrap().ok();
    for process in processes {
        let scraper = Operator::with_key(process, &key.secret);
        let text = scraper.get("/metrics").unwrap().text();
        for series in [
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "alga_dependency_duration_seconds_count{dependency=\"database\",outcome=\"ok\"} ",
            "alga_http_request_duration_seconds_count{route=",
        ] {
            assert!(text.contains(series), "{series}: {text}");
        }
    }
}

/// Finds a trace with spans of the gateway and of a runner.
fn a_trace_leads_through_gateway_and_runner(collector: &Collector) {
    let is_below = |spans: &[ReceivedSpan], child: &str, parent: &str| {
        let parents = spans.iter().filter(|span| span.name == parent);
        let mut children = parents.flat_map(|parent| spans.iter().filter(|span| span.parent == parent.id));
        children.any(|span| span.name == child)
    };
    let [gateway, runner] = ["GET /api/ext/{extension}/{*path}", "GET /v1/http/{*path}"];
    let _ = collector.spans_when(|spans| {
        is_below(spans, "alga.runner", gateway)
            && is_below(spans, runner, "alga.runner")
            && is_below(spans, "alga.execute", runner)
    });
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_publish_install_execute_and_survive_the_loss_of_a_runner() {
    // Several processes need a database that they can share.
    let Some(database) = fresh_database() else { return };
    let s3 = S3::start().await;
    let collector = Collector::start();
    let mut fleet = Fleet::new(database, &s3);
    let traces = [("traces_endpoint", collector.http()), ("traces_one_in", "1")];
    let traces = traces.map(|(key, value)| (key.to_owned(), value.to_owned()));
    fleet.shared.extend(traces);
    let fleet = fleet;
    let registry = fleet.start("registry", "registry", &[]);
    let mut first = fleet.runner("runner-1");
    let second = fleet.runner("runner-2");
    let urls = format!("{},{}", first.address(), second.address());
    let settings = [
        ("runner_base_url", urls),
        ("registry_base_url", registry.address().to_owned()),
    ];
    let gateway = fleet.start("gateway", "gateway", &settings);
    // Publish and install by way of the gateway, which passes these requests on to the registry.
    let operator = Operator::of(&fleet.directory("registry"), &gateway);
    for (name, guest, grants) in [
        ("com.example.streams", "streams", &[][..]),
        ("com.example.stored", "storage_works", &["cap:storage.kv"]),
        ("com.example.configured", "context_works", &[]),
    ] {
        let manifest = Release::manifest(name, "1.0.0", grants);
        let release = Release::new(&fleet.key, &manifest, &component(guest));
        operator.publish(&release).unwrap().ok();
        let mut request = release.install_request(grants);
        request.config.insert("greeting".to_owned(), "x".repeat(40_000));
        operator.install(&request).unwrap().ok();
    }
    // Call at the gateway: both runners get requests in turn.
    let caller = Operator::anonymous(&gateway);
    for _ in 0..4 {
        let events = caller.visit("/api/ext/com.example.streams/events").unwrap();
        assert_eq!(events.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n", "{}", events.status);
        let stored = caller.visit("/api/ext/com.example.stored/").unwrap();
        assert!(stored.status.is_success(), "{}", stored.text());
    }
    let configured = caller.visit("/api/ext/com.example.configured/").unwrap();
    assert!(configured.status.is_success(), "{}", configured.text());
    // A response that the guest did not complete is not complete for the caller, and errors have
    // the same code.
    assert!(caller.visit("/api/ext/com.example.streams/trap").is_none());
    caller
        .visit("/api/ext/com.example.nothing/")
        .unwrap()
        .assert_error(404, "extension_not_available");
    // A runner has nothing that belongs to another part.
    for name in [
        "registry.key",
        "admin.token",
        "tokens.key",
        "service.key",
        "secrets.key",
    ] {
        assert!(!fleet.data("runner-1").join(name).exists(), "{name}");
    }
    for runner in [&first, &second] {
        let runner = Operator::anonymous(runner);
        runner
            .visit("/v1/registry/audit")
            .unwrap()
            .assert_error(404, "not_found");
        runner
            .visit("/api/ext/com.example.streams/")
            .unwrap()
            .assert_error(404, "not_found");
        runner.visit("/v1/http/").unwrap().assert_error(401, "");
    }
    quotas_hold_in_both_runners(&operator, &caller);
    every_process_has_metrics(&operator, [&registry, &second, &gateway]);
    a_trace_leads_through_gateway_and_runner(&collector);
    // The loss of a runner.
    first.kill();
    for _ in 0..4 {
        let events = caller.visit("/api/ext/com.example.streams/events").unwrap();
        assert!(events.status.is_success(), "{}", events.text());
    }
    assert!(second.terminate().success());
    caller
        .visit("/api/ext/com.example.streams/")
        .unwrap()
        .assert_error(503, "overloaded");
    assert!(gateway.terminate().success() && registry.terminate().success());
}
