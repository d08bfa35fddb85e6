//! Requests to other hosts (`wasi:http/outgoing-handler`, granted by `cap:http.fetch`).
//!
//! Every host is declared in the manifest, `"egress": ["api.example.com"]`, and allowed by the
//! tenant. Redirects are not followed: a redirect is returned as a response.
//!
//! ```no_run
//! # #[derive(serde::Deserialize)] struct Rate { cents: u64 }
//! # fn example() -> alga::Result<()> {
//! let client = alga::http::Client::new();
//! let rate: Rate = client
//!     .get("https://api.example.com/rates")
//!     .query("currency", "EUR")
//!     .timeout(std::time::Duration::from_secs(2))
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! # Ok(()) }
//! ```
//!
//! Several requests can be on their way at once:
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! let client = alga::http::Client::new();
//! let one = client.get("https://api.example.com/one").start()?;
//! let two = client.get("https://api.example.com/two").start()?;
//! let (one, two) = (one.response()?, two.response()?);
//! # Ok(()) }
//! ```
//!
//! A request can carry a secret that the extension never sees:
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! let key = alga::secrets::open("api-key")?;
//! alga::http::Client::new()
//!     .post("https://api.example.com/tickets")
//!     .bearer_secret(key)
//!     .json(&serde_json::json!({ "title": "Printer" }))
//!     .send()?
//!     .error_for_status()?;
//! # Ok(()) }
//! ```

use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::export::write_all;
use crate::message::{encode, read_all};
use crate::secrets::Secret;
use crate::{Error, Method, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

mod pending;

pub use pending::{Pending, wait_any};

/// Maximum bytes of one chunk of a body.
const CHUNK_BYTES: u64 = 64 * 1024;

/// HTTP client for requests to other hosts. Cheap to create: the host manages the connections.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    timeout: Option<Duration>,
}

impl Client {
    /// Creates a client without a timeout of its own: the execution's deadline applies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a client whose requests have this timeout for connecting, and again for the first
    /// byte of the response.
    #[must_use]
    pub fn with_timeout(timeout: Duration) -> Self {
        Self { timeout: Some(timeout) }
    }

    /// Starts building a request.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder {
            method,
            url: url.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: self.timeout,
            attachments: Vec::new(),
            secrets: Vec::new(),
            failure: None,
        }
    }

    /// Starts building a GET request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::Get, url)
    }

    /// Starts building a POST request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::Post, url)
    }

    /// Starts building a PUT request.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::Put, url)
    }

    /// Starts building a PATCH request.
    pub fn patch(&self, url: &str) -> RequestBuilder {
        self.request(Method::Patch, url)
    }

    /// Starts building a DELETE request.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::Delete, url)
    }
}

/// Attaches a secret to the finished request. It is a boxed function so that an extension that uses
/// no secrets does not import `alga:secrets`.
type Attachment = Box<dyn FnOnce(&wasi::OutgoingRequest) -> Result<()>>;

/// Builder of a request. Its errors are returned by [`send`](Self::send).
#[must_use = "a request is sent with `send`"]
pub struct RequestBuilder {
    method: Method,
    url: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    attachments: Vec<Attachment>,
    secrets: Vec<String>,
    failure: Option<Error>,
}

impl RequestBuilder {
    /// Adds a header to the request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Adds a header whose value is bytes, for values that are not UTF-8.
    pub fn header_bytes(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a percent-encoded key and value to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        self.query
            .push_str(&format!("{separator}{}={}", encode(name), encode(value)));
        self
    }

    /// Sets the body to these bytes.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// Sets the body to a value serialized as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.header("content-type", "application/json").body(bytes),
            Err(error) => {
                self.failure = Some(error.into());
                self
            }
        }
    }

    /// Sets the body to fields encoded as an HTML form (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.join("&"))
    }

    /// Sets the timeout for connecting, and again for the first byte of the response.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a bearer token, `authorization: Bearer <secret>`; the host fills in the secret.
    pub fn bearer_secret(mut self, secret: Secret) -> Self {
        self.secrets.push(secret.name().to_owned());
        self.attachments
            .push(Box::new(move |request| secret.attach_bearer(request)));
        self
    }

    /// Adds basic authentication, `authorization: Basic …`, with this user name and the secret as
    /// password; the host fills in the secret.
    pub fn basic_secret(mut self, user: &str, secret: Secret) -> Self {
        let user = user.to_owned();
        self.secrets.push(secret.name().to_owned());
        self.attachments
            .push(Box::new(move |request| secret.attach_basic(request, &user)));
        self
    }

    /// Adds a header whose value is the secret; the host fills it in.
    pub fn header_secret(mut self, name: &str, secret: Secret) -> Self {
        let name = name.to_owned();
        self.secrets.push(secret.name().to_owned());
        self.attachments
            .push(Box::new(move |request| secret.attach_header(request, &name)));
        self
    }

    /// Sends the request and waits for the status and headers of the response.
    ///
    /// # Errors
    /// Returns [`Error::Denied`] with the line to add if the destination is not declared or not
    /// allowed, [`Error::BadRequest`] if the URL or a header is invalid, [`Error::TooLarge`] if the
    /// body exceeds the host's limit, [`Error::Unavailable`] if the request fails for another
    /// reason.
    pub fn send(self) -> Result<Response> {
        self.start()?.response()
    }

    /// Sends the request without waiting for its response, so that several can be on their way.
    ///
    /// # Errors
    /// Returns the errors of [`send`](Self::send), as far as they are known already.
    pub fn start(self) -> Result<Pending> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut target = Target::of(&self.url, &self.query)?;
        target.secrets = self.secrets;
        let refused = |error: &wasi::ErrorCode| failed(error, &target);
        let has_content = !self.body.is_empty() || anticipates_content(&self.method);
        let headers = with_length(self.headers, has_content.then_some(self.body.len()));
        let headers = wasi::Fields::from_list(&headers)
            .map_err(|_| Error::BadRequest("a header name or value is invalid".into()))?;
        let request = wasi::OutgoingRequest::new(headers);
        let set = request
            .set_method(&self.method)
            .and_then(|()| request.set_scheme(Some(&target.scheme)));
        let set = set.and_then(|()| request.set_authority(Some(&target.authority)));
        let set = set.and_then(|()| request.set_path_with_query(Some(&target.path_with_query)));
        set.map_err(|()| Error::BadRequest(format!("`{}` is not a valid request URL", self.url)))?;
        for attachment in self.attachments {
            attachment(&request)?;
        }
        // Opening the body makes the host send one, chunked unless a content-length is declared.
        let body = has_content.then(|| request.body()).transpose();
        let body = body.map_err(|()| Error::BadRequest("the content-length is invalid".into()))?;
        let response = outgoing_handler::handle(request, options(self.timeout)).map_err(|error| refused(&error))?;
        if let Some(body) = body {
            let stream = body
                .write()
                .map_err(|()| Error::Internal("the request body was already opened".into()))?;
            // A write error is not returned here: the response reports it.
            write_all(&stream, &self.body).ok();
            drop(stream);
            wasi::OutgoingBody::finish(body, None).ok();
        }
        Ok(Pending { response, target })
    }
}

/// True if a request with this method declares the length of its content even if it is empty
/// (RFC 9110, 8.6).
fn anticipates_content(method: &Method) -> bool {
    matches!(method, Method::Post | Method::Put | Method::Patch)
}

/// Sets `content-length`, because many servers require it (status 411). A request without content
/// has none.
fn with_length(mut headers: Vec<(String, Vec<u8>)>, content: Option<usize>) -> Vec<(String, Vec<u8>)> {
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    if let Some(bytes) = content {
        headers.push(("content-length".to_owned(), bytes.to_string().into_bytes()));
    }
    headers
}

fn options(timeout: Option<Duration>) -> Option<wasi::RequestOptions> {
    let nanoseconds = u64::try_from(timeout?.as_nanos()).unwrap_or(u64::MAX);
    let options = wasi::RequestOptions::new();
    options.set_connect_timeout(Some(nanoseconds)).ok();
    options.set_first_byte_timeout(Some(nanoseconds)).ok();
    Some(options)
}

/// Destination of a request.
#[derive(Debug)]
struct Target {
    scheme: wasi::Scheme,
    authority: String,
    path_with_query: String,
    /// Names of the secrets that are attached to the request.
    secrets: Vec<String>,
}

impl Target {
    fn of(url: &str, query: &str) -> Result<Self> {
        let not_a_url = || Error::BadRequest(format!("`{url}` is not an http or https URL"));
        let (scheme, rest) = url.split_once("://").ok_or_else(not_a_url)?;
        let scheme = match scheme {
            "https" => wasi::Scheme::Https,
            "http" => wasi::Scheme::Http,
            _ => return Err(not_a_url()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let mut path_with_query = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        if !query.is_empty() {
            path_with_query.push(if path_with_query.contains('?') { '&' } else { '?' });
            path_with_query.push_str(query);
        }
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
            path_with_query,
            secrets: Vec::new(),
        })
    }

    /// Returns the `egress` entry that declares this destination.
    fn line(&self) -> String {
        match self.scheme {
            wasi::Scheme::Http => format!("http://{}", self.authority),
            _ => self.authority.clone(),
        }
    }
}

fn failed(error: &wasi::ErrorCode, target: &Target) -> Error {
    let line = target.line();
    match error {
        wasi::ErrorCode::HttpRequestDenied => Error::Denied(denied(&line, &target.secrets)),
        wasi::ErrorCode::DestinationIpProhibited => Error::Denied(format!(
            "{line} is not on the public internet; only the operator can allow it"
        )),
        wasi::ErrorCode::HttpRequestUriInvalid => Error::BadRequest(format!(
            "{line} is not a valid destination: use http or https and a host name"
        )),
        wasi::ErrorCode::HttpRequestBodySize(_) => Error::TooLarge("the request body exceeds the host's limit".into()),
        other => Error::Unavailable(format!("the request to {line} failed: {other:?}")),
    }
}

/// Returns the manifest lines that may be missing: the error code of `wasi:http` carries no text
/// that identifies the one that is.
fn denied(line: &str, secrets: &[String]) -> String {
    let bound: String = secrets
        .iter()
        .map(|name| format!(" and {{ \"name\": \"{name}\", \"hosts\": [\"{line}\"] }} in \"secrets\""))
        .collect();
    format!(
        "the request to {line} was not sent; declare it in manifest.json: \"capabilities\": [\"cap:http.fetch\"] and \"egress\": [\"{line}\"]{bound}, and have the \
         tenant and the operator allow it; the execution's log names the rule that refused it"
    )
}

/// Response whose status and headers have arrived.
#[derive(Debug)]
pub struct Response {
    /// The stream is declared before the body that it belongs to, because a child resource must be
    /// dropped first.
    stream: Option<InputStream>,
    body: Option<wasi::IncomingBody>,
    raw: wasi::IncomingResponse,
    target: Target,
}

impl Response {
    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.raw.status()
    }

    /// Returns the first value of a header, if it is UTF-8. Names are case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.raw.headers().get(name);
        values
            .into_iter()
            .next()
            .and_then(|value| String::from_utf8(value).ok())
    }

    /// Returns all headers: lower-case names, and values as bytes.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.raw.headers().entries()
    }

    /// Returns the response itself if its status is below 400.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] with the status if it is 400 or above.
    pub fn error_for_status(self) -> Result<Self> {
        match self.status() {
            status @ 400.. => Err(Error::Unavailable(format!(
                "{} responded with status {status}",
                self.target.line()
            ))),
            _ => Ok(self),
        }
    }

    /// Returns the next chunk of the body as it arrives; none at its end. The whole body is not
    /// buffered.
    ///
    /// # Errors
    /// Returns the errors of [`bytes`](Self::bytes).
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let line = self.target.line();
        let broken =
            |reason: String| Error::Unavailable(format!("the response from {line} could not be read: {reason}"));
        if self.stream.is_none() {
            let body = self
                .raw
                .consume()
                .map_err(|()| broken("it was already consumed".into()))?;
            self.stream = body.stream().ok();
            self.body = Some(body);
        }
        let Some(stream) = &self.stream else {
            return Err(broken("it was already consumed".into()));
        };
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => Err(broken(error.to_debug_string())),
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the connection was interrupted, the body was already
    /// consumed, or it is larger than the host accepts.
    pub fn bytes(self) -> Result<Vec<u8>> {
        let line = self.target.line();
        let broken =
            |reason: String| Error::Unavailable(format!("the response from {line} could not be read: {reason}"));
        let body = self
            .raw
            .consume()
            .map_err(|()| broken("it was already consumed".into()))?;
        read_all(&body).map_err(|error| match error {
            StreamError::Closed => broken("the stream is closed".into()),
            StreamError::LastOperationFailed(error) => broken(error.to_debug_string()),
        })
    }

    /// Reads the whole body as text.
    ///
    /// # Errors
    /// Returns the errors of [`bytes`](Self::bytes), and [`Error::Unavailable`] if the body is not
    /// UTF-8.
    pub fn text(self) -> Result<String> {
        let line = self.target.line();
        String::from_utf8(self.bytes()?)
            .map_err(|_| Error::Unavailable(format!("the response from {line} is not UTF-8")))
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    /// Returns the errors of [`bytes`](Self::bytes), and [`Error::Unavailable`] if the body is not
    /// the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let line = self.target.line();
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Unavailable(format!("the response from {line} is not the expected JSON: {error}")))
    }
}
