//! A runner with more to do than it can: what it accepts works, and refusals name a time to return.

use alga_harness::{Release, TestPlatform};
use futures_util::future::join_all;
use std::fs;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_capacity_a_runner_refuses_at_once_and_what_it_accepts_works() {
    let settings = [("pool", "8"), ("queue_per_tenant", "8"), ("queue_ms", "30000")];
    let world = TestPlatform::with_settings(&settings).await;
    // Sleeps for some milliseconds: the machine is idle, and all slots are in use.
    let request = world
        .with_guest("reads_clocks_and_randomness", &[])
        .await
        .within_ms(60_000);
    assert_eq!(world.execute(&request).await.status, 200);
    let responses = join_all((0..200).map(|_| world.execute(&request))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
    assert!(
        accepted.len() >= 8 && refused.len() >= 100,
        "{} accepted",
        accepted.len()
    );
    for response in refused {
        response.assert_error(429, "rate_limited");
        let seconds: u32 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
    // All of its slots and places are free again.
    assert_eq!(world.execute(&request).await.status, 200);
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
    assert!(beside > 20, "{beside} requests while it compiled");
}
