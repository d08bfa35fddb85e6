//! Types of the fields of a manifest.

use super::EgressPattern;
use crate::object::{named_objects, objects};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// HTTP interface of the extension, the field `api`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// Endpoints of the extension; any other request gets a 404 without running the extension.
    #[serde(default, deserialize_with = "objects")]
    pub endpoints: Vec<Endpoint>,
}

/// An HTTP endpoint of the extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// HTTP method of the endpoint.
    pub method: Method,
    /// Path below the extension's root; a segment `:name` matches any one segment.
    pub path: String,
    /// Name of the endpoint for users, schedules and events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// True if schedules may call it; its path then contains no `:name`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub schedulable: bool,
    /// Access that a caller needs. Default: `read` for GET, `write` for other methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<EndpointAccess>,
    /// Deadline for a request to it, in milliseconds; at most 30000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// True if shared caches may store its responses.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cacheable: bool,
}

/// The access that a caller needs for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointAccess {
    /// The caller's access is `read` or `write`.
    Read,
    /// The caller's access is `write`.
    Write,
}

/// The methods that an endpoint may have. The platform handles HEAD and OPTIONS for it.
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
    /// The method as written in a request line.
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

/// A configuration key that an install may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigField {
    /// Name of the configuration key.
    pub name: String,
    /// Type of the value.
    #[serde(rename = "type", default, skip_serializing_if = "is_text")]
    pub kind: ConfigType,
    /// Description for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Default for installs that do not set the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ConfigValue>,
    /// True if an install must set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// Type of a configuration value. The extension always receives the value as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfigType {
    /// Text of any form.
    #[default]
    String,
    /// A number in JSON syntax.
    Number,
    /// The text `true` or `false`.
    Boolean,
}

impl ConfigType {
    /// Returns whether this text is a value of the type.
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::String => true,
            Self::Number => serde_json::from_str::<serde_json::Number>(text).is_ok(),
            Self::Boolean => matches!(text, "true" | "false"),
        }
    }
}

/// A default value of a configuration key.
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
    /// Name of the secret.
    pub name: String,
    /// Description for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Hosts that the secret may be sent to; it is sent to no other host.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<EgressPattern>,
    /// True if an install must set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// A namespace of the extension's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceField {
    /// Name of the namespace.
    pub namespace: String,
    /// Description for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema (2020-12, without references and conditions) of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
}

/// A route of the host application. The extension calls it by name, never by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyRoute {
    /// Name of the route.
    pub name: String,
    /// HTTP method of the route.
    pub method: Method,
    /// Path in the host application; a segment `:name` is a parameter, except in the first two.
    pub path: String,
}

impl ProxyRoute {
    /// True if extensions may call the route: its first two segments are literal, and it is not
    /// below the host application's internal API, which serves only the platform.
    #[must_use]
    pub fn is_of_the_product(&self) -> bool {
        let mut segments = self.path.split('/').skip(1);
        let (first, second) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let is_internal = first.eq_ignore_ascii_case("api") && second.eq_ignore_ascii_case("internal");
        !first.is_empty() && !first.starts_with(':') && !second.starts_with(':') && !is_internal
    }
}

/// An event topic that the extension subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSubscription {
    /// Topic of the events: `invoice.created`.
    pub topic: String,
    /// Endpoint that receives them: its `handler`, or its path.
    pub handler: String,
    /// Field values that an event must have to be delivered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, String>,
}

/// User interface of the extension, the field `ui`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ui {
    /// Display type of the user interface.
    #[serde(rename = "type")]
    pub kind: UiType,
    /// Path of the page in the bundle.
    pub entry: String,
    /// Places where the host application shows it, by the host application's names: `appMenu`,
    /// `clientPortalMenu`, …
    #[serde(
        default,
        deserialize_with = "named_objects",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub hooks: BTreeMap<String, MenuHook>,
}

/// Display types of a user interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UiType {
    /// A sandboxed iframe.
    Iframe,
}

/// A place where the host application shows the user interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MenuHook {
    /// Text of the menu entry.
    pub label: String,
}

/// Limits of one execution, the field `limits`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestLimits {
    /// Memory that one execution may use, in MiB; at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Time that one execution may use, in milliseconds; at most 30000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

impl ManifestLimits {
    /// Returns these limits, with the other ones where these have no value. An install's limits
    /// come before its manifest's.
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
    /// Name of the metric: `agreements_created`.
    pub name: String,
    /// Aggregation of the values.
    #[serde(rename = "type")]
    pub kind: MetricType,
    /// Description for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Keys of its labels; no other keys are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// The way in which a metric's values are aggregated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// A total that only grows.
    Counter,
    /// The last value that was set.
    Gauge,
    /// The distribution of the values.
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
