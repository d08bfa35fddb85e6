//! A component with HTTP messages as whole values (`alga:http`), composed with its adapters,
//! granted and denied. `function.json` has what the guest `works_as_a_function` responds; `cargo
//! xtask bless` rewrites it.

use crate::expect;
use alga_bundle::ComponentFacts;
use alga_capabilities::{Adapted, adapt_function, known};
use alga_harness::{MockServer, Release, TestPlatform, borrowed, component, root};
use axum::body::Body;
use http::Request;
use serde_json::json;

fn adapted() -> Adapted {
    adapt_function(&component("works_as_a_function")).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_as_whole_values_are_handled_and_sent() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let settings = borrowed(&settings);
    let world = TestPlatform::with_settings(&settings).await;
    let mut manifest = Release::manifest("com.example.function", "1.0.0", &["cap:log.emit"]);
    manifest["optionalCapabilities"] = json!(["cap:http.fetch"]);
    manifest["egress"] = json!([outside.origin()]);
    let release = Release::new(world.key(), &manifest, &adapted().component);
    world.publish(&release).await;
    let mut results = json!({});
    for (tenant, state, grants) in [("acme", "granted", &["cap:http.fetch"][..]), ("other", "denied", &[])] {
        world.install(tenant, &release, grants).await.ok();
        for path in ["fetch", "echo?a=%2F", "fails"] {
            let token = world.caller_token(tenant, alga_auth::Access::Write);
            let request = Request::post(format!("/api/ext/com.example.function/{path}"))
                .header("authorization", format!("Bearer {token}"))
                .header("x-ext-origin", outside.origin());
            let response = world.send(request.body(Body::from("content")).unwrap()).await;
            let text = response.text().replace(&outside.port().to_string(), "{port}");
            let status = response.status.as_u16();
            results[state][path] = json!({ "status": status, "lines": text.lines().collect::<Vec<_>>() });
            if path == "fetch" {
                let fields = response.headers.get_all("x-ext-a");
                assert_eq!(fields.iter().collect::<Vec<_>>(), ["1", "2"]);
            }
        }
    }
    expect(root().join("tests/conformance/function.json"), &results);
}

#[test]
fn a_component_of_whole_values_asks_for_what_it_uses_and_is_composed_deterministically() {
    let composed = adapted();
    assert_eq!(composed, adapted());
    assert_eq!(
        composed.satisfied,
        ["alga:http/client@1.0.0", "alga:http/handler@1.0.0"]
    );
    let facts = ComponentFacts::read(&composed.component).unwrap();
    assert!(facts.exports_handler());
    let needs: Vec<String> = facts.needs(known()).map(|name| name.to_string()).collect();
    for name in ["cap:http.fetch", "cap:log.emit"] {
        assert!(needs.iter().any(|needed| needed == name), "{name} of {needs:?}");
    }
}
