//! `manifest.json`: what an extension is, asks for and answers.
//!
//! Reading has two steps: the form (unknown fields, types, duplicate keys), where the first problem ends it, and the rules, where all
//! problems are told at once, each with its JSON path and the fix.

use crate::limits::MANIFEST_BYTES;
use crate::{Capability, CapabilityName, EntryPath, JsonError, Version, strict_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

mod names;
mod rules;

pub use names::{ExtensionName, PublisherName};

/// The only runtime that is ours; `wasm-js@1` is accepted because AlgaPSA's manifests say it.
const RUNTIMES: [&str; 2] = ["wasi-component@0.2", "wasm-js@1"];
/// Where the component is when the manifest does not say.
const DEFAULT_ENTRY: &str = "dist/main.wasm";

/// A manifest whose rules hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Reverse domain name: `com.example.agreements`.
    pub name: ExtensionName,
    /// Who publishes it; a key is trusted for a publisher.
    pub publisher: PublisherName,
    /// Semantic version. One version has one content for ever.
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
    /// What the component imports: an install grants these.
    #[serde(default)]
    pub capabilities: Vec<CapabilityName>,
    /// What the extension answers.
    #[serde(default)]
    pub api: Api,
    /// Configuration that an install may set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigField>,
    /// What it needs less or more of than the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ManifestLimits>,
}

/// `api`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// The endpoints; a request for anything else is 404 without running the extension.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Its method.
    pub method: Method,
    /// Its path below the extension's root; a segment `:name` stands for one segment.
    pub path: String,
    /// A name for people and schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Time that a request to it may take, in milliseconds; clamped by the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// Whether its responses may be kept by shared caches.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cacheable: bool,
}

/// The methods that an endpoint may have. HEAD and OPTIONS are answered for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 documents them")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it is written in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A configuration key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigField {
    /// The key.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its value when an install does not set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether an install must set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestLimits {
    /// Memory that one execution may use, in MiB; clamped by the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Time that one execution may take, in milliseconds; clamped by the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_BYTES`].
    #[error("manifest.json has {0} bytes, more than the {MANIFEST_BYTES} allowed")]
    TooLarge(usize),
    /// Not JSON, or JSON that could be read in two ways.
    #[error("manifest.json is not plain JSON: {0}")]
    Json(#[from] JsonError),
    /// A field is unknown, missing or of another type.
    #[error("manifest.json has another form than a manifest: {0}\nhint: registry/README.md lists the fields")]
    Form(#[source] serde_json::Error),
    /// Rules are broken; all of them.
    #[error("manifest.json breaks {} rule(s):{}", .0.len(), lines(.0))]
    Rules(Vec<ManifestProblem>),
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
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first problem of its form, or all problems of its rules.
    pub fn parse(bytes: &[u8], known: &[Capability]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        strict_json::check(bytes)?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(ManifestError::Form)?;
        let problems = rules::check(&manifest, known);
        if problems.is_empty() {
            Ok(manifest)
        } else {
            Err(ManifestError::Rules(problems))
        }
    }

    /// The path of the component. The rules have checked it.
    #[must_use]
    pub fn entry(&self) -> Option<EntryPath> {
        self.entry.parse().ok()
    }

    /// The declared capabilities and those that every install has.
    #[must_use]
    pub fn declared(&self, known: &[Capability]) -> BTreeSet<CapabilityName> {
        let defaults = known.iter().filter(|capability| capability.granted_by_default);
        let defaults = defaults.filter_map(|capability| capability.name.parse().ok());
        self.capabilities.iter().cloned().chain(defaults).collect()
    }
}

fn default_runtime() -> String {
    RUNTIMES[0].to_owned()
}

fn default_entry() -> String {
    DEFAULT_ENTRY.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
