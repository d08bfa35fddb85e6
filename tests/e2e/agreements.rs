//! The examples that are `agreements` in other languages respond as the one in Rust does.

use crate::large_components::COMPILING;
use crate::{alga, done};
use alga_harness::{Server, component, root};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::PoisonError;
use tempfile::TempDir;

/// Requests, in this order; `{id}` stands for the id of the agreement that was created first.
const REQUESTS: [(&str, &str, &str); 13] = [
    ("GET", "/agreements", ""),
    (
        "POST",
        "/agreements",
        r#"{"title":"Support","client":"Acme","monthly_cents":9900}"#,
    ),
    ("GET", "/agreements/{id}", ""),
    (
        "PUT",
        "/agreements/{id}?revision=1",
        r#"{"title":"Support+","client":"Acme","monthly_cents":9900}"#,
    ),
    (
        "PUT",
        "/agreements/{id}?revision=1",
        r#"{"title":"Lost","client":"Acme","monthly_cents":1}"#,
    ),
    (
        "PUT",
        "/agreements/{id}",
        r#"{"title":"Lost","client":"Acme","monthly_cents":1}"#,
    ),
    ("GET", "/agreements", ""),
    (
        "POST",
        "/agreements",
        r#"{"title":"","client":"Acme","monthly_cents":1}"#,
    ),
    (
        "POST",
        "/agreements",
        r#"{"title":"a","client":"Acme","monthly_cents":100000001}"#,
    ),
    (
        "POST",
        "/agreements",
        r#"{"title":"a","client":"Acme","monthly_cents":1,"other":1}"#,
    ),
    ("POST", "/agreements", "{"),
    ("DELETE", "/agreements/{id}", ""),
    ("DELETE", "/agreements/{id}", ""),
];

/// Copies an example, builds it if its component is not given, and returns the responses to all
/// requests, without ids and the parser's own words.
fn responses(name: &str, built: Option<&[u8]>) -> Vec<Value> {
    let home = TempDir::new().unwrap();
    let directory = home.path().join(name);
    copy(&root().join("examples").join(name), &directory);
    match built {
        Some(component) => {
            fs::create_dir_all(directory.join("dist")).unwrap();
            fs::write(directory.join("dist/main.wasm"), component).unwrap();
        }
        None => drop(done(&directory, &["build"])),
    }
    for step in [&["keygen", "--publisher", "example"][..], &["pack"], &["sign"]] {
        done(&directory, step);
    }
    let server = Server::start(&directory);
    let at = ["--server", server.address()];
    done(&directory, &[&["publish"][..], &at].concat());
    done(
        &directory,
        &[&["install", "--tenant", "demo", "--grant-declared"][..], &at].concat(),
    );
    let mut id = "none".to_owned();
    let respond = |(method, path, body): &(&str, &str, &str)| {
        let target = format!("com.example.{name}{}", path.replace("{id}", &id));
        let mut arguments = vec!["call", &target, "--method", method];
        if !body.is_empty() {
            arguments.extend(["--data", body]);
        }
        let output = alga(&directory, &[&arguments[..], &at].concat());
        let body: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(created) = body["id"].as_str() {
            id = created.to_owned();
        }
        let mut body: Value = serde_json::from_str(&body.to_string().replace(&id, "{id}")).unwrap();
        if body["error"] == "bad_request" {
            // Parsers describe their errors in their own words.
            body["message"] = json!("");
        }
        body
    };
    REQUESTS.iter().map(respond).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let is_output = |name: &str| path.file_name().is_some_and(|found| found == name);
        if is_output("node_modules") || is_output("dist") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let sdk = root().join("guest-sdk").display().to_string();
            let text = fs::read_to_string(&path).unwrap_or_default();
            fs::write(target, text.replace("file:../../guest-sdk", &format!("file:{sdk}"))).unwrap();
        }
    }
}

#[test]
fn agreements_in_typescript_respond_as_those_in_rust() {
    let rust = responses("agreements", Some(&component("agreements")));
    let errors: Vec<&str> = rust.iter().filter_map(|body| body["error"].as_str()).collect();
    let (bad, invalid) = ("bad_request", "invalid");
    assert_eq!(
        errors,
        ["conflict", bad, invalid, invalid, bad, bad, "not_found"],
        "{rust:?}"
    );
    let typescript = responses("agreements-typescript", None);
    for (place, request) in REQUESTS.iter().enumerate() {
        assert_eq!(typescript[place], rust[place], "{request:?}");
    }
}

#[test]
fn agreements_in_python_respond_as_those_in_rust() {
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let rust = responses("agreements", Some(&component("agreements")));
    let python = responses("agreements-python", None);
    for (place, request) in REQUESTS.iter().enumerate() {
        assert_eq!(python[place], rust[place], "{request:?}");
    }
}
