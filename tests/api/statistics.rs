//! What executions used: in their reply, their record, the sums of their minutes, and the metrics.

use alga_bundle::{ExecutionMinute, ExecutionTotals};
use alga_harness::{TestPlatform, tenant_id};
use alga_registry_types::{ExecutionStatistics, ExecutionSum, Install, Page, StatisticsQuery, executions, statistics};
use serde_json::Value;
use std::time::{Duration, SystemTime};

async fn sums(world: &TestPlatform, install: &Install) -> ExecutionStatistics {
    world.platform().settle().await;
    let query = StatisticsQuery {
        // Minutes that have begun are in it as a whole.
        to_ms: Some(i64::MAX),
        from_ms: Some(i64::MAX - 1),
    };
    let reply = world
        .operate(&statistics(&install.tenant_id, install.id.as_str(), &query))
        .await;
    assert_eq!(reply.status, 200);
    let hour = StatisticsQuery::default();
    world
        .operate(&statistics(&install.tenant_id, install.name.as_str(), &hour))
        .await
        .ok()
}

fn find<'a>(sums: &'a ExecutionStatistics, endpoint: Option<&str>, outcome: &str) -> &'a ExecutionSum {
    let found = sums
        .sums
        .iter()
        .find(|sum| sum.endpoint.as_deref() == endpoint && sum.outcome == outcome);
    found.unwrap_or_else(|| panic!("{endpoint:?} {outcome}: {sums:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_is_in_the_sums_of_its_endpoint_and_outcome() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("streams", &["cap:log.emit"]).await;
    let name = &install.name;
    for (method, path, body, status) in [
        ("GET", "/events", "", 200),
        ("GET", "/events", "", 200),
        ("POST", "/echo", "hello", 200),
        ("GET", "/", "", 200),
        ("GET", "/a/b/c", "", 404),
    ] {
        let reply = world.call("acme", method, &format!("{name}{path}"), body).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    let other = world.install_guest("traps", &[]).await;
    assert_eq!(world.get(&format!("{}/", other.name)).await.status, 502);
    let failed = sums(&world, &other).await;
    assert_eq!(find(&failed, Some("GET /"), "guest_trapped").executions, 1);
    let sums = sums(&world, &install).await;
    let events = find(&sums, Some("GET /:a"), "2xx");
    assert_eq!((events.executions, events.response_bytes), (2, 2 * 27));
    assert!(
        events.cpu_us >= events.guest_cpu_us && events.guest_cpu_us > 0,
        "{events:?}"
    );
    assert!(events.memory_kib_ms > 0 && events.memory_peak_bytes >= 64 * 1024 && events.host_calls > 6);
    let in_buckets: u64 = events.durations.iter().map(|bucket| bucket.executions).sum();
    assert_eq!((in_buckets, events.durations.len()), (2, 16));
    assert!(events.p50_us.is_some() && events.p50_us <= events.p99_us);
    let echo = find(&sums, Some("POST /:a"), "2xx");
    assert_eq!((echo.executions, echo.request_bytes, echo.response_bytes), (1, 5, 5));
    assert_eq!(find(&sums, Some("GET /"), "2xx").executions, 1);
    let all: u64 = sums.sums.iter().map(|sum| sum.executions).sum();
    assert_eq!(all, 4, "a request that no endpoint matches is not executed");
    let cold: u64 = sums.sums.iter().map(|sum| sum.cold).sum();
    assert_eq!(cold, 1);
    // They outlive the process, and belong to their tenant.
    let world = world.restart().await;
    let hour = StatisticsQuery::default();
    let again = statistics(&install.tenant_id, install.id.as_str(), &hour);
    assert_eq!(world.operate(&again).await.ok().sums, sums.sums);
    let others = statistics(&tenant_id("globex"), install.id.as_str(), &hour);
    assert_eq!(world.operate(&others).await.status, 404);
}

#[tokio::test]
async fn a_span_of_time_that_makes_no_sense_is_refused() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    for (from_ms, to_ms) in [(5, 5), (6, 5), (0, i64::MAX), (i64::MIN, i64::MAX)] {
        let query = StatisticsQuery {
            from_ms: Some(from_ms),
            to_ms: Some(to_ms),
        };
        let reply = world
            .operate(&statistics(&install.tenant_id, install.id.as_str(), &query))
            .await;
        assert_eq!(reply.status, 400, "{from_ms} {to_ms}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_has_what_guest_and_host_used_and_the_interfaces_that_were_called() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("storage_works", &["cap:storage.kv"]).await;
    let usage = world.execute(&request).await.json()["usage"].clone();
    let number = |name: &str| usage[name].as_u64().unwrap();
    assert!(
        number("guest_cpu_us") > 0 && number("guest_cpu_us") < number("cpu_us"),
        "{usage}"
    );
    let calls = usage["host_calls_by"].as_object().unwrap();
    assert!(calls["alga:storage/kv"].as_u64() > Some(5), "{calls:?}");
    assert!(calls["wasi:http/types"].as_u64() > Some(2), "{calls:?}");
    assert!(calls.keys().all(|name| !name.contains("secrets")), "{calls:?}");
    // A guest that computes until its deadline uses almost all of the time itself.
    let request = world.with_guest("loops_forever", &[]).await;
    let usage = world.execute(&request.within_ms(2_000)).await.json()["usage"].clone();
    let (cpu, guest) = (
        usage["cpu_us"].as_u64().unwrap(),
        usage["guest_cpu_us"].as_u64().unwrap(),
    );
    assert!(guest <= cpu && guest > cpu / 2, "{usage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_execution_has_a_record_although_it_succeeded_and_logged_nothing() {
    // The guest sleeps for three milliseconds.
    let world = TestPlatform::with_settings(&[("record_slow_ms", "2")]).await;
    let install = world.install_guest("reads_clocks_and_randomness", &[]).await;
    let response = world.get(&format!("{}/", install.name)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let stored = world.operate(&list).await.ok().executions;
    let [record] = &stored[..] else { panic!("{stored:?}") };
    assert!(record.log.is_empty() && record.status == Some(200), "{record:?}");
    assert!(record.duration_us >= 2_000, "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_executions_has_a_record_although_they_logged_nothing() {
    let world = TestPlatform::with_settings(&[("record_one_in", "1"), ("fuel", "1000000000")]).await;
    let install = world.install_guest("answers_ok", &[]).await;
    world
        .call("acme", "POST", &format!("{}/", install.name), "content")
        .await;
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let stored = world.operate(&list).await.ok().executions;
    let [record] = &stored[..] else { panic!("{stored:?}") };
    let usage = record.usage.as_ref().unwrap();
    assert!(record.log.is_empty() && record.status == Some(200), "{record:?}");
    assert_eq!(usage.response_bytes, 2);
    assert!(usage.cold && usage.fuel > Some(0), "{usage:?}");
    assert!(
        usage.guest_cpu_us > 0 && usage.guest_cpu_us <= usage.cpu_us,
        "{usage:?}"
    );
    assert!(usage.cpu_us + usage.queued_us <= usage.duration_us, "{usage:?}");
    assert!(usage.memory_peak_bytes >= 64 * 1024, "{usage:?}");
    assert!(usage.host_calls_by["wasi:http/types"] > 0, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_have_the_sums_of_all_executions() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    for _ in 0..3 {
        world.get(&format!("{}/", install.name)).await;
    }
    world.platform().settle().await;
    let text = world.send_json("GET", "/metrics", &Value::Null).await.text();
    for line in [
        "alga_executions_total{outcome=\"2xx\"} 3\n",
        "alga_host_calls_total{interface=\"wasi:http/types\"} ",
        "alga_execution_cpu_seconds_total{by=\"guest\"} ",
        "alga_execution_duration_seconds_count 3\n",
        "alga_execution_bytes_total{kind=\"response\"} 6\n",
        "alga_execution_bytes_total{kind=\"request\"} 0\n",
        "alga_execution_bytes_total{kind=\"egress\"} 0\n",
        "alga_execution_bytes_total{kind=\"ingress\"} 0\n",
        "alga_execution_queued_seconds_count 3\n",
        "alga_execution_memory_peak_bytes_count 3\n",
        "alga_execution_cold_total 1\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Only the metric that ranks tenants names them.
    let mut naming = text.lines().filter(|line| line.contains("acme"));
    assert!(
        naming.all(|line| line.starts_with("alga_top_tenant_cpu_seconds{tenant=\"acme\"} ")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_remain_for_as_many_days_as_the_operator_sets_and_older_ones_are_deleted() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let now = i64::try_from(now).unwrap() / 60_000 * 60_000;
    let rows = [0, 61, 63, 500].map(|days| ExecutionMinute {
        tenant: install.tenant_id.clone(),
        install: install.id.clone(),
        minute_ms: now - days * DAY_MS,
        endpoint: None,
        outcome: "2xx",
        totals: ExecutionTotals {
            executions: 1,
            ..ExecutionTotals::default()
        },
    });
    let database = world.platform().database();
    database.store_minutes(&install.tenant_id, "w-1", &rows).await.unwrap();
    let days = |days: u64| Duration::from_hours(24 * days);
    assert_eq!(database.sweep_minutes(days(62)).await.unwrap(), 2);
    let sums = database
        .execution_sums(&install.tenant_id, &install.id, 0, i64::MAX)
        .await
        .unwrap();
    assert_eq!(sums[0].totals.executions, 2);
    assert_eq!(database.sweep_minutes(days(60)).await.unwrap(), 1);
}
