//! The parts of a manifest.

use super::EgressPattern;
use crate::object::{named_objects, objects};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// `api`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// The endpoints; a request for anything else is 404 without running the extension.
    #[serde(default, deserialize_with = "objects")]
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Its method.
    pub method: Method,
    /// Its path below the extension's root; a segment `:name` stands for one segment.
    pub path: String,
    /// A name for people, schedules and events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Whether schedules may call it; its path has no `:name` then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub schedulable: bool,
    /// What a caller must be allowed. Without it: `read` for GET, `write` for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<EndpointAccess>,
    /// Time that a request to it may take, in milliseconds; at most 30000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// Whether its responses may be kept by shared caches.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cacheable: bool,
}

/// What a caller must be allowed to use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointAccess {
    /// `extension:read`.
    Read,
    /// `extension:write`.
    Write,
}

/// The methods that an endpoint may have. HEAD and OPTIONS are answered for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigField {
    /// The key.
    pub name: String,
    /// What its value is.
    #[serde(rename = "type", default, skip_serializing_if = "is_text")]
    pub kind: ConfigType,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its value when an install does not set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ConfigValue>,
    /// Whether an install must set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// What a configuration value is. The extension gets it as text in every case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfigType {
    /// Any text.
    #[default]
    String,
    /// A number as JSON writes it.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl ConfigType {
    /// Whether this text is a value of the type.
    #[must_use]
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::String => true,
            Self::Number => serde_json::from_str::<serde_json::Number>(text).is_ok(),
            Self::Boolean => matches!(text, "true" | "false"),
        }
    }
}

/// A default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is the JSON type of its name")]
pub enum ConfigValue {
    Text(String),
    Truth(bool),
    Number(#[schemars(with = "f64")] serde_json::Number),
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Truth(truth) => truth.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
        }
    }
}

/// A secret that an install sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretField {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only hosts that it may be sent to.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<EgressPattern>,
    /// Whether an install must set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// A namespace of the extension's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceField {
    /// Its name.
    pub namespace: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema (2020-12, without references and conditions) that its values have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
}

/// A route of the product. The extension names it; it never says a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyRoute {
    /// Its name.
    pub name: String,
    /// Its method.
    pub method: Method,
    /// Its path at the product; a segment `:name` takes a parameter, but for the first two.
    pub path: String,
}

impl ProxyRoute {
    /// Whether it is one that extensions may have: what it is called by is written in it, and it is not of the product's internal API, which
    /// answers the platform only.
    #[must_use]
    pub fn is_of_the_product(&self) -> bool {
        let mut segments = self.path.split('/').skip(1);
        let (first, second) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let is_internal = first.eq_ignore_ascii_case("api") && second.eq_ignore_ascii_case("internal");
        !first.is_empty() && !first.starts_with(':') && !second.starts_with(':') && !is_internal
    }
}

/// A topic that the extension listens to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSubscription {
    /// Which events: `invoice.created`.
    pub topic: String,
    /// The endpoint that gets them: its `handler`, or its path.
    pub handler: String,
    /// Only events whose fields have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, String>,
}

/// `ui`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ui {
    /// How it is shown.
    #[serde(rename = "type")]
    pub kind: UiType,
    /// The page's path in the bundle.
    pub entry: String,
    /// Where the product shows it, by the product's names of places: `appMenu`, `clientPortalMenu`, …
    #[serde(
        default,
        deserialize_with = "named_objects",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub hooks: BTreeMap<String, MenuHook>,
}

/// How a user interface is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UiType {
    /// In a sandboxed frame.
    Iframe,
}

/// A place where the product shows the user interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MenuHook {
    /// What people click on.
    pub label: String,
}

/// `limits`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestLimits {
    /// Memory that one execution may use, in MiB; at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Time that one execution may take, in milliseconds; at most 30000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

impl ManifestLimits {
    /// These limits, and the others where these say nothing: an install's before its manifest's.
    #[must_use]
    pub fn or(self, others: Option<Self>) -> Self {
        let others = others.unwrap_or_default();
        Self {
            memory_mb: self.memory_mb.or(others.memory_mb),
            timeout_ms: self.timeout_ms.or(others.timeout_ms),
        }
    }
}

/// A metric that the extension emits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// Its name: `agreements_created`.
    pub name: String,
    /// How its values add up.
    #[serde(rename = "type")]
    pub kind: MetricType,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The keys of its labels; no others are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// How a metric's values add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// It only grows.
    Counter,
    /// It is what it was last.
    Gauge,
    /// How often which size came.
    Histogram,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_text(kind: &ConfigType) -> bool {
    *kind == ConfigType::String
}
