//! Rules of the named lists: configuration, secrets, hosts, events, user interface hooks, assets,
//! metrics.

use super::ManifestErrors;
use crate::manifest::rules::{is_deceptive, path_is_a_route};
use crate::manifest::{Endpoint, EventSubscription, Manifest, SecretField};
use crate::{EntryPath, ValueSchema};
use std::collections::BTreeSet;
use std::fmt::Display;

/// The maximum number of entries of each list: more than a settings page can show.
const ENTRIES: usize = 100;
/// The maximum number of label keys of one metric. Each key multiplies the time series that an
/// operator pays for.
const LABELS: usize = 8;

pub(super) fn check(manifest: &Manifest, problems: &mut ManifestErrors) {
    check_names(manifest, problems);
    check_config_defaults(manifest, problems);
    check_secrets(&manifest.secrets, &manifest.egress, problems);
    for (index, event) in manifest.events.iter().enumerate() {
        check_event(index, event, &manifest.api.endpoints, problems);
    }
    check_ui(manifest, problems);
    check_files(manifest, problems);
    check_labels(manifest, problems);
    check_routes(manifest, problems);
    check_namespaces(manifest, problems);
}

/// Checks that every list is short, that every name has the form of its list, and that no name is
/// duplicated.
fn check_names(manifest: &Manifest, problems: &mut ManifestErrors) {
    let key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let metric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    names(
        manifest.config.iter().map(|field| &field.name),
        "config",
        ".name",
        key,
        problems,
    );
    names(
        manifest.secrets.iter().map(|field| &field.name),
        "secrets",
        ".name",
        key,
        problems,
    );
    names(
        manifest.metrics.iter().map(|metric| &metric.name),
        "metrics",
        ".name",
        metric,
        problems,
    );
    let namespaces = manifest.storage.iter().map(|field| &field.namespace);
    names(namespaces, "storage", ".namespace", key, problems);
    names(
        manifest.ui_proxy.iter().map(|route| &route.name),
        "uiProxy",
        ".name",
        key,
        problems,
    );
    let pattern = |_: u8| true;
    names(
        manifest.egress.iter().map(super::super::EgressPattern::as_str),
        "egress",
        "",
        pattern,
        problems,
    );
    let subscriptions = manifest
        .events
        .iter()
        .map(|event| format!("{} {}", event.topic, event.handler));
    names(subscriptions, "events", "", pattern, problems);
}

fn names(
    names: impl Iterator<Item = impl AsRef<str> + Ord + Display>,
    list: &str,
    field: &str,
    allowed: fn(u8) -> bool,
    problems: &mut ManifestErrors,
) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let path = format!("$.{list}[{index}]{field}");
        let text = name.as_ref();
        if !(1..=320).contains(&text.len()) || !text.bytes().all(allowed) || (!field.is_empty() && text.len() > 128) {
            problems.add(
                &path,
                "a name has 1 to 128 letters, digits, `.`, `_` or `-` (in metrics: lower case, digits, `_`)",
                "rename it",
            );
        }
        if !seen.insert(text.to_owned()) {
            problems.add(
                &path,
                format!("`{}` is listed twice", text.escape_default()),
                "remove one",
            );
        }
        if index == ENTRIES {
            problems.add(
                format!("$.{list}"),
                format!("at most {ENTRIES} entries"),
                "put several values into one",
            );
        }
    }
}

fn check_config_defaults(manifest: &Manifest, problems: &mut ManifestErrors) {
    for (index, field) in manifest.config.iter().enumerate() {
        let Some(default) = &field.default else { continue };
        if !field.kind.accepts(&default.to_string()) {
            problems.add(
                format!("$.config[{index}].default"),
                "the default is not of the key's type",
                "correct the default or the type",
            );
        }
    }
}

fn check_routes(manifest: &Manifest, problems: &mut ManifestErrors) {
    for (index, route) in manifest.ui_proxy.iter().enumerate() {
        if !path_is_a_route(&route.path) || !route.is_of_the_product() {
            problems.add(
                format!("$.uiProxy[{index}].path"),
                format!(
                    "`{}` is not a route that extensions may call",
                    route.path.escape_default()
                ),
                "write it like `/api/tickets/:id`: the first two segments literal, and not below `/api/internal`",
            );
        }
    }
}

fn check_namespaces(manifest: &Manifest, problems: &mut ManifestErrors) {
    for (index, field) in manifest.storage.iter().enumerate() {
        let Some(schema) = &field.schema else { continue };
        if let Some(problem) = ValueSchema::of(schema).problem() {
            problems.add(
                format!("$.storage[{index}].schema"),
                problem.chars().take(500).collect::<String>(),
                "correct the schema",
            );
        }
    }
}

/// Checks that a secret is sent to named hosts only, and only to those that the extension may call.
fn check_secrets(secrets: &[SecretField], egress: &[crate::EgressPattern], problems: &mut ManifestErrors) {
    for (index, secret) in secrets.iter().enumerate() {
        for (host_index, host) in secret.hosts.iter().enumerate() {
            if !egress.contains(host) {
                problems.add(
                    format!("$.secrets[{index}].hosts[{host_index}]"),
                    format!("`{host}` is not in $.egress"),
                    "add it there, written the same",
                );
            }
        }
    }
}

fn check_event(index: usize, event: &EventSubscription, endpoints: &[Endpoint], problems: &mut ManifestErrors) {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=128).contains(&event.topic.len()) || !event.topic.bytes().all(allowed) {
        problems.add(
            format!("$.events[{index}].topic"),
            "a topic has 1 to 128 lower-case letters, digits, `.`, `_` or `-`",
            "write it like `invoice.created`",
        );
    }
    let is_endpoint =
        |endpoint: &Endpoint| endpoint.path == event.handler || endpoint.handler.as_ref() == Some(&event.handler);
    if !endpoints.iter().any(is_endpoint) {
        problems.add(
            format!("$.events[{index}].handler"),
            format!("`{}` is not an endpoint", event.handler.escape_default()),
            "name an endpoint's `handler`, or its path",
        );
    }
}

fn check_ui(manifest: &Manifest, problems: &mut ManifestErrors) {
    let Some(ui) = &manifest.ui else { return };
    for (name, hook) in &ui.hooks {
        let path = format!("$.ui.hooks.{}", name.escape_default());
        if !(1..=64).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            problems.add(
                &path,
                "a hook's name has 1 to 64 letters and digits",
                "write it like `appMenu`",
            );
        }
        if hook.label.is_empty() || hook.label.chars().count() > 80 || hook.label.chars().any(is_deceptive) {
            problems.add(
                format!("{path}.label"),
                "a label has 1 to 80 characters of plain text",
                "shorten it",
            );
        }
    }
}

/// Checks the syntax of paths. Whether the files exist is checked when the bundle is read.
fn check_files(manifest: &Manifest, problems: &mut ManifestErrors) {
    for (path, file) in manifest.named_files() {
        if file.parse::<EntryPath>().is_err() {
            problems.add(path, "not a path in a bundle", "write it like `ui/index.html`");
        }
    }
    for (index, pattern) in manifest.assets.iter().enumerate() {
        if pattern.starts_with('/') || pattern.contains("..") || glob::Pattern::new(pattern).is_err() {
            problems.add(
                format!("$.assets[{index}]"),
                "not a glob over the bundle's paths",
                "write it like `ui/**`",
            );
        }
    }
}

fn check_labels(manifest: &Manifest, problems: &mut ManifestErrors) {
    for (index, metric) in manifest.metrics.iter().enumerate() {
        let distinct: BTreeSet<_> = metric.labels.iter().collect();
        let is_label = |label: &String| {
            (1..=64).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                // `le` is reserved for histograms; the prefixes `alga_` and `__` are reserved for
                // the host and the scraper.
                && label != "le" && !label.starts_with("alga_") && !label.starts_with("__")
        };
        if metric.labels.len() > LABELS || distinct.len() < metric.labels.len() || !metric.labels.iter().all(is_label) {
            problems.add(
                format!("$.metrics[{index}].labels"),
                format!("at most {LABELS} different label keys of lower-case letters and `_`"),
                "leave some out, or rename them",
            );
        }
    }
}
