//! `alga test`: templates in three languages pass their own tests, and an extension is tested under
//! scripted storage, HTTP and time.

use crate::large_components::COMPILING;
use crate::{alga, done};
use alga_harness::{program, root, target};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::PoisonError;
use tempfile::TempDir;

fn project(home: &TempDir, language: &str) -> PathBuf {
    done(home.path(), &["new", "greeter", "--lang", language]);
    home.path().join("greeter")
}

/// Returns all that a command has printed.
fn printed(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{error}")
}

/// Changes what the template's handler responds with, which its test notices.
fn break_greeting(source: &Path) {
    let text = fs::read_to_string(source).unwrap();
    fs::write(source, text.replace("!\"", "?\"").replace("!`", "?`")).unwrap();
}

fn passes_and_then_fails(directory: &Path, source: &str) {
    let passed = alga(directory, &["test"]);
    assert!(passed.status.success(), "{}", printed(&passed));
    break_greeting(&directory.join(source));
    let failed = alga(directory, &["test"]);
    assert_eq!(failed.status.code(), Some(1), "{}", printed(&failed));
    assert!(printed(&failed).contains("Moin, you?"), "{}", printed(&failed));
}

#[test]
fn the_tests_of_a_new_project_in_rust_pass_until_its_code_is_broken() {
    let home = TempDir::new().unwrap();
    let directory = project(&home, "rust");
    passes_and_then_fails(&directory, "src/lib.rs");
}

#[test]
fn the_tests_of_a_new_project_in_python_pass_until_its_code_is_broken() {
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = TempDir::new().unwrap();
    let directory = project(&home, "python");
    passes_and_then_fails(&directory, "app.py");
}

#[test]
fn the_tests_of_a_new_project_in_typescript_pass_until_its_code_is_broken() {
    let home = TempDir::new().unwrap();
    let directory = project(&home, "ts");
    passes_and_then_fails(&directory, "src/index.ts");
    // Without `alga test`, the first test starts the host by itself.
    let mut npm = Command::new("npm");
    npm.current_dir(&directory).arg("test");
    npm.env("ALGA", program("alga"))
        .env("ALGA_SDK", root().join("guest-sdk"))
        .env("ALGA_TOOLCHAIN_CACHE", target());
    let alone = npm.output().unwrap();
    assert!(printed(&alone).contains("Moin, you?"), "{}", printed(&alone));
}

#[test]
fn storage_http_time_and_the_user_are_scripted() {
    let home = TempDir::new().unwrap();
    let directory = project(&home, "ts");
    let manifest = directory.join("manifest.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["capabilities"] = json!([
        "cap:context.read",
        "cap:log.emit",
        "cap:metrics.emit",
        "cap:user.read",
        "cap:storage.kv",
        "cap:http.fetch",
        "cap:secrets.get",
        "cap:trace.emit"
    ]);
    json["optionalCapabilities"] = json!(["cap:ui.proxy"]);
    json["egress"] = json!(["hooks.example.com", "rates.example.com"]);
    json["secrets"] = json!([{ "name": "token", "hosts": ["hooks.example.com"] }]);
    json["metrics"] = json!([{ "name": "notes", "type": "counter" }]);
    json["uiProxy"] = json!([{ "name": "ticket", "method": "GET", "path": "/api/tickets/:id" }]);
    let endpoint = |method: &str, path: &str| json!({ "method": method, "path": path });
    let paths = [
        "/notes/:key",
        "/rate",
        "/in-time",
        "/ttl",
        "/nap",
        "/race",
        "/ticket",
        "/who",
        "/spans",
    ];
    let mut endpoints: Vec<Value> = paths.iter().map(|path| endpoint("GET", path)).collect();
    endpoints.push(endpoint("PUT", "/notes/:key"));
    endpoints.push(endpoint("POST", "/echo"));
    endpoints.push(json!({ "method": "GET", "path": "/loop", "timeoutMs": 300 }));
    json["api"]["endpoints"] = endpoints.into();
    fs::write(&manifest, json.to_string()).unwrap();
    fs::write(directory.join("src/index.ts"), include_str!("testing/index.ts")).unwrap();
    fs::write(directory.join("src/spans.ts"), include_str!("testing/spans.ts")).unwrap();
    fs::remove_file(directory.join("tests/hello.test.ts")).unwrap();
    for (name, text) in [
        ("notes.test.ts", include_str!("testing/notes.test.ts")),
        ("mocks.test.ts", include_str!("testing/mocks.test.ts")),
        ("spans.test.ts", include_str!("testing/spans.test.ts")),
    ] {
        fs::write(directory.join("tests").join(name), text).unwrap();
    }
    let tested = alga(&directory, &["test"]);
    assert!(tested.status.success(), "{}", printed(&tested));
    // The types of the libraries for tests, too.
    let config = fs::read_to_string(directory.join("tsconfig.json")).unwrap();
    fs::write(
        directory.join("tsconfig.json"),
        config.replace(r#"["src"]"#, r#"["src", "tests"]"#),
    )
    .unwrap();
    let mut types = Command::new(directory.join("node_modules/.bin/tsc"));
    let types = types
        .current_dir(&directory)
        .args(["--noEmit", "--types", "@alga/sdk/types"])
        .output()
        .unwrap();
    assert!(types.status.success(), "{}", printed(&types));
}

#[test]
fn an_extension_with_the_full_javascript_engine_behaves_as_with_the_compact_one() {
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = TempDir::new().unwrap();
    let directory = project(&home, "ts");
    let change = |file: &str, change: fn(&mut Value)| {
        let path = directory.join(file);
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        fs::write(path, json.to_string()).unwrap();
    };
    change("package.json", |package| package["alga"] = json!({ "engine": "full" }));
    change("manifest.json", |manifest| {
        manifest["capabilities"] = json!(["cap:log.emit", "cap:user.read", "cap:http.fetch", "cap:trace.emit"]);
        manifest["optionalCapabilities"] = json!(["cap:storage.kv"]);
        manifest["egress"] = json!(["rates.example.com"]);
        let paths = [
            "/random",
            "/conflict",
            "/rate",
            "/timeout",
            "/nap",
            "/digest",
            "/who",
            "/half",
            "/stream",
            "/direct",
            "/fails",
            "/spans",
        ];
        let mut endpoints: Vec<Value> = paths
            .iter()
            .map(|path| json!({ "method": "GET", "path": path }))
            .collect();
        endpoints.push(json!({ "method": "POST", "path": "/count/:key" }));
        manifest["api"]["endpoints"] = endpoints.into();
    });
    fs::write(directory.join("src/index.ts"), include_str!("testing/full.ts")).unwrap();
    fs::write(directory.join("src/spans.ts"), include_str!("testing/spans.ts")).unwrap();
    fs::remove_file(directory.join("tests/hello.test.ts")).unwrap();
    for (name, text) in [
        ("full.test.ts", include_str!("testing/full.test.ts")),
        ("spans.test.ts", include_str!("testing/spans.test.ts")),
    ] {
        fs::write(directory.join("tests").join(name), text).unwrap();
    }
    let tested = alga(&directory, &["test"]);
    assert!(tested.status.success(), "{}", printed(&tested));
    // No value of the build's randomness or clock can be in a component.
    fs::write(
        directory.join("src/index.ts"),
        "const early = Math.random();\nexport default () => new Response(String(early));\n",
    )
    .unwrap();
    let refused = printed(&alga(&directory, &["build"]));
    assert!(
        refused.contains("a module calls the host while the extension is built"),
        "{refused}"
    );
    change("package.json", |package| package["alga"] = json!({ "engine": "huge" }));
    let refused = printed(&alga(&directory, &["build"]));
    assert!(
        refused.contains("unknown variant `huge`, expected `compact` or `full`"),
        "{refused}"
    );
}
