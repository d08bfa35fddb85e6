//! Releases that are pages alone, and pages at a gateway without a runner.

use crate::ext_ui::{ENTRY, NAME, get, url};
use alga_bundle::Digest;
use alga_gateway::page_redirects;
use alga_harness::{Release, TestPlatform, component};
use alga_http::edge;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_may_be_a_page_without_a_component() {
    let world = TestPlatform::new().await;
    let mut manifest = json!({
        "name": NAME, "publisher": "example", "version": "1.0.0",
        "ui": { "type": "iframe", "entry": "ui/index.html", "hooks": { "appMenu": { "label": "Page" } } },
    });
    let pack = |manifest: &Value| Release::pack_files(manifest, &[("ui/index.html", ENTRY)]);
    let release = Release::signed(world.key(), pack(&manifest));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    assert_eq!(get(&world, &release, "", &[]).await.body, ENTRY);
    world.get(&format!("{NAME}/")).await.assert_error(404, "not_found");
    let executed = world.execute(&world.request_for(&install)).await;
    executed.assert_error(404, "extension_not_available");
    // What a component would handle needs one, and a page is below `ui/`.
    manifest["api"] = json!({ "endpoints": [{ "method": "GET", "path": "/" }] });
    let refused = world.publish_bytes(&pack(&manifest), Some(b"{}")).await;
    refused.assert_refused(422, "manifest_invalid", "`dist/main.wasm` is not in the bundle");
    let mut manifest = Release::manifest(NAME, "2.0.0", &[]);
    manifest["ui"] = json!({ "type": "iframe", "entry": "index.html" });
    let component = component("answers_ok");
    let bundle = Release::pack_files(&manifest, &[("index.html", ENTRY), ("dist/main.wasm", &component)]);
    let refused = world.publish_bytes(&bundle, Some(b"{}")).await;
    refused.assert_refused(422, "manifest_invalid", "a page is an HTML file below `ui/`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_redirects_to_the_runners() {
    let router = edge(page_redirects("https://runner.test:1").unwrap());
    let target = url(Digest::of(b""), "a?b=c");
    let response = router
        .oneshot(Request::get(&target).body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 308);
    assert_eq!(response.headers()["location"], format!("https://runner.test:1{target}"));
    assert!(page_redirects("runner.test").is_err());
}
