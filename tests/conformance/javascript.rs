//! Extensions in JavaScript on the shared engine. `javascript.json` has what the guest `web.js`
//! responds; `cargo xtask bless` rewrites it.

use crate::expect;
use alga_harness::{Release, TestPlatform, javascript, root};
use serde_json::json;
use std::fs;

fn guest(name: &str) -> String {
    fs::read_to_string(root().join("tests/guests/js").join(name)).unwrap()
}

/// Returns the guest that calls every function of a capability.
pub(crate) fn of_capability(module: &str) -> Vec<u8> {
    let source = guest("prelude.js") + &guest(&format!("{module}.js"));
    javascript(&source).unwrap_or_else(|error| panic!("{module}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interfaces_of_the_web_behave_as_their_standards_specify() {
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.web", "1.0.0", &["cap:log.emit"]);
    let release = Release::new(world.key(), &manifest, &javascript(&guest("web.js")).unwrap());
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    let all = world.call("acme", "GET", "com.example.web/all", "").await;
    let echo = world
        .call("acme", "PUT", "com.example.web/echo?x=1", "content \u{0}\u{e9}")
        .await;
    let stream = world.call("acme", "GET", "com.example.web/stream", "").await;
    let method = echo.headers.get("x-ext-method").and_then(|value| value.to_str().ok());
    let results = json!({
        "all": all.json(),
        "echo": { "status": echo.status.as_u16(), "method": method, "text": echo.text() },
        "stream": stream.text(),
    });
    expect(root().join("tests/conformance/javascript.json"), &results);
}
