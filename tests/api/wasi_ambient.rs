use alga_harness::{Release, TestPlatform, component};
use serde_json::{Value, json};

#[tokio::test]
async fn clocks_are_coarse_and_randomness_is_bounded() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("reads_clocks_and_randomness", &[]).await;
    let output: Value = serde_json::from_str(&world.execute(&request).await.guest_body()).unwrap();
    assert_eq!(
        output,
        json!({ "whole_milliseconds": true, "slept": true, "random_differs": true, "seed_differs": true })
    );
    assert_eq!(
        world.execute(&request.on("GET", "/too-much")).await.code(),
        "call_bytes_limit"
    );
}

#[tokio::test]
async fn imports_of_files_sockets_or_unknown_interfaces_are_refused_at_publish() {
    let world = TestPlatform::new().await;
    for import in [
        "wasi:filesystem/types@0.2.12",
        "wasi:sockets/tcp@0.2.0",
        "wasi:http/outgoing-handler@0.2.12",
        "evil:corp/api@1.0.0",
        "alga:storage/kv@2.0.0",
    ] {
        let component = wat::parse_str(format!(
            r#"(component (import "{import}" (instance (export "f" (func)))))"#
        ))
        .unwrap();
        let manifest = alga_harness::Release::manifest("com.example.imports", "1.0.0", &["cap:storage.kv"]);
        let bundle = alga_harness::Release::pack(&manifest, &component);
        let response = world.publish_bytes(&bundle, Some(b"{}")).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (422, "capability_undeclared"),
            "{import}: {}",
            response.text()
        );
        assert!(
            response.json()["message"].as_str().unwrap().contains(import),
            "{}",
            response.text()
        );
    }
}

#[tokio::test]
async fn a_component_runs_once_its_file_and_socket_imports_are_stubbed() {
    let world = TestPlatform::new().await;
    let component = component("opens_files");
    let manifest = Release::manifest("com.example.opens-files", "1.0.0", &[]);
    let as_it_is = Release::pack(&manifest, &component);
    let refused = alga_bundle::Bundle::read(&as_it_is, alga_capabilities::known())
        .err()
        .unwrap();
    assert!(refused.to_string().contains("wasi:filesystem"), "{refused}");
    let composed = alga_capabilities::stub_unsupported_imports(&component)
        .unwrap()
        .unwrap();
    assert_eq!(alga_capabilities::stub_unsupported_imports(&composed).unwrap(), None);
    let release = Release::new(world.key(), &manifest, &composed);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    assert!(install.status.is_success(), "{}", install.text());
    let response = world.execute(&world.request_for(&install.ok())).await;
    let denied = "access-denied";
    let expected = json!({ "directories": 0, "tcp": denied, "udp": denied });
    assert_eq!(serde_json::from_str::<Value>(&response.guest_body()).unwrap(), expected);
}
