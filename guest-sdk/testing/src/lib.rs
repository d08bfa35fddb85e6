//! Tests an alga extension from `cargo test`, under a host with scripted storage, HTTP and time.
//!
//! ```no_run
//! use alga_testing::Host;
//! use serde_json::json;
//!
//! let host = Host::new(&json!({ "config": { "greeting": "Moin" } }));
//! let response = host.get("/hello/you");
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.json()["message"], "Moin, you!");
//! ```
//!
//! `alga test` runs the tests; `cargo test` does, too, if `alga` is in `PATH`: the first test
//! builds the extension. The keys of a script for [`Host::new`] are described in
//! `guest-sdk/TESTING.md`. Every host has storage, responses and time of its own, so that tests run
//! in parallel.
//!
//! Everything here panics if it fails, as a test does.

#![expect(clippy::panic, reason = "a test fails by a panic")]
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value does not have is null")]

mod service;

use serde_json::{Value, json};
use std::time::Duration;

/// A host of one test. It ends when it is dropped.
#[derive(Debug)]
pub struct Host {
    url: String,
}

impl Host {
    /// Creates a host for a script; `json!({})` has no records, no secrets and no other hosts.
    ///
    /// # Panics
    /// Panics if the extension cannot be built, or if the script is not valid.
    #[must_use]
    pub fn new(script: &Value) -> Self {
        let hosts = format!("{}/hosts", service::url());
        let created = service::call("POST", &hosts, Some(script));
        Self {
            url: format!("{hosts}/{}", created["id"]),
        }
    }

    /// Sends a GET request to a path of the extension.
    ///
    /// # Panics
    /// Panics if the host does not respond.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.send(&json!({ "path": path }))
    }

    /// Sends a POST request with a body of JSON.
    ///
    /// # Panics
    /// Panics if the host does not respond.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&json!({ "method": "POST", "path": path, "json": body }))
    }

    /// Sends a request: `method`, `path`, `headers`, and one of `json`, `text` and `base64`.
    ///
    /// # Panics
    /// Panics if the request is not valid, or if the host does not respond.
    #[must_use]
    pub fn send(&self, request: &Value) -> Response {
        Response(service::call("POST", &format!("{}/requests", self.url), Some(request)))
    }

    /// Lets time pass between two requests.
    ///
    /// # Panics
    /// Panics if the host does not respond.
    pub fn advance(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.change(&json!({ "advanceMs": milliseconds }));
    }

    /// Changes what surrounds the extension: `advanceMs`, `http`, `hostApplication`, `kvFails`.
    ///
    /// # Panics
    /// Panics if the change is not valid, or if the host does not respond.
    pub fn change(&self, change: &Value) {
        service::call("PATCH", &self.url, Some(change));
    }

    /// Returns what the extension has left: `kv`, `sent`, `metrics`, `now`.
    ///
    /// # Panics
    /// Panics if the host does not respond.
    #[must_use]
    pub fn state(&self) -> Value {
        service::call("GET", &self.url, None)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        service::end(&self.url);
    }
}

/// Outcome of a request, with its log.
#[derive(Debug, Clone)]
pub struct Response(Value);

impl Response {
    /// Returns the status that a client receives.
    #[must_use]
    pub fn status(&self) -> u64 {
        self.0["status"].as_u64().unwrap_or_default()
    }

    /// Returns the first value of a header field, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.0["headers"].get(name)?;
        value.as_str().or_else(|| value.get(0)?.as_str())
    }

    /// Returns the body as text.
    ///
    /// # Panics
    /// Panics if it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        let text = self.0["text"].as_str();
        text.unwrap_or_else(|| panic!("the body is not UTF-8: {}", self.0["base64"]))
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// Panics if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(text).unwrap_or_else(|error| panic!("the body is not JSON ({error}): {text}\n{self:#?}"))
    }

    /// Returns the code of the platform's error, if the extension did not respond.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.0["error"]["code"].as_str()
    }

    /// Returns the messages that the extension has logged.
    #[must_use]
    pub fn log(&self) -> Vec<&str> {
        let records = self.0["log"].as_array().into_iter().flatten();
        records.filter_map(|record| record["message"].as_str()).collect()
    }

    /// Returns the requests that the extension has sent: `method`, `url`, `headers`, `text`,
    /// `isScripted`.
    #[must_use]
    pub fn sent(&self) -> &[Value] {
        self.0["sent"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns the span of the execution, if the extension was executed: `name`, `attributes`,
    /// `failure` if there was one, and `spans`, which are inside it.
    #[must_use]
    pub fn trace(&self) -> Option<&Value> {
        self.0.get("trace")
    }

    /// Returns everything as JSON, with the usage.
    #[must_use]
    pub fn all(&self) -> &Value {
        &self.0
    }
}

/// The guide, whose examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../TESTING.md")]
struct Guide;
