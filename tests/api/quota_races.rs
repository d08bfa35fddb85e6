//! Limits at which many clients send at once (H9, H10), on the database and over the protocol of
//! the run.

use alga_auth::Access;
use alga_capabilities::storage_limits;
use alga_harness::{Release, TestPlatform, TestResponse, component, root};
use alga_store::{RecordError, RecordLimits, RecordWrite, Records};
use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::Request;
use serde_json::json;
use std::fs;
use std::time::Instant;

const LIMITS: RecordLimits = RecordLimits {
    namespaces: 5,
    keys: 100,
    namespace_bytes: 10_000,
};
const WRITES: usize = 1_000;

fn write(key: String, bytes: usize) -> RecordWrite {
    RecordWrite {
        key,
        value: vec![0; bytes],
        metadata: Vec::new(),
        if_revision: None,
        ttl_seconds: None,
    }
}

/// Makes all writes at once, each to its own namespace, and returns how many were accepted. The
/// others must be refused because the limit is reached. One that the database of a busy machine did
/// not get to in time is repeated.
async fn accepted(records: &Records, writes: Vec<(String, RecordWrite)>) -> usize {
    let writes = writes.into_iter().map(|(namespace, write)| {
        let records = records.clone();
        tokio::spawn(async move {
            let (tenant, install) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
            loop {
                match records.put(&tenant, &install, &namespace, &write).await {
                    Err(RecordError::Store(_)) => {}
                    result => return result,
                }
            }
        })
    });
    let mut accepted = 0;
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(matches!(error, RecordError::Full(_)), "{error}"),
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_parallel_writes_at_a_limit_exactly_the_limit_is_accepted() {
    let world = TestPlatform::new().await;
    let records = Records::new(world.platform().database().clone(), LIMITS);
    let keys = (0..WRITES).map(|number| ("keys".to_owned(), write(format!("k{number}"), 1)));
    assert_eq!(accepted(&records, keys.collect()).await, 100);
    // A key of 4 bytes and a value of 496 bytes: twenty fit into the namespace.
    let bytes = (0..WRITES).map(|number| ("bytes".to_owned(), write(format!("{number:04}"), 496)));
    assert_eq!(accepted(&records, bytes.collect()).await, 20);
    // Two namespaces exist already.
    let namespaces = (0..WRITES).map(|number| (format!("n{number}"), write("k".to_owned(), 1)));
    assert_eq!(accepted(&records, namespaces.collect()).await, 3);
}

/// Requests that a client has open at once.
const CLIENTS: usize = 64;

async fn create(world: &TestPlatform, number: usize) -> TestResponse {
    let token = world.caller_token("acme", Access::Write);
    let agreement = json!({ "title": "t", "client": "c", "monthly_cents": 1 });
    loop {
        let request = Request::post("/api/ext/com.example.agreements/agreements")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("x-request-id", format!("r-{number}"));
        let request = request.body(Body::from(agreement.to_string())).unwrap();
        let response = world.send(request).await;
        // The tenant has as many executions as it may.
        if response.status != 429 {
            return response;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_requests_that_write_exactly_those_below_the_limit_are_accepted() {
    // The writes wait for each other: on a busy machine, sixty-four of them for long.
    let settings = [
        ("gateway_requests_per_second", "100000"),
        ("gateway_timeout_ms", "30000"),
    ];
    let world = TestPlatform::with_settings(&settings).await;
    let manifest = fs::read(root().join("examples/agreements/manifest.json")).unwrap();
    let manifest = serde_json::from_slice(&manifest).unwrap();
    let release = Release::new(world.key(), &manifest, &component("agreements"));
    world.publish(&release).await;
    let install = world.install("acme", &release, &["cap:storage.kv"]).await.ok();
    let limits = RecordLimits {
        namespaces: storage_limits::NAMESPACES,
        keys: storage_limits::KEYS,
        namespace_bytes: storage_limits::NAMESPACE_BYTES,
    };
    let records = Records::new(world.platform().database().clone(), limits);
    let (tenant, install) = ("acme".parse().unwrap(), install.id.as_str().parse().unwrap());
    let stored = stream::iter(100..storage_limits::KEYS).map(|number| {
        let (records, tenant, install) = (&records, &tenant, &install);
        async move {
            records
                .put(tenant, install, "agreements", &write(format!("k{number}"), 1))
                .await
        }
    });
    let stored = stored.buffer_unordered(CLIENTS);
    stored.for_each(|stored| async { stored.map(drop).unwrap() }).await;
    let responses = stream::iter(0..WRITES).map(|number| create(&world, number));
    let responses: Vec<_> = responses.buffer_unordered(CLIENTS).collect().await;
    let accepted = responses.iter().filter(|response| response.status == 201).count();
    assert_eq!(accepted, 100);
    let refused = responses.iter().filter(|response| response.status != 201);
    refused.for_each(|refused| assert!(refused.text().contains("\"storage_full\""), "{}", refused.text()));
}

/// Sends requests of one tenant that try to look like many clients', and returns how many had this
/// status; the others were over a rate, or named another tenant.
async fn count_of(world: &TestPlatform, status: u16, target: impl Fn(usize) -> String) -> usize {
    let token = world.caller_token("acme", Access::Write);
    let responses = stream::iter(0..3_000).map(|number| {
        let address = format!("203.0.113.{}", number % 256);
        let request = Request::get(format!("/api/ext/{}", target(number)))
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-for", &address)
            .header("forwarded", format!("for={address}"))
            .header("x-real-ip", &address);
        let tenant = ["acme", "ACME"][number % 2];
        let request = request.header("x-alga-tenant", tenant).body(Body::empty());
        async move { world.send(request.unwrap()).await.status }
    });
    let responses = responses.buffer_unordered(CLIENTS);
    responses.filter(|got| std::future::ready(*got == status)).count().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_looks_like_many_clients_has_its_burst_and_its_rate_and_no_more() {
    let world =
        TestPlatform::with_settings(&[("gateway_requests_per_second", "50"), ("gateway_timeout_ms", "30000")]).await;
    world.install_guest("answers_ok", &[]).await;
    let begun = Instant::now();
    let accepted = count_of(&world, 200, |number| format!("com.example.answers-ok/?{number}")).await;
    let most = 100 + 50 * (begun.elapsed().as_millis() as usize / 1_000 + 1);
    assert!((100..=most).contains(&accepted), "{accepted} of at most {most}");
    // Each of another name, which the database has to be asked for: 400 at once, 100 per second.
    let begun = Instant::now();
    let asked = count_of(&world, 404, |number| format!("com.example.missing-{number}/")).await;
    let most = 400 + 100 * (begun.elapsed().as_millis() as usize / 1_000 + 1);
    assert!((399..=most).contains(&asked), "{asked} of at most {most}");
}
