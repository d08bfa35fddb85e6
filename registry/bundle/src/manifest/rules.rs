//! The rules of a manifest that types alone do not enforce.

use super::{Endpoint, Manifest, ManifestProblem, RUNTIMES};
use crate::limits::{CONFIG_BYTES, Ceilings, ENDPOINTS};
use crate::path::CODE_SUFFIX;
use crate::{Capability, CapabilityName};
use std::collections::{BTreeMap, BTreeSet};

mod lists;

/// The maximum number of problems in one report.
pub(super) const PROBLEMS: usize = 100;
const TEXT_CHARACTERS: usize = 4_000;

/// Returns all violated rules.
pub(super) fn check(manifest: &Manifest, known: &[Capability]) -> Vec<ManifestProblem> {
    let mut problems = ManifestErrors(Vec::new());
    check_basics(manifest, &mut problems);
    check_capabilities(manifest, known, &mut problems);
    check_endpoints(&manifest.api.endpoints, &mut problems);
    lists::check(manifest, &mut problems);
    problems.0
}

struct ManifestErrors(Vec<ManifestProblem>);

impl ManifestErrors {
    fn add(&mut self, path: impl Into<String>, rule: impl Into<String>, fix: impl Into<String>) {
        // A bounded report: the author fixes these and checks again. Thousands of problems would be
        // a response of megabytes.
        if self.0.len() >= PROBLEMS {
            return;
        }
        self.0.push(ManifestProblem {
            path: path.into(),
            rule: rule.into(),
            fix: fix.into(),
        });
    }
}

fn check_basics(manifest: &Manifest, problems: &mut ManifestErrors) {
    if !RUNTIMES.contains(&manifest.runtime.as_str()) {
        problems.add("$.runtime", "unsupported runtime", format!("write `{}`", RUNTIMES[0]));
    }
    if !manifest.entry.ends_with(CODE_SUFFIX) {
        problems.add(
            "$.entry",
            "a component is a `.wasm` file",
            "name it like `dist/main.wasm`",
        );
    }
    if !manifest.version.build.is_empty() {
        problems.add(
            "$.version",
            "build metadata is not allowed, because it does not order versions",
            "remove the part from `+`",
        );
    }
    check_texts(manifest, problems);
    check_zero_limits(manifest, problems);
}

fn check_zero_limits(manifest: &Manifest, problems: &mut ManifestErrors) {
    let limits = manifest.limits.unwrap_or_default();
    if limits.memory_mb == Some(0) || limits.timeout_ms == Some(0) {
        problems.add(
            "$.limits",
            "a limit of 0 lets nothing run",
            "leave it out for the platform's default",
        );
    }
}

/// Checks that a host with these ceilings provides what the manifest requests. A limit above a
/// ceiling is refused, not lowered, because an administrator consents to the exact value. Called
/// when a bundle is packed or published, not when a stored one is read: an operator may lower a
/// ceiling, and published bundles must stay readable.
pub(super) fn check_ceilings(manifest: &Manifest, ceilings: &Ceilings) -> Vec<ManifestProblem> {
    let mut problems = ManifestErrors(Vec::new());
    let limits = manifest.limits.unwrap_or_default();
    if let Err(exceeded) = ceilings.check_execution(limits.memory_mb, limits.timeout_ms) {
        problems.add("$.limits", exceeded.to_string(), "ask for less");
    }
    for (index, endpoint) in manifest.api.endpoints.iter().enumerate() {
        let path = format!("$.api.endpoints[{index}].timeoutMs");
        if endpoint.timeout_ms == Some(0) {
            problems.add(
                path.as_str(),
                "a limit of 0 lets nothing run",
                "leave it out for the platform's default",
            );
        }
        if let Err(exceeded) = ceilings.check_execution(None, endpoint.timeout_ms) {
            problems.add(path, exceeded.to_string(), "ask for less");
        }
    }
    if let Some(ui) = &manifest.ui
        && !(ui.entry.starts_with("ui/") && ui.entry.ends_with(".html"))
    {
        problems.add(
            "$.ui.entry",
            "a page is an HTML file below `ui/`",
            "write it like `ui/index.html`",
        );
    }
    let config_bytes = manifest.config_bytes(&BTreeMap::new());
    if config_bytes > CONFIG_BYTES {
        problems.add(
            "$.config",
            format!("the defaults have {config_bytes} bytes; at most {CONFIG_BYTES} (CONFIG_BYTES)"),
            "shorten them",
        );
    }
    problems.0
}

/// Checks the texts that users and operators read: in a console, in a terminal, in the consent to
/// an install.
fn check_texts(manifest: &Manifest, problems: &mut ManifestErrors) {
    let own = [
        ("$.displayName".to_owned(), manifest.display_name.as_ref()),
        ("$.description".to_owned(), manifest.description.as_ref()),
    ];
    let described = descriptions("config", &manifest.config, |field| &field.description)
        .chain(descriptions("secrets", &manifest.secrets, |field| &field.description))
        .chain(descriptions("storage", &manifest.storage, |field| &field.description))
        .chain(descriptions("metrics", &manifest.metrics, |metric| &metric.description));
    for (path, text) in own.into_iter().chain(described) {
        if !text.is_none_or(|text| is_plain_text(text)) {
            problems.add(
                path,
                format!("plain text of at most {TEXT_CHARACTERS} characters"),
                "shorten it; no control characters, and none that change the direction of writing",
            );
        }
    }
}

/// Returns the path and the description of each entry of a list.
fn descriptions<'a, T>(
    list: &'static str,
    entries: &'a [T],
    description: impl Fn(&'a T) -> &'a Option<String> + 'a,
) -> impl Iterator<Item = (String, Option<&'a String>)> {
    let described = entries.iter().enumerate();
    described.map(move |(index, entry)| (format!("$.{list}[{index}].description"), description(entry).as_ref()))
}

fn is_plain_text(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARACTERS
        && !text
            .chars()
            .any(|character| is_deceptive(character) && character != '\n')
}

/// True for control characters, and for those that change the direction of the text around them
/// (Unicode, 23.2): a text could be shown as another one than it is. Marks, which texts in Arabic
/// and Hebrew need, change nothing else.
fn is_deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_capabilities(manifest: &Manifest, known: &[Capability], problems: &mut ManifestErrors) {
    let required = manifest
        .capabilities
        .iter()
        .enumerate()
        .map(|named| ("capabilities", named));
    let optional = manifest
        .optional_capabilities
        .iter()
        .enumerate()
        .map(|named| ("optionalCapabilities", named));
    for (index, name) in manifest.optional_capabilities.iter().enumerate() {
        let is_default = |capability: &&Capability| capability.granted_by_default && capability.name == name.as_str();
        if known.iter().any(|capability| is_default(&capability)) {
            let path = format!("$.optionalCapabilities[{index}]");
            problems.add(
                path,
                format!("every install has `{name}`"),
                "move it to `capabilities`, or leave it out",
            );
        }
    }
    let mut seen = BTreeSet::new();
    for (list, (index, name)) in required.chain(optional) {
        let path = format!("$.{list}[{index}]");
        check_known(name, &path, known, problems);
        if !seen.insert(name) {
            problems.add(&path, format!("`{name}` is listed twice"), "remove one");
        }
    }
}

fn check_known(name: &CapabilityName, path: &str, known: &[Capability], problems: &mut ManifestErrors) {
    if known.iter().any(|capability| capability.name == name.as_str()) {
        return;
    }
    let names: Vec<_> = known
        .iter()
        .map(|capability| capability.name)
        .filter(|name| !name.is_empty())
        .collect();
    problems.add(
        path,
        format!("`{name}` is not a capability"),
        format!("one of {}", names.join(", ")),
    );
}

fn check_endpoints(endpoints: &[Endpoint], problems: &mut ManifestErrors) {
    if endpoints.len() > ENDPOINTS {
        problems.add(
            "$.api.endpoints",
            format!("at most {ENDPOINTS} endpoints"),
            "use `:name` segments",
        );
    }
    let mut seen = BTreeSet::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let path = format!("$.api.endpoints[{index}].path");
        if !path_is_a_route(&endpoint.path) {
            problems.add(
                &path,
                format!("`{}` is not a route", endpoint.path.escape_default()),
                "write it like `/agreements/:id`",
            );
        }
        if endpoint.schedulable && endpoint.path.contains("/:") {
            problems.add(
                &path,
                "a schedule cannot fill in a `:name`",
                "write a path without one, or leave out `schedulable`",
            );
        }
        if !seen.insert((endpoint.method, shape(&endpoint.path))) {
            let route = format!("{} {}", endpoint.method.as_str(), endpoint.path.escape_default());
            problems.add(
                &path,
                format!("`{route}` matches what an earlier endpoint matches"),
                "leave one out",
            );
        }
    }
}

pub(in crate::manifest) fn path_is_a_route(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let literal = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
        !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
    };
    let named = |segment: &str| {
        segment.strip_prefix(':').is_some_and(|name| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty()
        })
    };
    path.len() <= 512 && (rest.is_empty() || rest.split('/').all(|segment| literal(segment) || named(segment)))
}

/// Returns a path without its parameter names: two endpoints of the same shape match the same
/// requests.
fn shape(path: &str) -> String {
    path.split('/')
        .map(|segment| if segment.starts_with(':') { ":" } else { segment })
        .collect::<Vec<_>>()
        .join("/")
}
