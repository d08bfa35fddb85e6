//! `bench tenants`: the memory of a runner that executes for a million tenants, each once. Its
//! database is written for each of them, and is in memory if the machine has a file system there.

use crate::connections::resident_kib;
use crate::figures::{Figures, Target};
use alga_auth::ServiceGrant;
use alga_capabilities::Trigger;
use alga_execute::{ExecuteService, ExecutionRequest, RequestBody};
use alga_harness::{Release, TestPlatform, component};
use axum::body::to_bytes;
use http::Request;
use hyper::body::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

const TENANTS: u64 = 1_000_000;
/// Tenants after which every cache is full: the largest have 100 000 entries.
const WARM: u64 = 250_000;
/// Tenants after which usage and statistics are written, as a server does each second.
const WRITTEN: u64 = 5_000;

pub(crate) fn run(figures: &mut Figures) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(figures));
}

async fn measure(figures: &mut Figures) {
    let world = TestPlatform::with_settings(&[]).await;
    let release = Release::new(
        world.key(),
        &Release::manifest("com.example.seen-once", "1.0.0", &[]),
        &component("answers_ok"),
    );
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let grant = world.grant_for(&install);
    execute_for(&world, &grant, 0..WARM).await;
    let before = resident_kib();
    figures.add("memory after 250 000 tenants", before / 1024.0, "MiB", Target::None);
    execute_for(&world, &grant, WARM..TENANTS).await;
    let more = (resident_kib() - before) / 1024.0;
    figures.add("750 000 more tenants, memory", more, "MiB", Target::AtMost(32.0));
}

/// Executes once for each of these tenants.
async fn execute_for(world: &TestPlatform, grant: &ServiceGrant, tenants: Range<u64>) {
    let service = world.platform().execute().unwrap();
    for number in tenants {
        let grant = ServiceGrant {
            tenant_id: format!("tenant-{number}").parse().unwrap(),
            install_id: format!("install-{number}").parse().unwrap(),
            ..grant.clone()
        };
        execute(service, grant, number).await;
        if number % WRITTEN == WRITTEN - 1 {
            world.platform().settle().await;
            eprint!("\r{} tenants, {:.0} MiB ", number + 1, resident_kib() / 1024.0);
        }
    }
    eprintln!();
}

async fn execute(service: &Arc<ExecuteService>, grant: ServiceGrant, number: u64) {
    let session = service.session(grant).unwrap();
    let http = Request::get("/").header("host", "extension.invalid");
    let request = ExecutionRequest {
        request_id: format!("r-{number}").parse().unwrap(),
        user: None,
        config: Arc::default(),
        trigger: Trigger::Http,
        timeout_ms: None,
        memory_mb: None,
        idempotency_key: None,
        http: http.body(RequestBody::from(Bytes::new())).unwrap(),
        started: Instant::now(),
    };
    let response = service.execute(&session, request).await.unwrap();
    assert_eq!(response.status(), 200);
    to_bytes(axum::body::Body::new(response.into_body()), 1024)
        .await
        .unwrap();
}
