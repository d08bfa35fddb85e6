//! Hostile guests. Each gets its error code within its limits, the process survives, and the next
//! request works.

use alga_harness::{ExecuteRequest, Release, TestPlatform, TestResponse, handler, handler_lifted, handler_with};

async fn with_guest_and_neighbour(guest: &str, timeout_ms: u64) -> TestResponse {
    let world = TestPlatform::new().await;
    let capabilities: &[&str] = if guest == "calls_the_host_without_end" {
        &["cap:context.read"]
    } else {
        &[]
    };
    let hostile = world.with_guest(guest, capabilities).await.within_ms(timeout_ms);
    let good = world.with_guest("answers_ok", &[]).await;
    let response = world.execute(&hostile).await;
    assert_eq!(world.execute(&good).await.guest_body(), "ok", "the next request works");
    assert!(world.platform().execute().unwrap().is_ready());
    response
}

#[track_caller]
fn assert_error(response: &TestResponse, status: u16, code: &str) {
    response.assert_error(status, code);
    let text = response.text();
    assert!(
        !text.contains("wasm") && !text.contains("secret of the guest") && !text.contains(".rs"),
        "internals: {text}"
    );
}

/// Executes a hostile guest, which must end with this error.
async fn expect_error(guest: &str, timeout_ms: u64, status: u16, code: &str) -> TestResponse {
    let response = with_guest_and_neighbour(guest, timeout_ms).await;
    assert_error(&response, status, code);
    response
}

#[tokio::test]
async fn a_guest_that_loops_is_stopped_at_its_deadline() {
    let response = expect_error("loops_forever", 100, 504, "deadline_exceeded").await;
    // On a busy host it does not get the CPU all the time.
    assert!(response.usage("cpu_us") >= 5_000, "{}", response.text());
}

#[tokio::test]
async fn a_guest_that_loops_while_it_is_instantiated_is_stopped_at_its_deadline() {
    expect_error("loops_before_its_first_request", 100, 504, "deadline_exceeded").await;
}

#[tokio::test]
async fn a_guest_that_loops_outside_of_its_handler_is_stopped_at_its_deadline() {
    let world = TestPlatform::new().await;
    let start = "(func $start (loop $more (br $more))) (start $start) (func (export \"handle\") (param i32 i32))";
    // The host calls `realloc` for the bytes that it returns.
    let allocation = handler_with(
        r#"(import "wasi:random/random@0.2.12" (instance $random
            (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $allocator (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop $more (br $more)) (i32.const 0)))
        (core instance $allocator (instantiate $allocator))
        (alias core export $allocator "memory" (core memory $memory))
        (alias core export $allocator "realloc" (core func $realloc))
        (core func $bytes (canon lower (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))"#,
        r#"(with "host" (instance (export "bytes" (func $bytes))))"#,
        r#"(import "host" "bytes" (func $bytes (param i64 i32)))
        (func (export "handle") (param i32 i32) (call $bytes (i64.const 8) (i32.const 0)))"#,
    );
    let after = handler_lifted(
        "",
        "",
        r#"(func (export "handle") (param i32 i32)) (func (export "after") (loop $more (br $more)))"#,
        r#"(post-return (core func $instance "after"))"#,
    );
    for (name, component) in [("start", handler(start)), ("allocation", allocation), ("after", after)] {
        let request = with_component(&world, name, &component).await.within_ms(300);
        // Until the component is loaded, which counts against the deadline.
        while world.execute(&request).await.usage("cpu_us") == 0 {}
        assert_error(&world.execute(&request).await, 504, "deadline_exceeded");
    }
    let good = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&good).await.guest_body(), "ok");
}

#[tokio::test]
async fn after_a_panic_the_process_executes_nothing_more() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&request).await.status, 200);
    let execute = world.platform().execute().unwrap();
    execute.poison();
    assert_error(&world.execute(&request).await, 503, "draining");
    assert_eq!(
        world.send_json("GET", "/readyz", &serde_json::Value::Null).await.status,
        503
    );
    // The process ends.
    world.platform().poisoned().await;
}

#[tokio::test]
async fn a_guest_that_sleeps_past_its_deadline_is_cancelled() {
    let response = expect_error("sleeps_for_an_hour", 100, 504, "deadline_exceeded").await;
    assert!(
        response.usage("cpu_us") < 90_000,
        "it waited, it did not work: {}",
        response.text()
    );
}

#[tokio::test]
async fn guests_that_wait_beyond_their_deadline_leave_no_task() {
    let world = TestPlatform::new().await;
    let mut requests = Vec::new();
    for (guest, path) in [
        ("sleeps_for_an_hour", "/"),
        ("logs_and_waits", "/"),
        ("streams", "/one-event"),
    ] {
        let request = world.with_guest(guest, &[]).await.on("GET", path);
        requests.push(request.within_ms(50));
    }
    let all = || async {
        for request in &requests {
            let response = world.execute(request).await;
            assert_eq!(response.status, 504, "{}", response.text());
        }
        world.platform().settle().await;
    };
    // Until all are loaded.
    while world.execute(&requests[2]).await.usage("cpu_us") == 0 {}
    all().await;
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    for _ in 0..10 {
        all().await;
    }
    // Those of the database's connections come and go.
    while tasks.num_alive_tasks() > before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_trap_is_distinguished_from_a_memory_limit() {
    expect_error("traps", 1_000, 502, "guest_trapped").await;
    let bomb = expect_error("allocates_without_end", 5_000, 502, "memory_limit").await;
    assert!(bomb.usage("memory_peak_bytes") <= 64 * 1024 * 1024, "{}", bomb.text());
}

#[tokio::test]
async fn the_memories_of_all_instances_of_a_component_share_one_limit() {
    // Each memory is in a slot of the install's share.
    let world = TestPlatform::with_settings(&[("pool", "256")]).await;
    // Sixteen memories of 6 MiB each, of which none exceeds the limit of 64 MiB.
    let instances = "(core instance (instantiate $grows))".repeat(15);
    let component = handler_with(
        &format!(
            r#"(core module $grows (memory 1)
                (func $start (loop $more (br_if $more (i32.lt_u (memory.grow (i32.const 1)) (i32.const 96)))))
                (start $start))
            {instances}"#
        ),
        "",
        r#"(func (export "handle") (param i32 i32))"#,
    );
    let request = with_component(&world, "memories", &component).await.within_ms(20_000);
    let ended = world.execute(&request).await;
    assert_error(&ended, 502, "memory_limit");
    assert!(ended.usage("memory_peak_bytes") <= 64 * 1024 * 1024, "{}", ended.text());
}

#[tokio::test]
async fn a_guest_writes_64_kib_at_once_and_traps_with_a_byte_more() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_as_the_path_says", &[]).await;
    let whole = world.get(&format!("{}/one-write", install.name)).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 64 * 1024));
    let more = world
        .execute(&world.request_for(&install).on("GET", "/one-write-and-a-byte"))
        .await;
    more.assert_error(502, "guest_trapped");
}

#[tokio::test]
async fn a_guest_with_infinite_recursion_traps() {
    // Rust's stack is in the guest's memory.
    expect_error("recurses_without_end", 5_000, 502, "guest_trapped").await;
    let world = TestPlatform::new().await;
    let recursion = "(func $again (call $again)) (func (export \"handle\") (param i32 i32) (call $again))";
    let request = with_module(&world, "recursion", recursion).await.within_ms(10_000);
    for _ in 0..10 {
        assert_error(&world.execute(&request).await, 502, "stack_limit");
    }
}

#[tokio::test]
async fn a_memory_limit_lowered_by_the_caller_is_enforced() {
    let world = TestPlatform::new().await;
    let request = world
        .with_guest("allocates_without_end", &[])
        .await
        .with("/limits/memory_mb", serde_json::json!(8));
    let response = world.execute(&request).await;
    assert_error(&response, 502, "memory_limit");
    assert!(response.usage("memory_peak_bytes") <= 8 * 1024 * 1024);
}

#[tokio::test]
async fn limits_of_u64_max_are_clamped() {
    let world = TestPlatform::new().await;
    let most = serde_json::json!(u64::MAX);
    let request = world
        .with_guest("answers_ok", &[])
        .await
        .with("/limits/memory_mb", most.clone())
        .with("/limits/timeout_ms", most);
    assert_eq!(world.execute(&request).await.status, 200);
}

#[tokio::test]
async fn the_texts_of_a_request_that_the_host_holds_are_bounded() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("sets_long_parts", &[]).await;
    assert_eq!(
        world.execute(&request).await.guest_body(),
        "Some(64) Some(512) Some(16384)"
    );
}

#[tokio::test]
async fn unbounded_host_calls_and_handles_end_the_guest() {
    expect_error("calls_the_host_without_end", 20_000, 502, "host_call_limit").await;
    expect_error("opens_handles_without_end", 20_000, 502, "handle_limit").await;
}

#[tokio::test]
async fn handles_of_the_guests_own_resources_are_limited_too() {
    let world = TestPlatform::new().await;
    // The component defines the resource itself, so that the host has no part in it.
    let component = handler_with(
        "(type $own (resource (rep i32))) (core func $new (canon resource.new $own))",
        r#"(with "own" (instance (export "new" (func $new))))"#,
        r#"(import "own" "new" (func $new (param i32) (result i32)))
        (func (export "handle") (param i32 i32) (loop $more (drop (call $new (i32.const 1))) (br $more)))"#,
    );
    let request = with_component(&world, "own-handles", &component)
        .await
        .within_ms(20_000);
    assert_error(&world.execute(&request).await, 502, "handle_limit");
}

#[tokio::test]
async fn a_log_flood_is_bounded_and_the_guest_gets_an_error() {
    let response = with_guest_and_neighbour("floods_the_log", 20_000).await;
    assert_eq!(response.guest_body(), (10_000 - 256).to_string());
}

#[tokio::test]
async fn invalid_guest_responses_are_refused() {
    expect_error("returns_without_response", 1_000, 502, "invalid_guest_response").await;
    expect_error("answers_with_an_error", 1_000, 502, "invalid_guest_response").await;
    let world = TestPlatform::new().await;
    let request = world
        .with_guest("answers_as_the_path_says", &[])
        .await
        .within_ms(20_000);
    for path in [
        "/status-101",
        "/status-999",
        "/headers-101",
        "/body-without-end",
        "/body-not-finished",
        "/body-shorter-than-said",
    ] {
        assert_error(
            &world.execute(&request.clone().on("GET", path)).await,
            502,
            "invalid_guest_response",
        );
    }
    assert_error(
        &world.execute(&request.clone().on("GET", "/trap-within")).await,
        502,
        "guest_trapped",
    );
    // More header bytes than a `fields` resource may hold: the guest is refused when it creates
    // them.
    assert_error(
        &world.execute(&request.clone().on("GET", "/headers-large")).await,
        502,
        "field_limit",
    );
    assert_eq!(world.execute(&request).await.status, 200);
}

#[tokio::test]
async fn a_body_of_10_mib_passes_and_one_byte_more_does_not() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_many_bytes", &[]).await.within_ms(30_000);
    let limit = 10 * 1024 * 1024;
    let full = world
        .execute(
            &request
                .clone()
                .with("/http/query_string", serde_json::json!(limit.to_string())),
        )
        .await;
    assert_eq!(full.guest_body().len(), limit);
    let more = world
        .execute(&request.with("/http/query_string", serde_json::json!((limit + 1).to_string())))
        .await;
    assert_error(&more, 502, "invalid_guest_response");
}

#[tokio::test]
async fn one_install_cannot_use_all_execution_permits() {
    let world = std::sync::Arc::new(TestPlatform::with_settings(&[("pool", "8")]).await);
    let sleeper = world.with_guest("sleeps_for_an_hour", &[]).await.within_ms(500);
    let good = world.with_guest("answers_ok", &[]).await;
    world.execute(&sleeper).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (world, sleeper) = (world.clone(), sleeper.clone());
            tokio::spawn(async move {
                let response = world.execute(&sleeper).await;
                if response.code() == "rate_limited" {
                    let seconds: u64 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
                    assert!((1..=30).contains(&seconds), "{seconds}");
                }
                response.code()
            })
        })
        .collect();
    // While they sleep, the other guest's request is handled.
    assert_eq!(world.execute(&good).await.guest_body(), "ok");
    let mut codes = Vec::new();
    for task in tasks {
        codes.push(task.await.unwrap());
    }
    assert!(
        codes.iter().any(|code| code == "rate_limited") && codes.iter().any(|code| code == "deadline_exceeded"),
        "{codes:?}"
    );
}

async fn with_module(world: &TestPlatform, name: &str, module: &str) -> ExecuteRequest {
    with_component(world, name, &handler(module)).await
}

async fn with_component(world: &TestPlatform, name: &str, component: &[u8]) -> ExecuteRequest {
    let manifest = Release::manifest(&format!("com.example.{name}"), "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, component);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    assert!(install.status.is_success(), "{}", install.text());
    world.request_for(&install.ok())
}

#[tokio::test]
async fn growing_a_table_past_its_limit_is_refused() {
    let world = TestPlatform::with_settings(&[("pool_table_elements", "20000")]).await;
    // Ends with `unreachable` once growing is refused, and loops until its deadline if it never is.
    let grown = "(func (export \"handle\") (param i32 i32)
        (loop $more (br_if $more (i32.ne (table.grow (ref.null func) (i32.const STEP)) (i32.const -1)))) unreachable)";
    for (name, step) in [("by-one", "1"), ("by-many", "1000"), ("by-all", "-1")] {
        let module = format!("(table 1 funcref) {}", grown.replace("STEP", step));
        let request = with_module(&world, name, &module).await.within_ms(10_000);
        assert_error(&world.execute(&request).await, 502, "table_limit");
    }
    // A table may use all of its limit, and the next execution gets the whole limit again.
    let filled = "(table 1 funcref) (func (export \"handle\") (param i32 i32)
        (drop (table.grow (ref.func 0) (i32.const 19999))) (table.fill (i32.const 0) (ref.null func) (table.size)) unreachable)
        (elem declare func 0)";
    let request = with_module(&world, "filled", filled).await;
    for _ in 0..3 {
        assert_error(&world.execute(&request).await, 502, "guest_trapped");
    }
    let good = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&good).await.guest_body(), "ok");
}
