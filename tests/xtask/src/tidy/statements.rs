//! Every SQL statement about a tenant's rows names the tenant. Row-level security enforces this on
//! Postgres; on SQLite, this check does.

use crate::shell::{Outcome, root};
use std::fs;
use std::path::Path;

/// Tables whose rows belong to a tenant.
const TENANTS: [&str; 5] = [
    "tenant_extension_install",
    "tenant_extension_install_config",
    "tenant_extension_install_secrets",
    "ext_storage_records",
    "ext_storage_usage",
];
/// Statements across tenants, by their beginnings. A request for a page has no tenant: browsers
/// send it without a credential, and learn only that a tenant shows the page.
const ACROSS_TENANTS: [&str; 1] = ["SELECT v.id FROM extension_version v JOIN extension_registry r"];
const STARTS: [&str; 4] = ["SELECT ", "UPDATE ", "DELETE ", "INSERT "];

pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    check_directory(&root().join("registry/store/src"), problems)
}

fn check_directory(directory: &Path, problems: &mut Vec<String>) -> Outcome {
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            check_directory(&path, problems)?;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let forgetful = literals(&text).filter(|literal| is_forgetful(literal));
        let place = path.display().to_string();
        problems.extend(forgetful.map(|literal| format!("{place}: a statement without its tenant: {literal}")));
    }
    Ok(())
}

/// Returns the texts between quotes. SQL in this repository contains no double quotes.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').skip(1).step_by(2)
}

/// Reports whether a literal is a statement about a tenant's rows, or the rest of one, and does not
/// name the tenant.
fn is_forgetful(literal: &str) -> bool {
    let names = |table: &&str| {
        literal
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| word == *table)
    };
    let is_statement = STARTS.iter().any(|start| literal.starts_with(start)) && TENANTS.iter().any(names);
    let is_rest = literal.starts_with("WHERE i.");
    let is_across = ACROSS_TENANTS.iter().any(|start| literal.starts_with(start));
    (is_statement || is_rest) && !is_across && !literal.contains("tenant_id")
}

#[cfg(test)]
mod tests {
    use super::is_forgetful;

    #[test]
    fn a_statement_without_a_tenant_filter_is_reported() {
        assert!(is_forgetful("DELETE FROM ext_storage_records WHERE install_id = $1"));
        assert!(is_forgetful("WHERE i.id = $1"));
        assert!(!is_forgetful("DELETE FROM ext_storage_records WHERE tenant_id = $1"));
        assert!(!is_forgetful("SELECT 1 FROM extension_version"));
    }
}
