use alga_auth::ServiceGrant;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::ops::Deref;

/// Response of the platform.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// Status code of the response.
    pub status: StatusCode,
    /// Headers of the response.
    pub headers: HeaderMap,
    /// Body of the response.
    pub body: Vec<u8>,
}

impl TestResponse {
    /// Returns the body as JSON, or null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the stable error code, from an error of the runner, the gateway or the registry.
    #[must_use]
    pub fn code(&self) -> String {
        let json = self.json();
        let code = json
            .pointer("/error/code")
            .or_else(|| json.get("error"))
            .and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    /// Asserts that the response is an error with this status and code.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        let text = self.text();
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{text:.1000}"
        );
    }

    /// Asserts that the response is an error with this status and code, and that its body contains
    /// `text`.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str, text: &str) {
        self.assert_error(status, code);
        assert!(self.text().contains(text), "{}", self.text());
    }

    /// Returns the guest's body from an execute response.
    ///
    /// # Panics
    /// Panics with the whole response if it is an error.
    #[must_use]
    #[track_caller]
    pub fn guest_body(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        let json = self.json();
        let encoded = json.get("body_b64").and_then(Value::as_str).unwrap_or_default();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }

    /// Returns one number from the usage section of an execute response.
    #[must_use]
    pub fn usage(&self, name: &str) -> u64 {
        self.json()
            .pointer(&format!("/usage/{name}"))
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }
}

/// Response of the registry to an operation whose successful response is an `R`.
#[derive(Debug, Clone)]
pub struct Reply<R> {
    response: TestResponse,
    body: PhantomData<fn() -> R>,
}

impl<R> Reply<R> {
    /// Creates the reply to an operation.
    #[must_use]
    pub fn new(response: TestResponse) -> Self {
        Self {
            response,
            body: PhantomData,
        }
    }
}

impl<R: DeserializeOwned> Reply<R> {
    /// Returns the body of a response that must be successful.
    pub fn ok(&self) -> R {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        let body: &[u8] = if self.response.body.is_empty() {
            b"null"
        } else {
            &self.response.body
        };
        serde_json::from_slice(body).unwrap()
    }
}

impl<R> Deref for Reply<R> {
    type Target = TestResponse;

    fn deref(&self) -> &TestResponse {
        &self.response
    }
}

/// What an execute request is authenticated with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing.
    Missing,
    /// This bearer token.
    Token(String),
    /// A token with this grant, issued when the request is sent: a token is valid for a minute,
    /// and a test may need longer.
    Grant(Box<ServiceGrant>),
}

/// Request for `POST /v1/execute`: a JSON body that tests can change, and the headers sent with it.
#[derive(Debug, Clone)]
pub struct ExecuteRequest {
    /// Body of the request.
    pub body: Value,
    /// What it is authenticated with.
    pub credential: Credential,
    /// Value of the header `x-alga-tenant`.
    pub tenant: String,
    /// Value of the header `x-alga-extension`.
    pub extension: String,
    /// Value of the header `x-idempotency-key`.
    pub idempotency_key: Option<String>,
}

impl ExecuteRequest {
    /// Returns the request with this method and target.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.body["http"]["method"] = json!(method);
        self.body["http"]["path"] = json!(path);
        self
    }

    /// Returns the request with this time limit.
    #[must_use]
    pub fn within_ms(mut self, timeout_ms: u64) -> Self {
        self.body["limits"]["timeout_ms"] = json!(timeout_ms);
        self
    }

    /// Returns the request with this idempotency key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    /// Returns the request with the part of the body at this JSON pointer replaced, for example
    /// `/context/tenant_id`.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.body.pointer_mut(parent).unwrap()[name] = value;
        self
    }
}
