//! `manifest.json`: what an extension is, asks for and answers.
//!
//! Reading has two steps: is it plain JSON (duplicate keys, depth), where the first problem ends it; then its form (unknown fields, missing
//! fields, types) and its rules, where all problems are told at once, each with its JSON path and the fix.

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

/// The only runtime that is ours; `wasm-js@1` is accepted because AlgaPSA's manifests say it.
const RUNTIMES: [&str; 2] = ["wasi-component@0.2", "wasm-js@1"];
/// Where the component is when the manifest does not say.
const DEFAULT_ENTRY: &str = "dist/main.wasm";

/// A manifest whose rules hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Where an editor finds the schema of this file; means nothing to the platform.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Reverse domain name: `com.example.agreements`.
    #[schemars(with = "String")]
    pub name: ExtensionName,
    /// Who publishes it; a key is trusted for a publisher.
    #[schemars(with = "String")]
    pub publisher: PublisherName,
    /// Semantic version. One version has one content for ever.
    #[schemars(with = "String")]
    pub version: Version,
    /// What runs it: `wasi-component@0.2`.
    #[serde(default = "default_runtime")]
    pub runtime: String,
    /// What people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// One paragraph for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The component's path in the bundle.
    #[serde(default = "default_entry")]
    pub entry: String,
    /// What the component cannot do without: an install grants all of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub capabilities: Vec<CapabilityName>,
    /// What the component makes use of where it is granted, and does without where it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub optional_capabilities: Vec<CapabilityName>,
    /// Hosts that the extension calls: `api.example.com`, `*.example.com:8443`, `http://legacy.example.com`. An install may allow fewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub egress: Vec<EgressPattern>,
    /// Secrets that an install sets; the extension attaches them to its calls.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretField>,
    /// Namespaces whose values have a schema. Others need no declaration.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<NamespaceField>,
    /// Routes of the product that the extension calls.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub ui_proxy: Vec<ProxyRoute>,
    /// Configuration that an install may set.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigField>,
    /// What the extension answers.
    #[serde(default, deserialize_with = "object")]
    pub api: Api,
    /// What the extension wants to hear of.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventSubscription>,
    /// What it shows to people.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub ui: Option<Ui>,
    /// Files that its user interface needs, as globs over the bundle's paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Machine code by target, as AlgaPSA's packer writes it. Never read: machine code is made here, from the component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub precompiled: BTreeMap<String, String>,
    /// The path of its bill of materials (SPDX) in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<String>,
    /// What it needs less or more of than the default.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub limits: Option<ManifestLimits>,
    /// The metrics that it emits.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_BYTES`].
    #[error("manifest.json has {0} bytes, more than the {MANIFEST_BYTES} allowed")]
    TooLarge(usize),
    /// Written in another encoding than UTF-8, or with a mark before it.
    #[error("manifest.json {0}; save it as UTF-8 without a byte order mark")]
    Encoding(&'static str),
    /// Not JSON, or JSON that could be read in two ways.
    #[error("manifest.json is not plain JSON: {0}")]
    Json(#[from] JsonError),
    /// Everything that is wrong with its form and its rules.
    #[error("manifest.json has {} problem(s):{}", .0.len(), lines(.0))]
    Problems(Vec<ManifestProblem>),
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestProblem {
    /// Where: `$.api.endpoints[2].path`.
    pub path: String,
    /// The rule that is broken.
    pub rule: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for ManifestProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.path, self.rule, self.fix)
    }
}

fn lines(problems: &[ManifestProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

impl Manifest {
    /// A host that means everybody; see [`EgressPattern::is_everybody`].
    #[must_use]
    pub fn everybody(&self) -> Option<&EgressPattern> {
        self.egress.iter().find(|pattern| pattern.is_everybody())
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// That it is no plain JSON, or all problems of its form and its rules.
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

    /// Checks what a host gives an extension: memory, time, configuration.
    ///
    /// # Errors
    /// [`ManifestError::Problems`] with each limit that the manifest asks for and a host with these ceilings does not give.
    pub(crate) fn check_ceilings(&self, ceilings: &alga_limits::Ceilings) -> Result<(), ManifestError> {
        let problems = rules::check_ceilings(self, ceilings);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ManifestError::Problems(problems))
        }
    }

    /// Bytes of an install's configuration, keys and values: what it sets, and the defaults of what it does not.
    #[must_use]
    pub fn config_bytes(&self, own: &BTreeMap<String, String>) -> usize {
        let set: usize = own.iter().map(|(key, value)| key.len() + value.len()).sum();
        let unset = self.config.iter().filter(|field| !own.contains_key(&field.name));
        let defaults = unset.filter_map(|field| Some(field.name.len() + field.default.as_ref()?.to_string().len()));
        set + defaults.sum::<usize>()
    }

    /// The path of the component. The rules have checked it.
    #[must_use]
    pub fn entry(&self) -> Option<EntryPath> {
        self.entry.parse().ok()
    }

    /// The capabilities that the component may import: required, optional, and those that every install has.
    #[must_use]
    pub fn declared(&self, known: &[Capability]) -> BTreeSet<CapabilityName> {
        let defaults = known.iter().filter(|capability| capability.granted_by_default);
        let defaults = defaults.filter_map(|capability| capability.name.parse().ok());
        let declared = self.capabilities.iter().chain(&self.optional_capabilities).cloned();
        declared.chain(defaults).collect()
    }

    /// Files of the bundle that the manifest names, each with where it says so.
    pub fn named_files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let ui = self.ui.as_ref().map(|ui| ("$.ui.entry", ui.entry.as_str()));
        let sbom = self.sbom.as_deref().map(|path| ("$.sbom", path));
        [Some(("$.entry", self.entry.as_str())), ui, sbom].into_iter().flatten()
    }
}

/// What editors of Windows put at the beginning of a file.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark"),
        // With its mark, or without one: JSON begins with ASCII.
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
