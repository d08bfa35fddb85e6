//! The JSON of a script, a request, a response and a state.

use crate::message::{Content, Shown};
use crate::upstream::{Exchange, Sent};
use alga_bundle::{CapabilityName, EgressPattern};
use alga_capabilities::{LogRecord, User, UserKind};
use alga_execute::Usage;
use alga_traces::LocalSpan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Date of a host whose script has none: a Monday.
const DATE: &str = "2026-01-05T09:00:00Z";

/// Surroundings of an extension in a test.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Script {
    /// Configuration of the install.
    pub(crate) config: BTreeMap<String, String>,
    /// Secrets of the install, by name.
    pub(crate) secrets: BTreeMap<String, String>,
    /// The calling user; null: none.
    pub(crate) user: Option<TestUser>,
    /// Date at which the host begins.
    pub(crate) now: Timestamp,
    /// Values of records, by namespace and key.
    pub(crate) kv: BTreeMap<String, BTreeMap<String, Value>>,
    /// Responses of other hosts.
    pub(crate) http: Vec<Exchange>,
    /// Responses of the host application, whose `url` is a path.
    pub(crate) host_application: Vec<Exchange>,
    /// Granted capabilities; absent: all that the manifest declares.
    pub(crate) grants: Option<Vec<CapabilityName>>,
    /// Hosts that the tenant allows; absent: all that the manifest declares.
    pub(crate) egress: Option<BTreeSet<EgressPattern>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            config: BTreeMap::new(),
            secrets: BTreeMap::new(),
            user: Some(TestUser::default()),
            now: DATE.parse().unwrap_or(Timestamp::UNIX_EPOCH),
            kv: BTreeMap::new(),
            http: Vec::new(),
            host_application: Vec::new(),
            grants: None,
            egress: None,
        }
    }
}

/// A change of a host between two requests.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Change {
    /// Time that passes, in milliseconds.
    pub(crate) advance_ms: u64,
    /// Further responses of other hosts, after those that are left.
    pub(crate) http: Vec<Exchange>,
    /// Further responses of the host application.
    pub(crate) host_application: Vec<Exchange>,
    /// True if record storage fails from now on.
    pub(crate) kv_fails: Option<bool>,
}

/// The calling user.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TestUser {
    id: String,
    email: String,
    name: String,
    kind: Kind,
    client_id: Option<String>,
    client_name: Option<String>,
    additional_fields: BTreeMap<String, String>,
}

/// The kind of the calling user.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Internal,
    Client,
}

impl Default for TestUser {
    fn default() -> Self {
        Self {
            id: "test-user".to_owned(),
            email: "user@example.com".to_owned(),
            name: "Test User".to_owned(),
            kind: Kind::Internal,
            client_id: None,
            client_name: None,
            additional_fields: BTreeMap::new(),
        }
    }
}

impl From<TestUser> for User {
    fn from(user: TestUser) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            kind: match user.kind {
                Kind::Internal => UserKind::Internal,
                Kind::Client => UserKind::Client,
            },
            client_id: user.client_id,
            client_name: user.client_name,
            additional_fields: user.additional_fields,
        }
    }
}

/// A request for the extension.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestRequest {
    /// Method of the request; absent: GET, or POST if there is a body.
    pub(crate) method: Option<String>,
    /// Path and query, as in a request to `/api/ext/{extension}`.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) content: Content,
}

/// Outcome of a request, with its log.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResponse {
    /// Status that a client of the platform receives.
    pub(crate) status: u16,
    #[serde(flatten)]
    pub(crate) content: Shown,
    /// Error of the platform, if the extension did not respond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
    /// Log records of the execution.
    pub(crate) log: Vec<LogRecord>,
    /// Requests that the extension sent meanwhile.
    pub(crate) sent: Vec<Sent>,
    /// The span of the execution with those inside it, if the extension was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<LocalSpan>,
    /// Resources that were used, if the extension was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Usage>,
}

/// Error of the platform.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// State of a host.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    /// Date that the extension observes.
    pub(crate) now: Timestamp,
    /// Values of records, by namespace and key. One that is not JSON is `{"base64": …}`.
    pub(crate) kv: BTreeMap<String, BTreeMap<String, Value>>,
    /// All requests that the extension sent.
    pub(crate) sent: Vec<Sent>,
    /// Metrics in Prometheus' text format.
    pub(crate) metrics: String,
}
