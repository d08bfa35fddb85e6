//! An extension in Python, from its template to a request.

use crate::large_components::COMPILING;
use crate::{alga, done};
use alga_harness::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::sync::PoisonError;
use tempfile::TempDir;

/// Routes beside that of the template.
const ROUTES: &str = r#"
import random
import uuid

from alga import Conflict, HttpError, clients, http, invoicing, kv, metrics, reveal, services, ui_proxy, user

NUMBERS = kv.Namespace("numbers")


@app.get("/random")
def fresh(request):
    return {"random": random.random(), "uuid": str(uuid.uuid4())}


@app.post("/count/:key")
def count(request):
    entry = NUMBERS.get(request.params["key"])
    number = entry.json() + request.json() if entry else request.json()
    NUMBERS.put(request.params["key"], number, if_revision=entry.revision if entry else 0)
    return {"number": number}


@app.get("/conflict")
def conflict(request):
    NUMBERS.put("conflict", 1)
    NUMBERS.put("conflict", 2, if_revision=0)


@app.get("/host")
def host(request):
    def attempt(function):
        try:
            return str(function())
        except HttpError as error:
            return f"{error.status}: {error}"

    return {
        "user": attempt(user.current),
        "metrics": attempt(lambda: metrics.add("calls")),
        "reveal": attempt(lambda: reveal.text("key")),
        "ui_proxy": attempt(lambda: ui_proxy.call("ticket", id="1")),
        "http": attempt(lambda: http.get("https://a.example/")),
        "clients": attempt(clients.list),
        "services": attempt(services.list),
        "invoicing": attempt(lambda: invoicing.create("c", [], idempotency_key="k")),
    }


@app.get("/fails")
def fails(request):
    raise ValueError("a secret reason")
"#;

#[test]
fn an_extension_in_python_runs_from_its_template() {
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = TempDir::new().unwrap();
    done(home.path(), &["new", "greeter", "--lang", "python"]);
    let project = home.path().join("greeter");
    let (app, manifest) = (project.join("app.py"), project.join("manifest.json"));
    let text = fs::read_to_string(&app).unwrap();
    let text = text.replace("\nHandler =", &format!("{ROUTES}\n\nHandler ="));
    fs::write(&app, text).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let capabilities = [
        "cap:storage.kv",
        "cap:http.fetch",
        "cap:metrics.emit",
        "cap:user.read",
        "cap:secrets.reveal",
        "cap:ui.proxy",
        "cap:client.read",
        "cap:service.read",
        "cap:invoice.manual.create",
    ];
    json["capabilities"]
        .as_array_mut()
        .unwrap()
        .extend(capabilities.map(Value::from));
    for (method, path) in [
        ("GET", "/random"),
        ("POST", "/count/:key"),
        ("GET", "/conflict"),
        ("GET", "/host"),
        ("GET", "/fails"),
    ] {
        let endpoint = serde_json::json!({ "method": method, "path": path });
        json["api"]["endpoints"].as_array_mut().unwrap().push(endpoint);
    }
    fs::write(&manifest, json.to_string()).unwrap();
    for step in [
        &["keygen", "--publisher", "example"][..],
        &["build"],
        &["pack"],
        &["sign"],
    ] {
        done(&project, step);
    }
    let server = Server::start(&project);
    let at = ["--server", server.address()];
    done(&project, &[&["publish"][..], &at].concat());
    let install = [
        "install",
        "--tenant",
        "demo",
        "--grant-declared",
        "--config",
        "greeting=Moin",
    ];
    done(&project, &[&install[..], &at].concat());
    let call = |path: &str, options: &[&str]| {
        let target = format!("com.example.greeter{path}");
        let output = alga(&project, &[&["call", &target][..], options, &at].concat());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(call("/hello/J%C3%B6rg", &[]), r#"{"message": "Moin, J\u00f6rg!"}"#);
    let random: BTreeSet<String> = (0..20).map(|_| call("/random", &[])).collect();
    assert_eq!(random.len(), 20, "{random:?}");
    let randoms: BTreeSet<&str> = random.iter().filter_map(|text| text.split(',').next()).collect();
    assert_eq!(randoms.len(), 20, "{random:?}");
    for number in [5, 10, 15] {
        let counted = call("/count/a", &["--method", "POST", "--data", "5"]);
        assert_eq!(counted, format!(r#"{{"number": {number}}}"#));
    }
    let conflict = call("/conflict", &[]);
    assert!(conflict.contains(r#""error": "conflict""#), "{conflict}");
    let host: Value = serde_json::from_str(&call("/host", &[])).unwrap();
    for (module, part) in [
        ("user", "User("),
        ("metrics", "403: "),
        ("reveal", "403: "),
        ("ui_proxy", "403: "),
        ("http", "403: "),
        ("invoicing", "422: an invoice has 1 to 200 lines"),
    ] {
        let text = host[module].as_str().unwrap_or_default();
        assert!(text.starts_with(part), "{module}: {host}");
    }
    let failed = call("/fails", &[]);
    assert!(failed.contains("internal") && !failed.contains("secret"), "{failed}");
    let log = done(
        &project,
        &[&["installs", "log", "com.example.greeter", "--tenant", "demo"][..], &at].concat(),
    );
    for part in ["sent a greeting", "ValueError: a secret reason", "app.py"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}
