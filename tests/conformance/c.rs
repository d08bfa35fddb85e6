//! An extension in C, built with Debian's clang as `guest-sdk/README.md` describes.

use alga_bundle::ComponentFacts;
use alga_capabilities::{adapt_function, known, stub_unsupported_imports};
use alga_harness::{Release, TestPlatform, component};
use alga_toolchain::encode_component;

#[tokio::test]
async fn an_extension_in_c_stores_records_and_logs() {
    // As `alga pack` does.
    let encoded = encode_component(&component("c")).unwrap();
    let adapted = adapt_function(&encoded).unwrap().unwrap().component;
    let adapted = stub_unsupported_imports(&adapted).unwrap().unwrap_or(adapted);
    let needs = ComponentFacts::read(&adapted).unwrap();
    let needs: Vec<String> = needs.needs(known()).map(|name| name.to_string()).collect();
    assert_eq!(needs, ["cap:log.emit", "cap:storage.kv"]);
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.c", "1.0.0", &["cap:log.emit", "cap:storage.kv"]);
    let release = Release::new(world.key(), &manifest, &adapted);
    world.publish(&release).await;
    world.install("acme", &release, &["cap:storage.kv"]).await.ok();
    for number in ["1", "2", "3"] {
        assert_eq!(world.call("acme", "GET", "com.example.c/", "").await.text(), number);
    }
}
