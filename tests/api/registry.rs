use alga_bundle::VersionId;
use alga_harness::{Release, TestPlatform, component, tenant_id};
use alga_registry_types::{InstallRequest, Page, install, installs, show_version, versions};
use alga_signing::SigningKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Export that every extension has, for components written by hand.
const HANDLER: &str = r#"(instance $handler) (export "wasi:http/incoming-handler@0.2.12" (instance $handler))"#;

fn release(world: &TestPlatform, version: &str) -> Release {
    world.release("com.example.ok", version, "answers_ok")
}

fn config<const N: usize>(values: [(&str, &str); N]) -> BTreeMap<String, String> {
    values.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[tokio::test]
async fn publishing_twice_is_idempotent_and_other_bytes_are_refused() {
    let world = TestPlatform::new().await;
    let first = release(&world, "1.0.0");
    let created = world.publish(&first).await;
    assert_eq!((created.status.as_u16(), created.ok().created), (201, true));
    let again = world.publish(&first).await;
    assert_eq!((again.status.as_u16(), again.ok().created), (200, false));
    assert_eq!(created.ok().id, again.ok().id);
    let other = world.release("com.example.ok", "1.0.0", "traps");
    let refused = world.try_publish(&other).await;
    refused.assert_error(409, "conflict");
    assert!(refused.json()["hint"].as_str().unwrap().contains("new version"));
}

#[tokio::test]
async fn of_concurrent_publishes_with_different_bytes_exactly_one_succeeds() {
    let world = std::sync::Arc::new(TestPlatform::new().await);
    let guests = ["answers_ok", "traps", "counts_in_a_global", "floods_the_log"];
    let tasks: Vec<_> = guests
        .iter()
        .map(|guest| {
            let release = world.release("com.example.race", "1.0.0", guest);
            let world = world.clone();
            tokio::spawn(async move {
                let reply = world.try_publish(&release).await;
                (reply.status.as_u16(), release.content_hash())
            })
        })
        .collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    let winners: Vec<_> = replies.iter().filter(|(status, _)| *status == 201).collect();
    assert_eq!(winners.len(), 1, "{replies:?}");
    assert!(
        replies.iter().all(|(status, _)| [201, 409].contains(status)),
        "{replies:?}"
    );
    let version = world.operate(&show_version("com.example.race", "1.0.0")).await.ok();
    assert_eq!(version.content_hash, winners[0].1);
}

#[tokio::test]
async fn unsigned_tampered_and_foreign_releases_fail_with_the_failed_check() {
    let world = TestPlatform::new().await;
    let good = release(&world, "1.0.0");
    let refused = |bundle: Vec<u8>, signatures: Option<Vec<u8>>| {
        let world = &world;
        async move {
            let response = world.publish_bytes(&bundle, signatures.as_deref()).await;
            (response.status.as_u16(), response.code(), response.text())
        }
    };
    for signatures in [None, Some(b"".to_vec()), Some(b"null".to_vec()), Some(b" ".to_vec())] {
        let (status, code, text) = refused(good.bundle.clone(), signatures).await;
        assert_eq!((status, code.as_str()), (422, "signature_rejected"), "{text}");
    }
    let third_party = SigningKey::generate().unwrap();
    let foreign = Release::new(
        &third_party,
        &Release::manifest("com.example.ok", "1.0.0", &[]),
        &component("answers_ok"),
    );
    let (_, code, text) = refused(foreign.bundle, Some(foreign.signatures)).await;
    assert!(code == "signature_rejected" && text.contains("check 5"), "{text}");
    let other_version = release(&world, "1.0.1");
    let (_, code, text) = refused(other_version.bundle, Some(good.signatures.clone())).await;
    assert!(code == "signature_rejected" && text.contains("check 7"), "{text}");
    let mut tampered = good.bundle.clone();
    let last = tampered.len() - 1;
    tampered[last] ^= 1;
    let (_, code, _) = refused(tampered, Some(good.signatures.clone())).await;
    assert!(
        ["bundle_invalid", "signature_rejected"].contains(&code.as_str()),
        "{code}"
    );
    let (_, code, _) = refused(b"not a bundle".to_vec(), Some(good.signatures)).await;
    assert_eq!(code, "bundle_invalid");
    assert!(
        !world.directory().join("bundles/sha256").exists(),
        "nothing of what was refused was stored"
    );
}

#[tokio::test]
async fn a_refusal_of_an_undeclared_import_names_the_line_to_add() {
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.kv", "1.0.0", &["cap:log.emit"]);
    let bundle = Release::pack(&manifest, &component("storage_works"));
    let response = world.publish_bytes(&bundle, Some(b"{}")).await;
    response.assert_error(422, "capability_undeclared");
    let message = response.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("alga:storage/kv@1.0.0 needs \"cap:storage.kv\" in $.capabilities"),
        "{message}"
    );
}

/// Publishes a component in text form, which must be refused. `alga pack` would refuse it, so it
/// cannot be signed with `alga`; a publisher with another packer gets the same error.
async fn expect_invalid_component(world: &TestPlatform, text: &str) {
    let manifest = Release::manifest("com.example.bad", "1.0.0", &[]);
    let bundle = Release::pack(&manifest, &wat::parse_str(text).unwrap());
    let refused = world.publish_bytes(&bundle, Some(b"{}")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (422, "component_invalid"),
        "{text:.200}: {}",
        refused.text()
    );
}

#[tokio::test]
async fn an_invalid_component_is_refused_and_the_registry_stays_available() {
    let world = TestPlatform::new().await;
    for text in [
        "(component (core module (func (result i32))))",
        "(component (core module (memory 65536)))",
        "(module)",
        "(component)",
        &format!("(component {} {HANDLER})", "(core module)".repeat(1_001)),
    ] {
        expect_invalid_component(&world, text).await;
    }
    world.publish(&release(&world, "1.0.0")).await;
}

/// A component that compiles but needs more of the pool than an execution may use is the
/// publisher's fault, and is refused before any tenant installs it.
#[tokio::test]
async fn too_many_memories_tables_elements_or_instances_are_refused_at_publish() {
    let world = TestPlatform::new().await;
    // Values that differ, so that the bundle is not refused for how much it expands.
    let values = (0..560_000_i64).map(|number| number.wrapping_mul(6_364_136_223_846_793_005));
    let globals: String = values
        .map(|value| format!("(global i64 (i64.const {value}))"))
        .collect();
    for (module, instances) in [
        ("(memory 1)", 17),
        ("(table 1 funcref)", 65),
        ("(table 100001 funcref)", 1),
        (
            "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)",
            1,
        ),
        ("(memory 1) (memory 1)", 1),
        ("", 129),
        // Its record would have more than 8 MiB.
        (&globals, 1),
    ] {
        let instances = "(core instance (instantiate 0))".repeat(instances);
        let text = format!("(component (core module {module}) {instances} {HANDLER})");
        expect_invalid_component(&world, &text).await;
    }
    world.publish(&release(&world, "1.0.0")).await;
}

#[tokio::test]
async fn a_broken_manifest_is_refused_with_all_its_problems() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.bad", "1.0.0", &["cap:moon.landing"]);
    manifest["runtime"] = json!("jvm");
    let response = world
        .publish_bytes(&Release::pack(&manifest, &component("answers_ok")), Some(b"{}"))
        .await;
    assert_eq!(response.code(), "manifest_invalid");
    let message = response.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("$.runtime") && message.contains("$.capabilities[0]"),
        "{message}"
    );
}

#[tokio::test]
async fn a_caller_or_a_client_without_credential_does_not_reach_the_registry() {
    let world = TestPlatform::new().await;
    let caller = world.caller_token("acme", alga_auth::Access::Write);
    for (authorization, expected) in [
        (None, (401, "unauthenticated")),
        (Some("Bearer wrong".to_owned()), (401, "unauthenticated")),
        (Some(format!("Bearer {caller}")), (403, "forbidden")),
    ] {
        for (method, path) in [
            ("POST", "/v1/registry/extensions"),
            ("GET", "/v1/registry/tenants/acme/installs"),
            ("POST", "/v1/registry/tenants/acme/installs"),
        ] {
            let mut request = http::Request::builder()
                .method(method)
                .uri(path)
                .header("x-alga-admin", "true");
            if let Some(authorization) = &authorization {
                request = request.header("authorization", authorization);
            }
            let response = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
            response.assert_error(expected.0, expected.1);
        }
    }
}

#[tokio::test]
async fn installs_with_undeclared_grants_or_configuration_are_refused() {
    let world = TestPlatform::new().await;
    let ok = release(&world, "1.0.0");
    world.publish(&ok).await;
    assert_eq!(
        world.install("acme", &ok, &["cap:storage.kv"]).await.code(),
        "bad_request"
    );
    let valid = json!(ok.install_request(&[]));
    assert_eq!(
        world
            .send_json("POST", "/v1/registry/tenants/Acme!/installs", &valid)
            .await
            .code(),
        "bad_request"
    );
    let acme = tenant_id("acme");
    let unknown_key = InstallRequest {
        config: config([("colour", "red")]),
        ..ok.install_request(&[])
    };
    let refused = world.operate(&install(&acme, &unknown_key)).await;
    assert!(
        refused.code() == "bad_request" && refused.json()["hint"].as_str().unwrap().contains("greeting"),
        "{}",
        refused.text()
    );
    let missing = InstallRequest {
        extension: "com.example.none".to_owned(),
        ..ok.install_request(&[])
    };
    assert_eq!(world.operate(&install(&acme, &missing)).await.code(), "not_found");
    let no_grants = json!({ "extension": ok.name, "version": "1.0.0" });
    assert_eq!(
        world
            .send_json("POST", "/v1/registry/tenants/acme/installs", &no_grants)
            .await
            .code(),
        "bad_request"
    );
}

#[tokio::test]
async fn a_publish_and_an_install_survive_a_restart() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let world = world.restart().await;
    assert_eq!(world.execute(&request).await.guest_body(), "ok");
    let page = world
        .operate(&installs(&tenant_id("acme"), &Page::default()))
        .await
        .ok();
    assert_eq!(page.installs.len(), 1);
    let list = versions("com.example.answers-ok", &Page::default());
    let page = world.operate(&list).await.ok();
    assert_eq!(page.versions[0].version.to_string(), "1.0.0");
}

#[tokio::test]
async fn configuration_has_the_types_that_the_manifest_gives_it() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.typed", "1.0.0", &[]);
    manifest["config"] = json!([
        { "name": "size", "type": "number", "default": 25 },
        { "name": "loud", "type": "boolean", "required": true },
    ]);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
    let install_with = async |config: BTreeMap<String, String>| {
        let request = InstallRequest {
            config,
            ..release.install_request(&[])
        };
        world.operate(&install(&tenant_id("acme"), &request)).await
    };
    for wrong in [
        config([]),
        config([("loud", "yes")]),
        config([("loud", "true"), ("size", "many")]),
        config([("loud", "true"), ("x", "")]),
    ] {
        let refused = install_with(wrong.clone()).await;
        assert_eq!(refused.code(), "bad_request", "{wrong:?}");
        assert!(refused.text().contains("configuration key"), "{}", refused.text());
    }
    let installed = install_with(config([("loud", "true")])).await;
    assert_eq!(
        installed.ok().config,
        config([("loud", "true"), ("size", "25")]),
        "{}",
        installed.text()
    );
}

#[tokio::test]
async fn all_files_that_the_bundle_lacks_are_reported_together() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.files", "1.0.0", &[]);
    manifest["ui"] = json!({ "type": "iframe", "entry": "ui/index.html" });
    manifest["assets"] = json!(["dist/*", "ui/**"]);
    manifest["sbom"] = json!("sbom.spdx.json");
    let bundle = Release::pack_files(&manifest, &[("dist/main.wasm", &component("answers_ok"))]);
    let response = world.publish_bytes(&bundle, Some(b"{}")).await;
    assert_eq!(response.code(), "manifest_invalid");
    let text = response.text();
    assert!(
        ["$.ui.entry", "$.assets[1]", "$.sbom"]
            .iter()
            .all(|path| text.contains(path)),
        "{text}"
    );
    assert!(!text.contains("$.assets[0]"), "{text}");
}

#[tokio::test]
async fn pages_of_a_list_neither_skip_nor_repeat_entries() {
    let world = TestPlatform::new().await;
    for number in 0..7 {
        world.publish(&release(&world, &format!("1.0.{number}"))).await;
    }
    let (mut seen, mut after) = (Vec::new(), None::<VersionId>);
    loop {
        let asked = Page {
            after: after.as_ref().map(VersionId::as_str),
            limit: Some(3),
        };
        let page = world.operate(&versions("com.example.ok", &asked)).await.ok();
        seen.extend(page.versions.iter().map(|version| version.version.to_string()));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
        // Versions published meanwhile are newer than any following page.
        world.publish(&release(&world, &format!("2.0.{}", seen.len()))).await;
    }
    let expected: Vec<_> = (0..7).rev().map(|number| format!("1.0.{number}")).collect();
    assert_eq!(seen, expected);
    for wrong in ["limit=0", "limit=201", "limit=x", "after=%00", "page=2"] {
        let refused = world
            .send_json(
                "GET",
                &format!("/v1/registry/tenants/acme/installs?{wrong}"),
                &Value::Null,
            )
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "bad_request"),
            "{wrong}: {}",
            refused.text()
        );
    }
}

#[tokio::test]
async fn a_matching_etag_gets_304_without_a_body() {
    let world = TestPlatform::new().await;
    world.publish(&release(&world, "1.0.0")).await;
    let ask = async |known: Option<&str>| {
        let mut request = http::Request::get("/v1/registry/extensions/com.example.ok/versions/1.0.0")
            .header("authorization", format!("Bearer {}", world.administrator_token()));
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        world.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let first = ask(None).await;
    assert_eq!(
        (first.status.as_u16(), first.headers["cache-control"].to_str().unwrap()),
        (200, "private, no-cache")
    );
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = ask(Some(&known)).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
    }
    assert_eq!(ask(Some("\"other\"")).await.status, 200);
}

#[tokio::test]
async fn republishing_repairs_a_damaged_bundle_and_its_signatures() {
    let world = TestPlatform::new().await;
    let release = release(&world, "1.0.0");
    world.publish(&release).await;
    let stored = world
        .directory()
        .join("bundles/sha256")
        .join(release.content_hash().to_hex());
    std::fs::write(stored.join("bundle.tar.zst"), b"damaged").unwrap();
    std::fs::write(stored.join("bundle.sigs.json"), b"{}").unwrap();
    assert_eq!(world.install("acme", &release, &[]).await.code(), "bundle_rejected");
    assert_eq!(world.publish(&release).await.status, 200);
    assert!(world.install("acme", &release, &[]).await.status.is_success());
}
