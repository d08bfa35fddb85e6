use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// An answer of the platform.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The stable code of an error: of the runner, or of gateway and registry.
    #[must_use]
    pub fn code(&self) -> String {
        let json = self.json();
        let code = json
            .pointer("/error/code")
            .or_else(|| json.get("error"))
            .and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    /// The guest's body in an execute reply.
    #[must_use]
    pub fn guest_body(&self) -> String {
        let json = self.json();
        let encoded = json.get("body_b64").and_then(Value::as_str).unwrap_or_default();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }

    /// A number of an execute reply's usage.
    #[must_use]
    pub fn usage(&self, name: &str) -> u64 {
        self.json()
            .pointer(&format!("/usage/{name}"))
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }
}

/// A request for `POST /v1/execute`: JSON that tests can bend, and the headers beside it.
#[derive(Debug, Clone)]
pub struct ExecuteRequest {
    /// The body.
    pub body: Value,
    /// The bearer token, if any.
    pub token: Option<String>,
    /// `x-alga-tenant`.
    pub tenant: String,
    /// `x-alga-extension`.
    pub extension: String,
    /// `x-idempotency-key`.
    pub idempotency_key: Option<String>,
}

impl ExecuteRequest {
    /// The same for this method and target.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.body["http"]["method"] = json!(method);
        self.body["http"]["path"] = json!(path);
        self
    }

    /// The same with this time limit.
    #[must_use]
    pub fn within_ms(mut self, timeout_ms: u64) -> Self {
        self.body["limits"]["timeout_ms"] = json!(timeout_ms);
        self
    }

    /// The same with this part of the body replaced: `/context/tenant_id`.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.body.pointer_mut(parent).unwrap()[name] = value;
        self
    }
}
