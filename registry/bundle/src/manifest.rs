//! The manifest `manifest.json`: an extension's identity, its permissions and its endpoints.
//!
//! Reading has two steps. The first checks for plain JSON (duplicate keys, depth) and stops at the
//! first problem. The second checks the form (unknown fields, missing fields, types) and the rules,
//! and reports all problems together, each with its JSON path and a fix.

use crate::limits::MANIFEST_BYTES;
use crate::object::{StrictObject, object, objects, optional_object};
use crate::{Capability, CapabilityName, EntryPath, JsonError, Version, strict_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

mod diagnosis;
mod egress;
mod fields;
mod names;
mod overlaps;
mod rules;
mod schema;

pub use egress::EgressPattern;
pub use fields::{
    Api, ConfigField, ConfigType, ConfigValue, Endpoint, EndpointAccess, EventSubscription, ManifestLimits, MenuHook,
    Method, Metric, MetricType, NamespaceField, ProxyRoute, SecretField, Ui, UiType,
};
pub use names::{ExtensionName, PublisherName, is_label};
pub use schema::manifest_schema;

/// The accepted runtimes. Only the first is this platform's; `wasm-js@1` is accepted because
/// AlgaPSA's manifests contain it.
const RUNTIMES: [&str; 2] = ["wasi-component@0.2", "wasm-js@1"];
/// The component's path if the manifest does not specify one.
const DEFAULT_ENTRY: &str = "dist/main.wasm";

/// A manifest that satisfies all rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// URL or path of this file's JSON Schema, for editors; ignored by the platform.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Reverse domain name: `com.example.agreements`.
    #[schemars(with = "String")]
    pub name: ExtensionName,
    /// Name of the publisher, for whom signing keys are trusted.
    #[schemars(with = "String")]
    pub publisher: PublisherName,
    /// Version by semantic versioning. The content of a published version never changes.
    #[schemars(with = "String")]
    pub version: Version,
    /// Runtime of the component: `wasi-component@0.2`.
    #[serde(default = "default_runtime")]
    pub runtime: String,
    /// Name shown to users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Description for users, one paragraph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Path of the component in the bundle.
    #[serde(default = "default_entry")]
    pub entry: String,
    /// Capabilities that the component requires: an install must grant those that it imports.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub capabilities: Vec<CapabilityName>,
    /// Capabilities that the component uses if they are granted, and works without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub optional_capabilities: Vec<CapabilityName>,
    /// Hosts that the extension calls: `api.example.com`, `*.example.com:8443`,
    /// `http://legacy.example.com`. An install may allow fewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub egress: Vec<EgressPattern>,
    /// Secrets that an install sets; the extension attaches them to its calls.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretField>,
    /// Namespaces whose values have a schema. Others need no declaration.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<NamespaceField>,
    /// Routes of the host application that the extension calls.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub ui_proxy: Vec<ProxyRoute>,
    /// Configuration that an install may set.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigField>,
    /// HTTP endpoints of the extension.
    #[serde(default, deserialize_with = "object")]
    pub api: Api,
    /// Events that the extension subscribes to.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventSubscription>,
    /// User interface of the extension.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub ui: Option<Ui>,
    /// Files that the user interface needs, as globs over the bundle's paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Precompiled machine code by target, as AlgaPSA's packer writes it. Ignored: this platform
    /// compiles the component itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub precompiled: BTreeMap<String, String>,
    /// Path of the software bill of materials (SPDX) in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<String>,
    /// Limits that differ from the platform's defaults.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub limits: Option<ManifestLimits>,
    /// Metrics that the extension emits.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// An error of reading a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file is larger than [`MANIFEST_BYTES`].
    #[error("manifest.json has {0} bytes, more than the {MANIFEST_BYTES} allowed")]
    TooLarge(usize),
    /// The file is not UTF-8, or begins with a byte order mark.
    #[error("manifest.json {0}; save it as UTF-8 without a byte order mark")]
    Encoding(&'static str),
    /// The file is not JSON, or JSON that could be read in two ways.
    #[error("manifest.json is not plain JSON: {0}")]
    Json(#[from] JsonError),
    /// All problems of its form and its rules.
    #[error("the manifest has {}:{}", count(.0), lines(.0))]
    Problems(Vec<ManifestProblem>),
}

/// One violated rule of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestProblem {
    /// The JSON path of the problem: `$.api.endpoints[2].path`.
    pub path: String,
    /// The rule that is violated.
    pub rule: String,
    /// The proposed fix for the author.
    pub fix: String,
}

impl fmt::Display for ManifestProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.path, self.rule, self.fix)
    }
}

fn count(problems: &[ManifestProblem]) -> String {
    match problems.len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

fn lines(problems: &[ManifestProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

impl Manifest {
    /// Returns a host pattern that covers a public suffix, if there is one; see
    /// [`EgressPattern::is_public_suffix_wildcard`].
    #[must_use]
    pub fn public_suffix_wildcard(&self) -> Option<&EgressPattern> {
        self.egress.iter().find(|pattern| pattern.is_public_suffix_wildcard())
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Returns [`ManifestError`] if the bytes are not plain JSON, or with all problems of form and
    /// rules.
    pub fn parse(bytes: &[u8], known: &[Capability]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        if let Some(encoding) = foreign_encoding(bytes) {
            return Err(ManifestError::Encoding(encoding));
        }
        strict_json::check(bytes)?;
        let Ok(StrictObject(manifest)) = serde_json::from_slice(bytes) else {
            return Err(ManifestError::Problems(diagnosis::problems(bytes, known)));
        };
        let problems = rules::check(&manifest, known);
        if problems.is_empty() {
            Ok(manifest)
        } else {
            Err(ManifestError::Problems(problems))
        }
    }

    /// Checks that a host with these ceilings provides the requested memory, time and
    /// configuration.
    ///
    /// # Errors
    /// Returns [`ManifestError::Problems`] with each request that exceeds a ceiling.
    pub(crate) fn check_ceilings(&self, ceilings: &alga_limits::Ceilings) -> Result<(), ManifestError> {
        let problems = rules::check_ceilings(self, ceilings);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ManifestError::Problems(problems))
        }
    }

    /// Returns the bytes of an install's configuration, keys and values: its own values, and the
    /// defaults of all other fields.
    #[must_use]
    pub fn config_bytes(&self, own: &BTreeMap<String, String>) -> usize {
        let set: usize = own.iter().map(|(key, value)| key.len() + value.len()).sum();
        let unset = self.config.iter().filter(|field| !own.contains_key(&field.name));
        let defaults = unset.filter_map(|field| Some(field.name.len() + field.default.as_ref()?.to_string().len()));
        set + defaults.sum::<usize>()
    }

    /// Returns the bytes that the same configuration has as JSON.
    #[must_use]
    pub fn config_json_bytes(&self, own: &BTreeMap<String, String>) -> usize {
        let unset = self.config.iter().filter(|field| !own.contains_key(&field.name));
        let defaults = unset.filter_map(|field| Some((&field.name, field.default.as_ref()?.to_string())));
        let own = own.iter().map(|(key, value)| (key, value.clone()));
        let pairs = own
            .chain(defaults)
            .map(|pair| serde_json::to_string(&pair).map_or(0, |json| json.len()));
        pairs.sum()
    }

    /// The path of the component, which the rules have checked.
    #[must_use]
    pub fn entry(&self) -> Option<EntryPath> {
        self.entry.parse().ok()
    }

    /// The capabilities that the component may import: required, optional, and those that every
    /// install has.
    #[must_use]
    pub fn declared(&self, known: &[Capability]) -> BTreeSet<CapabilityName> {
        let defaults = known.iter().filter(|capability| capability.granted_by_default);
        let defaults = defaults.filter_map(|capability| capability.name.parse().ok());
        let declared = self.capabilities.iter().chain(&self.optional_capabilities).cloned();
        declared.chain(defaults).collect()
    }

    /// Reports whether the extension may be a page without a component: it declares nothing that a
    /// component would handle.
    #[must_use]
    pub fn is_page_alone(&self) -> bool {
        self.ui.is_some() && self.api.endpoints.is_empty() && self.events.is_empty()
    }

    /// Files of the bundle that the manifest names, each with the JSON path of the field.
    pub fn named_files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let ui = self.ui.as_ref().map(|ui| ("$.ui.entry", ui.entry.as_str()));
        let sbom = self.sbom.as_deref().map(|path| ("$.sbom", path));
        [Some(("$.entry", self.entry.as_str())), ui, sbom].into_iter().flatten()
    }
}

/// Detects byte order marks and UTF-16, as Windows editors write them.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark"),
        // UTF-16 with its byte order mark, or without one: JSON begins with ASCII.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..] => Some("is UTF-16"),
        _ => None,
    }
}

fn default_runtime() -> String {
    RUNTIMES[0].to_owned()
}

fn default_entry() -> String {
    DEFAULT_ENTRY.to_owned()
}

#[cfg(test)]
mod tests;
