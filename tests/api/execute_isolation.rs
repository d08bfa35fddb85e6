//! No state of one request reaches the next.

use alga_harness::{TestPlatform, rounds};

#[tokio::test]
async fn every_request_runs_in_a_fresh_instance() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("counts_in_a_global", &[]).await;
    for _ in 0..200 {
        assert_eq!(world.execute(&request).await.guest_body(), "1");
    }
}

/// Short form of `cargo xtask soak isolation`.
#[tokio::test]
async fn no_byte_of_a_guest_reaches_the_next_one() {
    // One slot in the pool: the next guest gets exactly the memory and the stack of the previous
    // one.
    let world = TestPlatform::with_settings(&[("pool", "1")]).await;
    let canary = world.with_guest("fills_memory_with_a_canary", &[]).await.within_ms(300);
    let scanner = world
        .with_guest("scans_memory_for_a_canary", &[])
        .await
        .within_ms(20_000);
    for _ in 0..rounds(3) {
        for path in ["/", "/traps", "/loops", "/sleeps"] {
            world.execute(&canary.clone().on("GET", path)).await;
            assert_eq!(world.execute(&scanner).await.guest_body(), "0", "after {path}");
        }
    }
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
