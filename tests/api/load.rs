//! Stored data is not trusted: hash, signature, proof and machine code are checked at every load.

use alga_harness::{ExecuteRequest, Release, TestPlatform, component};
use alga_signing::SigningKey;
use std::fs;
use std::path::PathBuf;

fn stored(world: &TestPlatform, request: &ExecuteRequest, file: &str) -> PathBuf {
    let hash = request.body["context"]["content_hash"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap()
        .to_owned();
    world.directory().join("bundles/sha256").join(hash).join(file)
}

#[tokio::test]
async fn a_stored_bundle_with_one_changed_bit_is_rejected() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let path = stored(&world, &request, "bundle.tar.zst");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let response = world.execute(&request).await;
    response.assert_error(502, "bundle_rejected");
}

#[tokio::test]
async fn a_stored_bundle_without_or_with_another_signature_is_rejected() {
    for signatures in [None, Some(b"{}".to_vec()), Some(Vec::new())] {
        let world = TestPlatform::new().await;
        let request = world.with_guest("answers_ok", &[]).await;
        let path = stored(&world, &request, "bundle.sigs.json");
        match signatures {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_eq!(world.execute(&request).await.code(), "bundle_rejected");
    }
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let third_party = SigningKey::generate().unwrap();
    let manifest = Release::manifest("com.example.answers-ok", "1.0.0", &[]);
    let forged = Release::new(&third_party, &manifest, &component("answers_ok"));
    fs::write(stored(&world, &request, "bundle.sigs.json"), forged.signatures).unwrap();
    assert_eq!(world.execute(&request).await.code(), "bundle_rejected");
}

#[tokio::test]
async fn a_deleted_bundle_is_not_available_and_a_loaded_one_still_runs() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let other = world.with_guest("counts_in_a_global", &[]).await;
    assert_eq!(world.execute(&request).await.status, 200);
    fs::remove_dir_all(world.directory().join("bundles/sha256")).unwrap();
    assert_eq!(world.execute(&request).await.status, 200);
    assert_eq!(world.execute(&other).await.code(), "extension_not_available");
}

#[tokio::test]
async fn machine_code_of_another_component_in_the_cache_is_not_run() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let other = world.with_guest("traps", &[]).await;
    let cache = world.directory().join("machine-code");
    let files: Vec<PathBuf> = fs::read_dir(&cache)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "code"))
        .collect();
    assert_eq!(files.len(), 2);
    let (first, second) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
    fs::write(&files[0], second).unwrap();
    fs::write(&files[1], first).unwrap();
    assert_eq!(world.execute(&request).await.guest_body(), "ok");
    assert_eq!(world.execute(&other).await.code(), "guest_trapped");
    assert_eq!(
        world.platform().execute().unwrap().loader().compilations(),
        2 + 2,
        "at publish, and again"
    );
}

#[tokio::test]
async fn an_install_without_the_grant_cannot_be_executed_even_with_a_token() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("storage_works", &["cap:storage.kv"]).await;
    let narrowed = request.with("/providers", serde_json::json!(["cap:log.emit"]));
    let response = world.execute(&narrowed).await;
    response.assert_error(403, "capability_denied");
    assert!(
        response.json()["error"]["hint"].as_str().unwrap().contains("--grant"),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn a_missing_compiler_is_an_internal_error_without_details() {
    let world = TestPlatform::with_settings(&[("compiler", "/nonexistent/alga-compiler")]).await;
    let release = world.release("com.example.ok", "1.0.0", "answers_ok");
    let response = world.try_publish(&release).await;
    response.assert_error(500, "internal");
    assert!(!response.text().contains("nonexistent"));
}

#[tokio::test]
async fn the_least_recently_used_component_leaves_memory_also_while_it_executes() {
    let world = TestPlatform::with_settings(&[("cache_memory_mib", "1"), ("pool", "8")]).await;
    let streams = world.with_guest("streams", &[]).await;
    let endless = streams.clone().on("GET", "/events-without-end");
    let executing = async {
        loop {
            let ended = world.execute(&endless).await;
            assert_eq!(ended.code(), "deadline_exceeded");
        }
    };
    let others = async {
        // Each has more than a hundred kilobytes of machine code.
        let mut others = Vec::new();
        for number in 0..24 {
            let manifest = Release::manifest(&format!("com.example.other-{number}"), "1.0.0", &[]);
            let mut component = component("answers_ok");
            component.extend([0, 3, 1, b'n', number]);
            let release = Release::new(world.key(), &manifest, &component);
            world.publish(&release).await;
            let install = world.install("acme", &release, &[]).await.ok();
            others.push(world.request_for(&install));
        }
        let is_cold = async |request: &ExecuteRequest| {
            let response = world.execute(request).await;
            response.json()["usage"]["cold"] == true
        };
        for other in &others {
            assert!(is_cold(other).await, "its first execution");
            assert!(!is_cold(other).await, "it was just used");
        }
        // In turn, each is the one that was not used for longest.
        let mut cold = 0;
        while cold < 3 {
            for other in &others {
                cold += usize::from(is_cold(other).await);
            }
        }
    };
    tokio::select! {
        () = executing => {}
        () = others => {}
    }
    let events = streams.on("GET", "/events");
    assert_eq!(world.execute(&events).await.guest_body().matches("data: ").count(), 3);
}
