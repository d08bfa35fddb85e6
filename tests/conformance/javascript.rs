//! Extensions in JavaScript on the shared engine. `javascript.json` has what the guest `web.js`
//! responds; `cargo xtask bless` rewrites it.

use crate::expect;

use alga_harness::{Release, TestPlatform, javascript, root};

use serde_json::Value;
use std::fs;

fn guest(name: &str) -> String {
    fs::read_to_string(root().join("tests/guests/javascript").join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interfaces_of_the_web_behave_as_their_standards_say() {
    let world = TestPlatform::new().await;
    let component = javascript(&guest("web.js")).unwrap();
    let manifest = Release::manifest("com.example.web", "1.0.0", &["cap:log.emit"]);
    let release = Release::new(world.key(), &manifest, &component);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let reply = world
        .execute(&world.request_for(&install).on("GET", "/all").within_ms(10_000))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let results: Value = serde_json::from_str(&reply.text()).unwrap();
    expect(root().join("tests/conformance/javascript.json"), &results);
}
