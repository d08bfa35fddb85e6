//! One folder for each capability: `granted.json` and `denied.json`.
//!
//! The case of a capability uses the guest `<module>_works`, which calls every function of its interface. `granted.json` is what the guest must
//! answer when the capability is granted. `denied.json` is what installing without the grant must be answered with: the guest cannot even be
//! installed, and the answer shows the cure. For a capability that every install has, `denied.json` is what publishing without
//! declaring it would be; there is nothing to deny, so the file says `null`.
//!
//! `BLESS=1 cargo xtask test` writes the files anew.

use alga_capabilities::known;
use alga_harness::{Release, World, component, root};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// `alga:storage/kv` → `storage`.
fn module(interface: &str) -> &str {
    interface.strip_prefix("alga:").unwrap().split('/').next().unwrap()
}

fn folder(capability: &str) -> PathBuf {
    root().join("tests/conformance").join(capability)
}

fn expect(path: PathBuf, actual: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(actual).unwrap());
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", path.display()));
    assert_eq!(text, expected, "{}", path.display());
}

#[tokio::test]
async fn every_capability_works_when_granted_and_cannot_be_installed_when_not() {
    let capabilities: Vec<_> = known()
        .iter()
        .filter(|capability| !capability.name.is_empty())
        .collect();
    assert!(!capabilities.is_empty());
    for capability in capabilities {
        let module = module(capability.interface);
        let guest = format!("{module}_works");
        let world = World::new().await;
        let manifest = Release::manifest(&format!("com.example.{module}"), "1.0.0", &[capability.name]);
        let release = Release::new(world.key(), &manifest, &component(&guest));
        world.publish(&release).await;
        let denied = match capability.granted_by_default {
            true => Value::Null,
            false => {
                let answer = world.install("acme", &release, &[]).await;
                let body = answer.json();
                json!({ "status": answer.status.as_u16(), "error": body["error"], "message": body["message"], "hint": body["hint"] })
            }
        };
        expect(folder(module).join("denied.json"), &denied);
        let body = json!({
            "extension": release.name, "version": release.version, "grants": [capability.name], "config": { "greeting": "Moin" },
        });
        let install = world.operate("POST", "/v1/registry/tenants/acme/installs", &body).await;
        assert!(install.status.is_success(), "{}", install.text());
        let answer = world.call("acme", "GET", &format!("com.example.{module}/"), "").await;
        let answer_body = if answer.json().is_null() {
            json!(answer.text())
        } else {
            answer.json()
        };
        expect(
            folder(module).join("granted.json"),
            &json!({ "status": answer.status.as_u16(), "body": answer_body }),
        );
    }
}

#[test]
fn every_folder_belongs_to_a_capability() {
    for entry in fs::read_dir(root().join("tests/conformance")).unwrap().flatten() {
        if entry.path().is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let interface = format!("alga:{name}/");
            assert!(
                known()
                    .iter()
                    .any(|capability| capability.interface.starts_with(&interface)),
                "{name} is no capability"
            );
        }
    }
}
