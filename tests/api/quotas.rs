//! Quotas of tenants and installs, set through the API and enforced by the runner.

use alga_auth::Access;
use alga_bundle::{Meter, Period};
use alga_harness::{ExecuteRequest, Release, TestPlatform, component, request_over_protocol, tenant_id};
use alga_registry_types::{Install, QuotaRequest, TenantUsage, UsageQuery, quotas, set_quota, usage};
use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::Request;
use std::sync::Arc;

/// Limits a meter per month: no test runs at the end of one but once in a month.
fn limit(meter: Meter, hard: impl Into<Option<i64>>) -> QuotaRequest {
    QuotaRequest {
        meter,
        period: Period::Month,
        hard: hard.into(),
        soft: None,
    }
}

/// Sets a quota of `acme`, or of its install, and waits until the runner knows it.
async fn set(world: &TestPlatform, install: Option<&str>, request: &QuotaRequest) {
    let set = world.operate(&set_quota(&tenant_id("acme"), install, request)).await;
    assert_eq!(set.status, 204, "{}", set.text());
    world.platform().quotas().unwrap().follow().await.unwrap();
}

/// Installs a guest for two tenants and returns requests for both.
async fn world(guest: &str) -> (Arc<TestPlatform>, [(Install, ExecuteRequest); 2]) {
    let world = TestPlatform::with_settings(&[("queue_ms", "60000"), ("queue_per_tenant", "2000")]).await;
    let manifest = Release::manifest("com.example.limited", "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &component(guest));
    world.publish(&release).await;
    let acme = world.install("acme", &release, &[]).await.ok();
    let globex = world.install("globex", &release, &[]).await.ok();
    let requests = [acme, globex].map(|install| {
        let request = world.request_for(&install);
        (install, request)
    });
    (Arc::new(world), requests)
}

pub(crate) async fn used(world: &TestPlatform, tenant: &str) -> TenantUsage {
    world.platform().settle().await;
    let query = UsageQuery {
        period: Some(Period::Month),
        at_ms: None,
    };
    world.operate(&usage(&tenant_id(tenant), &query)).await.ok()
}

pub(crate) fn sum(usage: &TenantUsage, meter: Meter) -> i64 {
    let of_meter = usage.usage.iter().filter(|usage| usage.meter == meter);
    of_meter.map(|usage| usage.used).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_1000_parallel_requests_at_a_quota_of_100_exactly_100_run() {
    let (world, [(_, acme), (_, globex)]) = world("answers_ok").await;
    set(&world, None, &limit(Meter::Requests, 100)).await;
    // On a busy machine a thousand requests at once wait for long.
    let acme = acme.within_ms(30_000);
    let statuses: Vec<(u16, Option<String>)> = stream::iter(0..1_000)
        .map(|_| {
            let (world, request) = (Arc::clone(&world), acme.clone());
            async move {
                let mut response = world.execute(&request).await;
                // A busy database does not respond in time: the client waits and tries again.
                while response.code() == "quota_unavailable" {
                    let seconds = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
                    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                    response = world.execute(&request).await;
                }
                let status = response.status.as_u16();
                (status, (status != 200).then(|| response.code()))
            }
        })
        .buffer_unordered(200)
        .collect()
        .await;
    let run = statuses.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(run, 100);
    let refused = statuses.iter().filter_map(|(_, code)| code.as_deref());
    let codes: std::collections::BTreeSet<&str> = refused.collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["quota_exceeded"]);
    assert_eq!(
        world.execute(&globex).await.status,
        200,
        "another tenant is not affected"
    );
    let listed = world.operate(&quotas(&tenant_id("acme"))).await.ok();
    assert_eq!((listed.quotas.len(), listed.quotas[0].leased), (1, 100));
    assert_eq!(sum(&used(&world, "acme").await, Meter::Requests), 100);
    assert_eq!(sum(&used(&world, "globex").await, Meter::Requests), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_meter_is_limited_in_every_period() {
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.limited", "1.0.0", &["cap:http.fetch"]);
    let release = Release::new(world.key(), &manifest, &component("fetch_works"));
    world.publish(&release).await;
    world.install("acme", &release, &["cap:http.fetch"]).await.ok();
    for meter in Meter::OF_EXECUTIONS {
        for period in Period::RECURRING {
            let nothing = QuotaRequest {
                period,
                ..limit(meter, 0)
            };
            set(&world, None, &nothing).await;
            let refused = world.get("com.example.limited/").await;
            let text = format!("`{meter}` of this tenant is used up for this {period}");
            refused.assert_refused(429, "quota_exceeded", &text);
            let removed = QuotaRequest { hard: None, ..nothing };
            set(&world, None, &removed).await;
        }
    }
    assert_ne!(world.get("com.example.limited/").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_learns_when_the_quota_starts_again() {
    let (world, [(install, request), _]) = world("answers_ok").await;
    let minute = QuotaRequest {
        period: Period::Day,
        ..limit(Meter::Requests, 0)
    };
    set(&world, Some(install.id.as_str()), &minute).await;
    for refused in [world.execute(&request).await, world.get("com.example.limited/").await] {
        refused.assert_refused(
            429,
            "quota_exceeded",
            "`requests` of this install is used up for this day",
        );
        let seconds: i64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=24 * 60 * 60).contains(&seconds), "{seconds}");
    }
    // Removed, it applies no more.
    let removed = QuotaRequest { hard: None, ..minute };
    set(&world, Some(install.id.as_str()), &removed).await;
    assert_eq!(world.execute(&request).await.status, 200);
    let listed = world.operate(&quotas(&tenant_id("acme"))).await.ok();
    assert!(listed.quotas.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_reports_what_is_left_of_the_tightest_quota_of_requests() {
    let (world, [(install, _), _]) = world("answers_ok").await;
    set(&world, None, &limit(Meter::Requests, 20)).await;
    let day = QuotaRequest {
        period: Period::Day,
        ..limit(Meter::Requests, 10)
    };
    set(&world, Some(install.id.as_str()), &day).await;
    let remote = world.remote_gateway().await;
    for (left, is_remote, key) in [
        (9, false, None),
        (8, true, None),
        (7, false, Some("a")),
        (6, true, Some("b")),
        (5, false, None),
    ] {
        let mut request = Request::get("/api/ext/com.example.limited/");
        if let Some(key) = key {
            request = request.header("x-idempotency-key", key);
        }
        let request = request
            .header(
                "authorization",
                format!("Bearer {}", world.caller_token("acme", Access::Write)),
            )
            .body(Body::empty())
            .unwrap();
        let headers = match is_remote {
            true => request_over_protocol(&remote, request).await.headers().clone(),
            false => world.send(request).await.headers,
        };
        let all = |name: &str| {
            headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (policy, limit) = (all("ratelimit-policy"), all("ratelimit"));
        assert!(
            policy.contains("\"install-day\";q=10;w=86400") && policy.contains("\"tenant\";q="),
            "{policy}"
        );
        assert!(limit.contains(&format!("\"install-day\";r={left};t=")), "{limit}");
        assert!(!headers.keys().any(|name| name.as_str().starts_with("x-alga-quota")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_beyond_a_quota_is_refused_after_one_execution_more_at_most() {
    let (world, [(_, request), _]) = world("loops_forever").await;
    let request = request.within_ms(200);
    while world.execute(&request).await.usage("cpu_us") == 0 {}
    let before = sum(&used(&world, "acme").await, Meter::CpuUs);
    const HARD: i64 = 300_000;
    set(&world, None, &limit(Meter::CpuUs, HARD)).await;
    let mut refused = 0;
    while refused == 0 {
        let response = world.execute(&request).await;
        refused += usize::from(response.code() == "quota_exceeded");
    }
    let spent = sum(&used(&world, "acme").await, Meter::CpuUs) - before;
    // The deadline of each is 200 ms, and a tick of the engine until it is noticed.
    assert!((HARD..HARD + 250_000).contains(&spent), "{spent} us");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usage_of_a_tenant_is_the_sum_of_its_executions() {
    let (world, [(install, request), _]) = world("answers_ok").await;
    let mut sums = [0_i64; 2];
    for _ in 0..20 {
        let response = world.execute(&request).await;
        for (sum, name) in sums.iter_mut().zip(["cpu_us", "egress_bytes"]) {
            *sum += i64::try_from(response.usage(name)).unwrap();
        }
    }
    let usage = used(&world, "acme").await;
    assert!(usage.usage.iter().all(|usage| usage.install_id == install.id));
    assert_eq!(sum(&usage, Meter::Requests), 20);
    assert_eq!([sum(&usage, Meter::CpuUs), sum(&usage, Meter::EgressBytes)], sums);
    assert!(sum(&usage, Meter::MemoryKibMs) > 0);
    // A request that is refused is not in the bill.
    set(&world, None, &limit(Meter::Requests, 0)).await;
    assert_eq!(world.execute(&request).await.status, 429);
    assert_eq!(sum(&used(&world, "acme").await, Meter::Requests), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_outlives_the_process_that_counted_it() {
    let (world, [(_, request), _]) = world("answers_ok").await;
    set(&world, None, &limit(Meter::Requests, 3)).await;
    for _ in 0..2 {
        assert_eq!(world.execute(&request).await.status, 200);
    }
    let world = Arc::into_inner(world).unwrap().restart().await;
    assert_eq!(world.execute(&request).await.status, 200);
    world.execute(&request).await.assert_error(429, "quota_exceeded");
    assert_eq!(sum(&used(&world, "acme").await, Meter::Requests), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_run_exactly_what_a_quota_allows() {
    let (world, [(_, request), _]) = world("answers_ok").await;
    set(&world, None, &limit(Meter::Requests, 100)).await;
    let stopped = Arc::into_inner(world).unwrap().stop().await;
    let processes = [
        Arc::new(stopped.start_with(&[]).await.unwrap()),
        Arc::new(stopped.start_with(&[]).await.unwrap()),
    ];
    let request = request.within_ms(30_000);
    let calls = (0..200).map(|number| {
        let (process, request) = (Arc::clone(&processes[number % 2]), request.clone());
        async move { process.execute(&request).await.status.as_u16() }
    });
    let statuses: Vec<u16> = stream::iter(calls).buffer_unordered(50).collect().await;
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    // Credit that one process holds when the other one asks for the last of it is returned later.
    let first = count(200);
    assert!(first <= 100 && first + count(429) == 200, "{statuses:?}");
    let mut all = first;
    for process in processes.iter().cycle().take(400) {
        if all == 100 {
            break;
        }
        process.platform().settle().await;
        all += usize::from(process.execute(&request).await.status == 200);
    }
    assert_eq!(all, 100);
    for process in &processes {
        process.execute(&request).await.assert_error(429, "quota_exceeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_that_make_no_sense_are_refused() {
    let (world, _) = world("answers_ok").await;
    let both = |hard, soft| QuotaRequest {
        soft,
        ..limit(Meter::Requests, hard)
    };
    for (request, message) in [
        (both(Some(-1), None), "not negative"),
        (both(None, Some(-1)), "not negative"),
        (both(Some(1), Some(2)), "never warn"),
    ] {
        let refused = world.operate(&set_quota(&tenant_id("acme"), None, &request)).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(message), "{}", refused.text());
    }
    let unknown = set_quota(&tenant_id("acme"), Some("unknown"), &both(Some(1), None));
    assert_eq!(world.operate(&unknown).await.status, 404);
    let minute = UsageQuery {
        period: Some(Period::Minute),
        at_ms: None,
    };
    assert_eq!(world.operate(&usage(&tenant_id("acme"), &minute)).await.status, 400);
    let callers = world.caller_token("acme", Access::Write);
    let set = set_quota(&tenant_id("acme"), None, &both(Some(1), None));
    assert_eq!(world.operate_as(&callers, &set).await.status, 403);
}

/// Stores a record, and returns what the guest responds.
async fn store(world: &TestPlatform, name: &str, key: usize, bytes: usize) -> String {
    world.get(&format!("{name}/key-{key:02}/{bytes}")).await.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_stored_than_the_quotas_of_tenant_and_install_allow() {
    let world = Arc::new(TestPlatform::new().await);
    let install = world.install_guest("stores_bytes", &["cap:storage.kv"]).await;
    let name = install.name.as_str();
    let storage = |hard| QuotaRequest {
        period: Period::Always,
        ..limit(Meter::StorageBytes, hard)
    };
    // A record has its key of 6 bytes and its value.
    set(&world, None, &storage(10_000)).await;
    let writes: Vec<_> = (0..20)
        .map(|key| {
            let (world, name) = (Arc::clone(&world), install.name.to_string());
            tokio::spawn(async move { store(&world, &name, key, 994).await })
        })
        .collect();
    let mut stored = 0;
    for write in writes {
        let text = write.await.unwrap();
        stored += usize::from(text == "stored");
        assert!(
            text == "stored" || text.contains("the storage quota of the tenant is used up"),
            "{text}"
        );
    }
    assert_eq!(stored, 10, "1 000 bytes each");
    let listed = world.operate(&quotas(&tenant_id("acme"))).await.ok().quotas;
    assert_eq!(listed.iter().map(|quota| quota.leased).collect::<Vec<_>>(), [10_000]);
    // A smaller value, and one that replaces another, fit.
    set(&world, None, &storage(1_000_000)).await;
    set(&world, Some(install.id.as_str()), &storage(11_000)).await;
    assert_eq!(store(&world, name, 30, 994).await, "stored");
    world.platform().database().note_stored_bytes().await.unwrap();
    let refused = store(&world, name, 31, 1).await;
    assert!(
        refused.contains("the storage quota of this install is used up"),
        "{refused}"
    );
    assert_eq!(store(&world, name, 30, 10).await, "stored");
    assert_eq!(store(&world, name, 31, 1).await, "stored");
    // The bill has the most of the period.
    world.platform().database().note_stored_bytes().await.unwrap();
    let bill = world
        .operate(&usage(&tenant_id("acme"), &UsageQuery::default()))
        .await
        .ok()
        .usage;
    let stored: Vec<_> = bill
        .iter()
        .filter(|row| row.meter == Meter::StorageBytes)
        .map(|row| row.used)
        .collect();
    assert_eq!(stored, [11_000]);
    for request in [
        limit(Meter::StorageBytes, 1),
        QuotaRequest {
            period: Period::Always,
            ..limit(Meter::CpuUs, 1)
        },
    ] {
        let refused = world.operate(&set_quota(&tenant_id("acme"), None, &request)).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
}
