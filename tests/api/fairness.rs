//! Processors are shared between tenants, not between requests. The tests compare the processor
//! times of executions with the same deadline, so that they do not depend on the machine's speed.

use alga_harness::{ExecuteRequest, Release, TestPlatform, component, tenant_id};
use alga_registry_types::{Page, TenantWeight, executions, set_weight};
use serde_json::Value;
use std::sync::Arc;

/// A platform with one run slot, and requests of two tenants for a guest that loops.
async fn world(weights: &str) -> (Arc<TestPlatform>, [ExecuteRequest; 2]) {
    let settings = [("pool", "256"), ("run_slots", "1"), ("tenant_weights", weights)];
    let world = TestPlatform::with_settings(&settings).await;
    let manifest = Release::manifest("com.example.loops", "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &component("loops_forever"));
    world.publish(&release).await;
    let acme = world.install("acme", &release, &[]).await.ok();
    let globex = world.install("globex", &release, &[]).await.ok();
    let requests = [acme, globex].map(|install| world.request_for(&install));
    // Loads the component, which counts against the deadline.
    let first = requests[0].clone().within_ms(100);
    while world.execute(&first).await.usage("cpu_us") == 0 {}
    (Arc::new(world), requests)
}

/// Executes each request this many times at once, and returns the processor times of each.
async fn compete(world: &Arc<TestPlatform>, requests: [(&ExecuteRequest, usize); 2]) -> [Vec<u64>; 2] {
    let start = |(request, count): (&ExecuteRequest, usize)| -> Vec<_> {
        let request = request.clone().within_ms(2_000);
        let calls = (0..count).map(|_| {
            let (world, request) = (Arc::clone(world), request.clone());
            tokio::spawn(async move {
                let response = world.execute(&request).await;
                response.assert_error(504, "deadline_exceeded");
                response.usage("cpu_us")
            })
        });
        calls.collect()
    };
    let mut times = [const { Vec::new() }; 2];
    for (times, calls) in times.iter_mut().zip(requests.map(start)) {
        for call in calls {
            times.push(call.await.unwrap());
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_one_request_is_not_outnumbered_by_one_with_sixteen() {
    let (world, [acme, globex]) = world("").await;
    let [one, many] = compete(&world, [(&acme, 1), (&globex, 16)]).await;
    let (one, many) = (one[0] as f64, many.iter().sum::<u64>() as f64);
    // Shared between requests, it would be a sixteenth. On a busy machine, the one request needs a
    // moment after each slice to wait for the next.
    assert!((0.25..1.6).contains(&(one / many)), "{one} us beside {many} us");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_registry_and_records_respond_while_sixty_four_guests_compute() {
    let (world, [acme, globex]) = world("").await;
    let loops = [acme, globex].map(|request| request.within_ms(60_000));
    let loops = loops.iter().cycle().take(64).map(|request| {
        let (world, request) = (Arc::clone(&world), request.clone());
        tokio::spawn(async move { world.execute(&request).await })
    });
    let loops: Vec<_> = loops.collect();
    let other = world.install_guest("answers_ok", &[]).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(world.send_json("GET", path, &Value::Null).await.status, 200, "{path}");
    }
    assert_eq!(world.execute(&world.request_for(&other)).await.guest_body(), "ok");
    let records = executions(&other.tenant_id, other.id.as_str(), &Page::default());
    assert_eq!(world.operate(&records).await.status, 200);
    // Their clients leave.
    for task in loops {
        assert!(!task.is_finished());
        task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_are_shared_by_the_weights_of_tenants() {
    // One is configured, and replaced while the runner runs.
    let (world, [acme, globex]) = world("acme=1000").await;
    for (weight, status) in [(0, 400), (1_001, 400), (4, 204)] {
        let weight = TenantWeight { weight: Some(weight) };
        let set = world.operate(&set_weight(&tenant_id("acme"), weight)).await;
        assert_eq!(set.status, status, "{}", set.text());
    }
    world.platform().quotas().unwrap().follow().await.unwrap();
    let [heavy, light] = compete(&world, [(&acme, 4), (&globex, 4)]).await;
    let [heavy, light] = [heavy, light].map(|times| times.iter().sum::<u64>() as f64);
    // Without weights, it would be one.
    assert!((2.0..5.5).contains(&(heavy / light)), "{heavy} us beside {light} us");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_which_a_guest_waited_is_in_its_usage() {
    let (world, [acme, globex]) = world("").await;
    let request = acme.within_ms(1_000);
    let busy = {
        let (world, request) = (Arc::clone(&world), globex.within_ms(1_000));
        tokio::spawn(async move { world.execute(&request).await })
    };
    let response = world.execute(&request).await;
    busy.await.unwrap();
    let [duration, cpu, queued] = ["duration_us", "cpu_us", "queued_us"].map(|name| response.usage(name));
    assert!(queued > 0 && cpu + queued <= duration, "{cpu} + {queued} of {duration}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_compute_on_the_threads_of_requests_end_as_all_others() {
    let world = TestPlatform::with_settings(&[("guest_niceness", "0"), ("gateway_timeout_ms", "500")]).await;
    for guest in ["loops_forever", "recurses_without_end", "answers_many_bytes", "streams"] {
        world.install_guest(guest, &[]).await;
    }
    // Loads the component, which counts against the deadline.
    while world.get("com.example.streams/").await.status != 200 {}
    for (target, status) in [
        ("com.example.loops-forever/", 504),
        ("com.example.recurses-without-end/", 502),
        ("com.example.streams/events", 200),
    ] {
        assert_eq!(world.get(target).await.status, status, "{target}");
    }
}
