//! An extension in TypeScript, from its template to a request, and one of AlgaPSA's runner.

use crate::{alga, done};
use alga_harness::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Routes beside that of the template.
const ROUTES: &str = r#"
import { Conflict, Invalid, kv, json } from "@alga/sdk";

const numbers = new kv.Namespace<number>("numbers");

app.get("/random", () => ({ random: Math.random(), uuid: crypto.randomUUID() }));

app.post("/count/:key", async (request, { params }) => {
  const key = params["key"] ?? "";
  const [entry, added] = [await numbers.get(key), await json<number>(request)];
  const number = (entry?.value ?? 0) + added;
  await numbers.put(key, number, { ifRevision: entry?.revision ?? 0 });
  return { number };
});

app.get("/conflict", async () => {
  await numbers.put("conflict", 1);
  await numbers.create("conflict", 2);
});

app.get("/refuses", () => {
  throw new Invalid("the field `a` is too long");
});

app.get("/fails", () => {
  const nothing: { secret?: { reason: string } } = {};
  return nothing.secret!.reason;
});

app.get("/never", () => new Promise<string>(() => {}));
"#;

/// A handler as AlgaPSA's authors write it.
const OLD: &str = r#"
import { type Handler, emptyResponse, jsonResponse } from "@alga-psa/extension-runtime";

const BUILD_STAMP = new Date().toISOString();

export const handler: Handler = async (request, host) => {
  if (request.http.method === "POST") {
    await host.storage.put({ namespace: "notes", key: "a", value: request.http.body ?? new Uint8Array() });
    return emptyResponse();
  }
  await host.logging.info(`request ${request.http.url}`);
  const stored = await host.storage.get("notes", "a");
  const denied = await host.clients.list().catch((error: Error) => error.message);
  const { tenantId, config } = request.context;
  const note = stored && new TextDecoder().decode(stored);
  return jsonResponse({ tenantId, config, note, denied, stamp: BUILD_STAMP, query: request.http.url });
};
"#;

/// A project with its server.
struct Project {
    _home: TempDir,
    directory: PathBuf,
    server: Server,
}

impl Project {
    /// Creates, builds and installs a project; `edit` changes its files before.
    fn new(name: &str, edit: impl Fn(&Path), capabilities: &[&str], endpoints: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        done(home.path(), &["new", name, "--lang", "ts"]);
        let directory = home.path().join(name);
        edit(&directory);
        let manifest = directory.join("manifest.json");
        let mut json: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
        let list = json["capabilities"].as_array_mut().unwrap();
        list.extend(capabilities.iter().map(|name| Value::from(*name)));
        let list = json["api"]["endpoints"].as_array_mut().unwrap();
        list.extend(
            endpoints
                .iter()
                .map(|(method, path)| json!({ "method": method, "path": path })),
        );
        fs::write(&manifest, json.to_string()).unwrap();
        for step in [
            &["keygen", "--publisher", "example"][..],
            &["build"],
            &["pack"],
            &["sign"],
        ] {
            done(&directory, step);
        }
        let server = Server::start(&directory);
        let project = Self {
            _home: home,
            directory,
            server,
        };
        project.run(&["publish"]);
        let install = ["install", "--tenant", "demo", "--grant-declared", "--config"];
        project.run(&[&install[..], &["greeting=Moin"]].concat());
        project
    }

    fn run(&self, arguments: &[&str]) -> String {
        done(
            &self.directory,
            &[arguments, &["--server", self.server.address()]].concat(),
        )
    }

    fn call(&self, target: &str, options: &[&str]) -> String {
        let at = ["--server", self.server.address()];
        let output = alga(&self.directory, &[&["call", target][..], options, &at].concat());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn an_extension_in_typescript_runs_from_its_template() {
    let edit = |directory: &Path| {
        let source = directory.join("src/index.ts");
        let text = fs::read_to_string(&source).unwrap();
        let text = text.replace("\nexport default", &format!("{ROUTES}\nexport default"));
        fs::write(&source, text).unwrap();
    };
    let routes = [
        ("GET", "/random"),
        ("POST", "/count/:key"),
        ("GET", "/conflict"),
        ("GET", "/refuses"),
        ("GET", "/fails"),
        ("GET", "/never"),
    ];
    let project = Project::new("greeter", edit, &["cap:storage.kv"], &routes);
    let call = |path: &str, options: &[&str]| project.call(&format!("com.example.greeter{path}"), options);
    assert_eq!(call("/hello/J%C3%B6rg", &[]), r#"{"message":"Moin, Jörg!"}"#);
    let random: BTreeSet<String> = (0..20).map(|_| call("/random", &[])).collect();
    assert_eq!(random.len(), 20, "{random:?}");
    for number in [5, 10, 15] {
        let counted = call("/count/a", &["--method", "POST", "--data", "5"]);
        assert_eq!(counted, format!(r#"{{"number":{number}}}"#));
    }
    assert!(call("/count/a", &["--method", "POST", "--data", "{"]).contains(r#""error":"bad_request""#));
    assert!(call("/conflict", &[]).contains(r#""error":"conflict""#));
    assert!(call("/refuses", &[]).contains(r#""error":"invalid","message":"the field `a` is too long""#));
    for path in ["/fails", "/never"] {
        let failed = call(path, &[]);
        assert!(
            failed.contains(r#""error":"internal""#) && !failed.contains("secret"),
            "{failed}"
        );
    }
    let log = project.run(&["installs", "log", "com.example.greeter", "--tenant", "demo"]);
    let source = fs::read_to_string(project.directory.join("src/index.ts")).unwrap();
    let line = source.lines().position(|line| line.contains("secret!.reason")).unwrap() + 1;
    let at = format!("src/index.ts:{line}:");
    for part in ["sent a greeting", "TypeError", &at, "never settled"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn a_handler_of_the_runner_of_algapsa_is_built_and_runs_unchanged() {
    let edit = |directory: &Path| {
        fs::write(directory.join("src/index.ts"), OLD).unwrap();
        // As in their projects, there is no package of this SDK.
        for file in ["package.json", "tsconfig.json"] {
            fs::remove_file(directory.join(file)).unwrap();
        }
    };
    let routes = [("GET", "/note"), ("POST", "/note")];
    let project = Project::new("older", edit, &["cap:storage.kv"], &routes);
    project.call("com.example.older/note", &["--method", "POST", "--data", "remember"]);
    let shown: Value = serde_json::from_str(&project.call("com.example.older/note?a=1", &[])).unwrap();
    let expected = json!({
        "tenantId": "demo",
        "config": { "greeting": "Moin" },
        "note": "remember",
        "denied": "host.clients.list is not granted: add its capability to manifest.json",
        "stamp": "1970-01-01T00:00:00.000Z",
        "query": "/note?a=1",
    });
    assert_eq!(shown, expected);
}

#[test]
fn mistakes_are_reported_by_the_build_with_the_authors_lines() {
    let home = TempDir::new().unwrap();
    done(home.path(), &["new", "wrong", "--lang", "ts"]);
    let directory = home.path().join("wrong");
    fs::remove_file(directory.join("package.json")).unwrap();
    fs::remove_file(directory.join("tsconfig.json")).unwrap();
    for (source, part) in [
        ("export default (request: Request) => {", "src/index.ts:1:"),
        ("export const other = 1;", "has no handler"),
        ("import fs from 'node:fs';\nexport default () => fs.x", "node:fs"),
        (
            "import 'alga:storage/tables';\nexport default () => 1",
            "no such interface",
        ),
        ("\nnull.x;\nexport default () => 1", "src/index.ts:2:"),
        (
            "const id = Math.random();\nexport default () => id",
            "call it in the handler",
        ),
        (
            "const a = await fetch('https://a.example/');\nexport default () => a",
            "while the extension was built",
        ),
        (
            "await new Promise(() => {});\nexport default () => 1",
            "top-level `await`",
        ),
        ("for (;;) {}\nexport default () => 1", "did not end in time"),
        (
            "const a = [];\nfor (;;) a.push(new Uint8Array(1e6).fill(1));\nexport default () => 1",
            "memory",
        ),
    ] {
        fs::write(directory.join("src/index.ts"), source).unwrap();
        let output = alga(&directory, &["build"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(part), "{source}: {text}");
    }
}
