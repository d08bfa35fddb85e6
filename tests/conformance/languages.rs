//! The table of languages in `guest-sdk/README.md`, from the results of the other tests here.

use crate::directory;
use alga_capabilities::modules;
use alga_harness::root;
use serde_json::Value;
use std::fs;

const BEGIN: &str = "<!-- table of languages -->\n";
const END: &str = "<!-- end of the table -->\n";
/// Interfaces of AlgaPSA's runner and proposals of WASI, by the module of the capability behind
/// them.
const OTHER_INTERFACES: [(&str, &str, &str); 12] = [
    ("clients", "old_world", "clients"),
    ("context", "standard", "config"),
    ("fetch", "old_world", "http"),
    ("fetch", "function", "fetch"),
    ("invoicing", "old_world", "invoicing"),
    ("log", "standard", "logging"),
    ("reveal", "old_world", "secrets"),
    ("services", "old_world", "services"),
    ("storage", "old_world", "storage"),
    ("storage", "standard", "keyvalue-draft2"),
    ("ui_proxy", "old_world", "ui-proxy"),
    ("user", "old_world", "user"),
];

fn json(path: &str) -> Value {
    let text = fs::read_to_string(root().join("tests/conformance").join(path)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Returns what was tested: granted, and denied unless every install has the capability.
fn tested(granted: &Value, denied: &Value) -> &'static str {
    match (granted.is_null(), denied.is_null()) {
        (true, _) => "",
        (false, true) => "granted",
        (false, false) => "granted, denied",
    }
}

fn table() -> String {
    let mut table = "| capability | Rust | JavaScript | Python | AlgaPSA's runner | `wasi:keyvalue`, `wasi:config`, `wasi:logging` | whole values |\n|---|---|---|---|---|---|---|\n".to_owned();
    for (module, capability) in modules() {
        let file = |name: &str| json(&format!("{module}/{name}.json"));
        assert!(directory(module).join("javascript.json").exists(), "{module}");
        let (script, python) = (file("javascript"), file("python"));
        let other = |file: &str| {
            let found = OTHER_INTERFACES
                .iter()
                .find(|(of, source, _)| of == module && *source == file);
            let results = json(&format!("{file}.json"));
            found.map_or("", |(_, _, key)| {
                tested(&results["granted"][key], &results["denied"][key])
            })
        };
        let cells = [
            tested(&file("granted"), &file("denied")),
            tested(&script["granted"], &script["denied"]),
            tested(&python["granted"], &python["denied"]),
            other("old_world"),
            other("standard"),
            other("function"),
        ];
        table.push_str(&format!("| `{}` | {} |\n", capability.name, cells.join(" | ")));
    }
    table
}

#[test]
fn the_table_of_languages_shows_what_is_tested() {
    let path = root().join("guest-sdk/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(shown, table(), "`cargo xtask bless` writes the table");
}
