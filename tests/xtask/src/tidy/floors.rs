//! Crate layers (floors): imports point downwards only; crates on the same floor do not import each
//! other.

use crate::shell::{Outcome, cargo, output, root};
use serde_json::Value;
use std::fs;

/// Floor of every crate, except for the guest side and the tools.
const FLOORS: [(&str, u32); 25] = [
    ("alga-errors", 0),
    ("alga-limits", 0),
    ("alga-metrics", 0),
    ("alga-bundle", 1),
    ("alga-traces", 1),
    ("alga-http", 2),
    ("alga-engine", 3),
    ("alga-auth", 3),
    ("alga-egress", 3),
    ("alga-compose", 3),
    ("alga-javascript", 3),
    ("alga-secrets", 3),
    ("alga-signing", 3),
    ("alga-compiler", 4),
    ("alga-capabilities", 4),
    ("alga-store", 4),
    ("alga-registry-types", 4),
    ("alga-execute", 5),
    ("alga-ui", 5),
    ("alga-registry-api", 5),
    ("alga-gateway", 6),
    ("alga-test-host", 6),
    ("alga-server", 7),
    ("alga-toolchain", 0),
    ("alga", 8),
];
/// Crates of the guest side, which share only `wit/` with the host.
const GUEST_SIDE: [&str; 8] = [
    "alga-sdk",
    "alga-sdk-macros",
    "alga-testing",
    "example-hello",
    "example-agreements",
    "alga-test-guests",
    "alga-async-guests",
    "alga-adapter-components",
];
/// Dependencies that only some crates may use.
const ONLY_IN: [(&str, &[&str]); 5] = [
    // The benchmark compares the store with sqlx alone.
    ("sqlx", &["alga-store", "alga-bench"]),
    ("object_store", &["alga-store"]),
    (
        "wasmtime",
        &["alga-engine", "alga-compiler", "alga-capabilities", "alga-execute"],
    ),
    (
        "axum",
        &[
            "alga-http",
            "alga-execute",
            "alga-ui",
            "alga-registry-api",
            "alga-gateway",
            "alga-server",
            "alga-test-host",
            "alga-harness",
        ],
    ),
    ("ed25519-dalek", &["alga-signing", "alga-auth"]),
];

pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    let metadata = output(&mut cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        check_package(package, problems);
    }
    check_no_compiler_in_reach(problems);
    check_capabilities(problems)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn floor(name: &str) -> Option<u32> {
    FLOORS.iter().find(|(other, _)| *other == name).map(|(_, floor)| *floor)
}

fn check_package(package: &Value, problems: &mut Vec<String>) {
    let name = text(package, "name");
    let is_guest = GUEST_SIDE.contains(&name);
    let is_tool = text(package, "manifest_path").starts_with(&root().join("tests").display().to_string()) && !is_guest;
    if floor(name).is_none() && !is_guest && !is_tool {
        problems.push(format!("{name} has no floor; give it one in tidy/floors.rs"));
    }
    for dependency in package
        .get("dependencies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let is_development = text(dependency, "kind") == "dev";
        if is_tool || is_development {
            continue;
        }
        check_edge(name, text(dependency, "name"), is_guest, problems);
    }
}

fn check_edge(name: &str, dependency: &str, is_guest: bool, problems: &mut Vec<String>) {
    if let Some((_, allowed)) = ONLY_IN.iter().find(|(only, _)| *only == dependency)
        && !allowed.contains(&name)
    {
        problems.push(format!("{name} uses {dependency}; only {} may", allowed.join(", ")));
    }
    let foreign = floor(dependency);
    if is_guest && foreign.is_some() {
        problems.push(format!("{name} is a guest and must not import {dependency}"));
    }
    if let (Some(own), Some(foreign)) = (floor(name), foreign)
        && foreign >= own
    {
        problems.push(format!(
            "{name} (floor {own}) imports {dependency} (floor {foreign}); imports point downwards"
        ));
    }
}

/// Checks that the process that executes tenants' code contains no compiler: built by itself,
/// `alga` has no cranelift.
fn check_no_compiler_in_reach(problems: &mut Vec<String>) {
    let tree = [
        "tree",
        "--package",
        "alga",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--locked",
    ];
    match output(&mut cargo(&tree)) {
        Ok(tree) if tree.contains("cranelift-codegen ") => problems.push("alga contains a compiler".to_owned()),
        Ok(_) => {}
        Err(error) => problems.push(format!("cargo tree: {error}")),
    }
}

/// Modules of capabilities do not import each other: what two of them need is a module of its own.
fn check_capabilities(problems: &mut Vec<String>) -> Outcome {
    let directory = root().join("host/capabilities/src");
    let list = fs::read_to_string(directory.join("lib.rs"))?;
    let list = list.split("\ncapabilities! {").nth(1).unwrap_or_default();
    let list = list.split('}').next().unwrap_or_default();
    let modules: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if modules.is_empty() {
        problems.push("host/capabilities/src/lib.rs has no list of capabilities".to_owned());
    }
    for module in &modules {
        let text = fs::read_to_string(directory.join(format!("{module}.rs")))?;
        for other in modules.iter().filter(|other| *other != module) {
            if text.contains(&format!("crate::{other}::")) {
                problems.push(format!(
                    "host/capabilities/src/{module}.rs imports the capability `{other}`"
                ));
            }
        }
    }
    Ok(())
}
