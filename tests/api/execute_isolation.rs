//! No state of one request reaches the next.

use alga_harness::{ExecuteRequest, TestPlatform, rounds};

#[tokio::test]
async fn every_request_runs_in_a_fresh_instance() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("counts_in_a_global", &[]).await;
    for _ in 0..200 {
        assert_eq!(world.execute(&request).await.guest_body(), "1");
    }
}

/// Fills memory with a canary in an execution that ends in every way, and searches for it in the
/// next execution.
async fn search_for_canaries(settings: &[(&str, &str)]) {
    let world = TestPlatform::with_settings(settings).await;
    let canary = world.with_guest("fills_memory_with_a_canary", &[]).await;
    search_after(&world, &canary, "").await;
}

/// Searches after executions of this guest, whose paths begin with a prefix.
async fn search_after(world: &TestPlatform, canary: &ExecuteRequest, prefix: &str) {
    let scanner = world
        .with_guest("scans_memory_for_a_canary", &[])
        .await
        .within_ms(20_000);
    for _ in 0..rounds(2) {
        for (path, code) in [
            ("/", None),
            ("/traps", Some("guest_trapped")),
            ("/loops", Some("deadline_exceeded")),
            ("/sleeps", Some("deadline_exceeded")),
            ("/exhausts", Some("memory_limit")),
        ] {
            let time_ms = if code == Some("deadline_exceeded") { 300 } else { 20_000 };
            let request = canary.clone().within_ms(time_ms).on("GET", &format!("{prefix}{path}"));
            let ended = world.execute(&request).await;
            assert_eq!(ended.json()["error"]["code"].as_str(), code, "{path}");
            assert_eq!(world.execute(&scanner).await.guest_body(), "0", "after {path}");
        }
        // A client that leaves cancels the guest, while it computes and while it waits.
        for path in ["/loops", "/sleeps"] {
            let request = canary.clone().within_ms(10_000).on("GET", &format!("{prefix}{path}"));
            let moment = std::time::Duration::from_millis(50);
            tokio::time::timeout(moment, world.execute(&request)).await.unwrap_err();
            assert_eq!(world.execute(&scanner).await.guest_body(), "0", "after leaving {path}");
        }
    }
}

/// Short form of `cargo xtask soak isolation`.
#[tokio::test]
async fn no_byte_of_a_guest_reaches_the_next_one() {
    // One slot in the pool: the next guest gets exactly the memory and the stack of the previous
    // one.
    search_for_canaries(&[("pool", "1")]).await;
}

#[tokio::test]
async fn no_byte_of_a_guest_reaches_the_next_one_without_a_pool() {
    // More than the address space of any processor.
    search_for_canaries(&[("pool", "1000000")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_guest_reaches_the_next_one_on_the_threads_of_requests() {
    search_for_canaries(&[("pool", "1"), ("guest_niceness", "0")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_guest_of_wasi_0_3_reaches_the_next_one() {
    let world = TestPlatform::with_settings(&[("pool", "1"), ("wasi_0_3", "true")]).await;
    let canary = world.with_guest("works_in_wasi_0_3", &["cap:http.fetch"]).await;
    search_after(&world, &canary, "/canary").await;
}

/// Short form of `cargo xtask soak cancellation`.
#[tokio::test]
async fn executions_cancelled_at_any_moment_release_their_permit() {
    let world = TestPlatform::with_settings(&[("pool", "1")]).await;
    let request = world.with_guest("echoes_the_request", &[]).await;
    assert_eq!(world.execute(&request).await.status, 200);
    for round in 0..rounds(300) {
        // A prime step covers all moments of a short execution.
        let moment = std::time::Duration::from_micros(round * 37 % 3_000);
        let _ = tokio::time::timeout(moment, world.execute(&request)).await;
    }
    let response = world.execute(&request).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(world.platform().execute().unwrap().is_ready(), "no panic");
}
