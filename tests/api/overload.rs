//! A runner with more to do than it can: what it accepts works, and refusals name a time to return.

use alga_harness::{Release, TestPlatform};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::fs;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_capacity_a_runner_refuses_at_once_and_afterwards_it_works() {
    const CAPACITY: usize = 8;
    const QUEUE: usize = 8;
    let settings = [("pool", "8"), ("queue_per_tenant", "8"), ("queue_ms", "30000")];
    let world = TestPlatform::with_settings(&settings).await;
    let asleep = world.with_guest("sleeps_for_an_hour", &[]).await.within_ms(60_000);
    let other = world.with_guest("answers_ok", &[]).await.within_ms(60_000);
    let requests = 5 * (CAPACITY + QUEUE);
    let mut ended: FuturesUnordered<_> = (0..requests).map(|_| world.execute(&asleep)).collect();
    // Those that have a slot or a place in the queue do not end.
    for _ in 0..requests - CAPACITY - QUEUE {
        let response = ended.next().await.unwrap();
        response.assert_error(429, "rate_limited");
        let seconds: u32 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
    // Their clients leave, and slots and places are free again.
    drop(ended);
    while world.execute(&other).await.status == 429 {}
    for _ in 0..QUEUE {
        assert_eq!(world.execute(&other).await.guest_body(), "ok");
    }
}

/// Builds a component that compiles for some seconds.
fn heavy() -> Vec<u8> {
    let functions: String = (0..4_000)
        .map(|number| {
            format!(
                "(func (param i32) (result i32) {} (local.get 0))",
                format!("(drop (i32.mul (local.get 0) (i32.const {number})))").repeat(12)
            )
        })
        .collect();
    alga_harness::handler(&format!("{functions} (func (export \"handle\") (param i32 i32))"))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_a_loaded_component_do_not_wait_while_another_one_compiles() {
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.heavy", "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &heavy());
    world.publish(&release).await;
    let heavy = world.install("acme", &release, &[]).await.ok();
    let heavy = world.request_for(&heavy).within_ms(60_000);
    let world = world.restart().await;
    // Without its machine code, the first request has to compile.
    fs::remove_dir_all(world.directory().join("machine-code")).unwrap();
    fs::create_dir(world.directory().join("machine-code")).unwrap();
    let light = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&light).await.status, 200);
    let world = Arc::new(world);
    let compiling = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.execute(&heavy).await })
    };
    let mut beside = 0;
    while !compiling.is_finished() {
        assert_eq!(world.execute(&light).await.status, 200);
        beside += 1;
    }
    assert_eq!(compiling.await.unwrap().json()["usage"]["cold"], true);
    // The last one may have begun before the end, and ended after it.
    assert!(beside > 1, "{beside} requests while it compiled");
}
