//! Policy for dependencies in `.deny.toml`, checked here because `cargo deny` is not installed on
//! every machine.

use crate::shell::{Outcome, cargo, output, root};
use serde_json::Value;
use std::fs;

pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    let policy: toml::Table = fs::read_to_string(root().join(".deny.toml"))?.parse()?;
    let licences = names(policy.get("licenses").and_then(|licenses| licenses.get("allow")));
    let banned = policy
        .get("bans")
        .and_then(|bans| bans.get("deny"))
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let metadata = output(&mut cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, version) = (field("name"), field("version"));
        if !licence_is_allowed(field("license"), &licences) {
            problems.push(format!(
                "{name} {version}: the license `{}` is not allowed by .deny.toml",
                field("license")
            ));
        }
        let source = field("source");
        if !source.is_empty() && !source.starts_with("registry+") {
            problems.push(format!("{name} {version} is not from the crates.io registry"));
        }
        for ban in &banned {
            check_ban(ban, name, version, problems);
        }
    }
    Ok(())
}

fn names(list: Option<&toml::Value>) -> Vec<String> {
    list.and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect()
}

/// Evaluates an SPDX expression: one alternative of `OR` or `/` is enough, all parts of `AND` are
/// needed.
fn licence_is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    let is_allowed = |name: &str| allowed.iter().any(|allowed| allowed == name.trim());
    expression.split(" AND ").all(|all| all.split(" OR ").any(is_allowed)) || expression.split(" OR ").any(is_allowed)
}

/// Checks a ban such as `{ crate = "h2@<0.4.20", reason = "…" }`: with a version, it covers
/// everything below that version; without one, every version.
fn check_ban(ban: &toml::Value, name: &str, version: &str, problems: &mut Vec<String>) {
    let text = |key: &str| ban.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let (banned, below) = text("crate").split_once("@<").unwrap_or((text("crate"), ""));
    if banned == name && (below.is_empty() || numbers(version) < numbers(below)) {
        problems.push(format!("{name} {version}: {}", text("reason")));
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect()
}
