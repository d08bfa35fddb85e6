//! One directory per capability, with the name of its module: `granted.json` and `denied.json`.
//!
//! The cases use the guest `<module>_works`, which calls every function of the interface.
//! `javascript.json` has the same of a guest in JavaScript, `tests/guests/js/<module>.js`, and
//! `python.json` of one in Python, `tests/guests/python-sdk/app.py`.
//!
//! `granted.json` is the guest's response if the capability is granted. `denied.json` covers both
//! kinds of denial: the response to the install if the manifest requires the capability, and the
//! results of the guest's calls if the manifest declares it as optional. A capability that every
//! install has cannot be denied: its file is `null`.
//!
//! `setup.json`, if it exists, contains what the case needs in addition: fields of the manifest,
//! other capabilities, secrets.
//!
//! `cargo xtask bless` rewrites the files.

mod c;
mod function;
mod javascript;
mod languages;
mod machine_paths;
mod old_world;
mod places;
mod preview1;
mod python;
mod standard;
mod wasi_versions;

use alga_bundle::ComponentFacts;
use alga_capabilities::{compose_denied, known, modules};
use alga_harness::{MockServer, Release, Reply, TestPlatform, borrowed, component, root, tenant_id};
use alga_registry_types::{Install, InstallRequest, install};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn directory(module: &str) -> PathBuf {
    root().join("tests/conformance").join(module)
}

fn expect(path: PathBuf, actual: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(actual).unwrap());
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask bless` writes it", path.display()));
    assert_eq!(text, expected, "{}", path.display());
}

/// Platform with a mock server, and the case of one capability.
struct Case {
    world: TestPlatform,
    outside: MockServer,
    module: &'static str,
    capability: &'static str,
    /// Component that calls every function of the interface.
    guest: Vec<u8>,
    setup: Value,
}

impl Case {
    async fn of(module: &'static str, capability: &'static str, guest: Vec<u8>) -> Self {
        let outside = MockServer::start().await;
        let settings = outside.settings();
        let settings = borrowed(&settings);
        let setup = fs::read_to_string(directory(module).join("setup.json")).unwrap_or_else(|_| "{}".to_owned());
        let setup = setup.replace("{port}", &outside.port().to_string());
        Self {
            world: TestPlatform::with_settings(&settings).await,
            outside,
            module,
            capability,
            guest,
            setup: serde_json::from_str(&setup).unwrap(),
        }
    }

    fn others(&self) -> Vec<String> {
        serde_json::from_value(self.setup["capabilities"].clone()).unwrap_or_default()
    }

    /// Creates the guest's release, with the capability in this list of the manifest.
    fn release(&self, version: &str, list: &str) -> Release {
        let others = self.others();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let name = format!("com.example.{}", self.module.replace('_', "-"));
        let mut manifest = Release::manifest(&name, version, &others);
        for (field, value) in self.setup["manifest"].as_object().into_iter().flatten() {
            manifest[field] = value.clone();
        }
        let mut names: Vec<String> = serde_json::from_value(manifest[list].clone()).unwrap_or_default();
        names.push(self.capability.to_owned());
        manifest[list] = json!(names);
        Release::new(self.world.key(), &manifest, &self.guest)
    }

    async fn install(&self, tenant: &str, release: &Release, grants: &[String]) -> Reply<Install> {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let secrets = self.setup.get("secrets").cloned().unwrap_or_else(|| json!({}));
        let request = InstallRequest {
            config: [("greeting".to_owned(), self.config())].into(),
            secrets: serde_json::from_value(secrets).unwrap(),
            ..release.install_request(&grants)
        };
        self.world.operate(&install(&tenant_id(tenant), &request)).await
    }

    /// Returns the configuration value: the origin of the mock server for guests that call it.
    fn config(&self) -> String {
        if self.setup.is_object() && !self.setup["manifest"]["egress"].is_null() {
            self.outside.origin()
        } else {
            "Moin".to_owned()
        }
    }

    /// Returns the guest's response, without the parts that differ between runs.
    async fn call(&self, tenant: &str, release: &Release) -> Value {
        let response = self.world.call(tenant, "GET", &format!("{}/", release.name), "").await;
        let body = if response.json().is_null() {
            json!(response.text())
        } else {
            response.json()
        };
        let case = json!({ "status": response.status.as_u16(), "body": body });
        serde_json::from_str(&case.to_string().replace(&self.outside.port().to_string(), "{port}")).unwrap()
    }

    async fn granted(&self) -> Value {
        let release = self.release("1.0.0", "capabilities");
        self.world.publish(&release).await;
        let mut grants = self.others();
        grants.push(self.capability.to_owned());
        let install = self.install("acme", &release, &grants).await;
        assert!(install.status.is_success(), "{}", install.text());
        self.call("acme", &release).await
    }

    async fn denied_unless_default(&self, is_default: bool) -> Value {
        if is_default { Value::Null } else { self.denied().await }
    }

    /// Returns both denials. Required: the install is refused. Optional: it succeeds, and every
    /// call returns an error.
    async fn denied(&self) -> Value {
        let required = self
            .install("other", &self.release("1.0.0", "capabilities"), &self.others())
            .await;
        let body = required.json();
        let release = self.release("2.0.0", "optionalCapabilities");
        self.world.publish(&release).await;
        let optional = self.install("other", &release, &self.others()).await;
        assert!(optional.status.is_success(), "{}", optional.text());
        json!({
            "required": { "status": required.status.as_u16(), "error": body["error"], "message": body["message"], "hint": body["hint"] },
            "optional": self.call("other", &release).await,
        })
    }
}

#[tokio::test]
async fn every_capability_works_when_granted_and_is_denied_by_name_when_not() {
    for (module, capability) in modules() {
        let case = Case::of(module, capability.name, component(&format!("{module}_works"))).await;
        expect(directory(module).join("granted.json"), &case.granted().await);
        let denied = case.denied_unless_default(capability.granted_by_default).await;
        expect(directory(module).join("denied.json"), &denied);
    }
}

#[tokio::test]
async fn every_capability_works_in_javascript_when_granted_and_is_denied_by_name_when_not() {
    for (module, capability) in modules() {
        let case = Case::of(module, capability.name, javascript::of_capability(module)).await;
        let granted = case.granted().await;
        let denied = case.denied_unless_default(capability.granted_by_default).await;
        let both = json!({ "granted": granted, "denied": denied });
        expect(directory(module).join("javascript.json"), &both);
    }
}

/// A reviewer can see this with `wasm-tools component wit`: the component that runs does not import
/// capabilities that it was not granted.
#[test]
fn a_component_without_its_optional_capability_does_not_import_it() {
    for (module, capability) in modules() {
        for guest in [component(&format!("{module}_works")), javascript::of_capability(module)] {
            let name = capability.name.parse().unwrap();
            let before = ComponentFacts::read(&guest).unwrap();
            assert!(
                before.needs(known()).any(|needed| needed == name),
                "{module} does not use what it is for"
            );
            let composed = compose_denied(&guest, &[&name].into()).unwrap();
            let after = ComponentFacts::read(&composed).unwrap();
            assert!(
                after.needs(known()).all(|needed| needed != name) && after.exports_handler(),
                "{module}"
            );
            let left: Vec<_> = before
                .imports
                .keys()
                .filter(|import| !import.starts_with(capability.interface))
                .collect();
            assert!(
                after.imports.keys().all(|import| left.contains(&import)),
                "{module}: {:?}",
                after.imports.keys()
            );
            assert_eq!(before.engine, after.engine);
        }
    }
}

#[test]
fn every_conformance_directory_belongs_to_a_capability() {
    for entry in fs::read_dir(root().join("tests/conformance")).unwrap().flatten() {
        if entry.path().is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(
                modules().iter().any(|(module, _)| *module == name),
                "{name} is no capability"
            );
        }
    }
}
