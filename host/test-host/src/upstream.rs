//! Responses of other hosts, and the requests that were sent.

use crate::message::{Content, Shown};
use crate::time::ScriptedTime;
use alga_capabilities::TimeSource;
use alga_egress::{BodyError, EgressError, RequestBody, Upstream, UpstreamFuture};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests that a host lists; further ones are responded to and not listed.
const SENT: usize = 10_000;

/// A response to requests that match.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exchange {
    /// Method of the requests; absent: any.
    method: Option<String>,
    /// Whole URL with its query; a `*` at the end matches any rest.
    url: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(flatten)]
    content: Content,
    /// Failure in place of a response.
    error: Option<Fault>,
    /// Time until the response, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
    /// Requests that this responds to; absent: all.
    times: Option<u32>,
}

fn ok() -> u16 {
    200
}

/// Failure of an exchange.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    Unresolved,
    Refused,
    Tls,
    Reset,
    Timeout,
}

impl From<Fault> for EgressError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unresolved => Self::Unresolved,
            Fault::Refused => Self::Connection("refused by the peer".to_owned()),
            Fault::Tls => Self::Tls("the certificate is not valid".to_owned()),
            Fault::Reset => Self::Protocol,
            Fault::Timeout => Self::ResponseTimeout,
        }
    }
}

impl Exchange {
    /// Checks what a request would otherwise find.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(200..=599).contains(&self.status) {
            return Err(format!("{}: {} is not a status from 200 to 599", self.url, self.status));
        }
        self.content.parts().map_err(|error| format!("{}: {error}", self.url))?;
        Ok(())
    }

    fn matches(&self, method: &str, url: &str) -> bool {
        self.times != Some(0)
            && self.method.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(method))
            && match self.url.strip_suffix('*') {
                Some(beginning) => url.starts_with(beginning),
                None => self.url == url,
            }
    }
}

/// A request that the extension sent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    /// False if the script has no response: the extension sees a failed connection.
    pub(crate) is_scripted: bool,
    #[serde(flatten)]
    content: Shown,
}

/// Other hosts as one host of tests scripts them.
#[derive(Clone)]
pub(crate) struct ScriptedUpstream {
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// Origin that scripts leave out, for the host application.
    origin: &'static str,
    time: ScriptedTime,
}

/// Returns the error that ended a request's body, as the network does.
fn cause(error: BodyError) -> EgressError {
    match error.downcast::<EgressError>() {
        Ok(refused) => *refused,
        Err(_) => EgressError::Protocol,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedUpstream {
    pub(crate) fn new(exchanges: Vec<Exchange>, origin: &'static str, time: ScriptedTime) -> Self {
        Self {
            exchanges: Arc::new(Mutex::new(exchanges)),
            sent: Arc::default(),
            origin,
            time,
        }
    }

    /// Returns the same other hosts for another origin, with its own responses. Requests of both
    /// are listed together, in their order.
    pub(crate) fn beside(&self, exchanges: Vec<Exchange>, origin: &'static str) -> Self {
        Self {
            exchanges: Arc::new(Mutex::new(exchanges)),
            origin,
            ..self.clone()
        }
    }

    pub(crate) fn add(&self, exchanges: Vec<Exchange>) {
        lock(&self.exchanges).extend(exchanges);
    }

    /// Returns the requests after the first ones.
    pub(crate) fn sent_after(&self, first: usize) -> Vec<Sent> {
        lock(&self.sent).iter().skip(first).cloned().collect()
    }

    /// Returns the number of requests that were sent.
    pub(crate) fn sent(&self) -> usize {
        lock(&self.sent).len()
    }

    fn find(&self, method: &str, url: &str) -> Option<Exchange> {
        let mut exchanges = lock(&self.exchanges);
        let exchange = exchanges.iter_mut().find(|exchange| exchange.matches(method, url))?;
        if let Some(times) = &mut exchange.times {
            *times = times.saturating_sub(1);
        }
        Some(exchange.clone())
    }

    fn list(&self, request: Sent) {
        let mut sent = lock(&self.sent);
        if sent.len() < SENT {
            sent.push(request);
        }
    }

    async fn exchange(&self, request: Request<RequestBody>) -> Result<Response<Bytes>, EgressError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(cause)?.to_bytes();
        let (method, url) = (head.method.as_str(), head.uri.to_string());
        let url = url.strip_prefix(self.origin).unwrap_or(&url);
        let exchange = self.find(method, url);
        self.list(Sent {
            method: method.to_owned(),
            url: url.to_owned(),
            is_scripted: exchange.is_some(),
            content: Shown::of(&head.headers, &body),
        });
        let Some(exchange) = exchange else {
            return Err(EgressError::Connection(format!(
                "the test scripts no response to {method} {url}"
            )));
        };
        if exchange.delay_ms > 0 {
            self.time.sleep(Duration::from_millis(exchange.delay_ms)).await;
        }
        if let Some(fault) = exchange.error {
            return Err(fault.into());
        }
        let (headers, body) = exchange.content.parts().map_err(|_| EgressError::Protocol)?;
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(exchange.status).unwrap_or_default();
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl Upstream for ScriptedUpstream {
    fn respond(&self, request: Request<RequestBody>) -> UpstreamFuture<'_> {
        Box::pin(self.exchange(request))
    }
}
