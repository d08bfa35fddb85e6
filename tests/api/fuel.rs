//! Fuel: a limit on instructions, which does not depend on the machine.

use alga_harness::TestPlatform;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_uses_the_same_fuel_and_a_loop_ends_when_it_has_none() {
    let world = TestPlatform::with_settings(&[("fuel", "50000000")]).await;
    let install = world.install_guest("answers_ok", &[]).await;
    let request = world.request_for(&install);
    let fuel = [
        world.execute(&request).await.usage("fuel"),
        world.execute(&request).await.usage("fuel"),
    ];
    assert!(fuel[0] > 100 && fuel[0] == fuel[1], "{fuel:?}");
    let request = world.with_guest("loops_forever", &[]).await.within_ms(30_000);
    let ended = world.execute(&request).await;
    ended.assert_error(502, "fuel_exhausted");
    assert_eq!(ended.usage("fuel"), 50_000_000);
    world.platform().settle().await;
    let metrics = world
        .send_json("GET", "/metrics", &serde_json::Value::Null)
        .await
        .text();
    let all = 2 * fuel[0] + 50_000_000;
    assert!(
        metrics.contains(&format!("alga_execution_fuel_total {all}\n")),
        "{metrics}"
    );
    // Machine code that counts is compiled again by a host that does not count.
    let world = world.stop().await.start_with(&[("fuel", "0")]).await.unwrap();
    let executed = world.execute(&world.request_for(&install)).await;
    assert_eq!(executed.status, 200, "{}", executed.text());
    assert!(executed.json()["usage"]["fuel"].is_null());
}
