//! The request that started the execution, and the response to it. Headers and body are read from
//! the host only when the extension accesses them.

use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::streams::StreamError;
use crate::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

pub use wasi::Method;

/// Maximum bytes that are requested from the host in one read.
const READ_CHUNK_BYTES: u64 = 64 * 1024;

/// Names and decoded values of a route's `:name` segments.
pub(crate) type Params = Vec<(String, Option<String>)>;

/// The request that started this execution.
#[derive(Debug)]
pub struct Request {
    raw: wasi::IncomingRequest,
    method: Method,
    path: String,
    query: String,
    /// The `:name` segments, decoded; none for a value that is not UTF-8.
    params: Params,
}

impl Request {
    pub(crate) fn new(raw: wasi::IncomingRequest) -> Self {
        let target = raw.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Self {
            method: raw.method(),
            path: path.to_owned(),
            query: query.to_owned(),
            params: Vec::new(),
            raw,
        }
    }

    /// Returns the request method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path below the extension's root, starting with `/`, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the undecoded query, without `?`.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// Returns the first value of a query key, with `%` and `+` decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// Returns the percent-decoded value of a `:name` segment of the matched route; `+` stays a
    /// plus.
    ///
    /// # Errors
    /// Returns [`Error::BadRequest`] if the decoded value is not UTF-8, [`Error::Internal`] if the
    /// route has no such segment, which is a bug of the extension.
    pub fn param(&self, name: &str) -> Result<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        let (_, decoded) = found.ok_or_else(|| Error::Internal(format!("the route has no segment `:{name}`")))?;
        let not_utf8 = || Error::BadRequest(format!("the segment `:{name}` of the path is not UTF-8"));
        decoded.as_deref().ok_or_else(not_utf8)
    }

    pub(crate) fn set_params(&mut self, params: Params) {
        self.params = params;
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

    /// Reads the whole body. The host enforces its maximum size.
    ///
    /// # Errors
    /// Returns [`Error::BadRequest`] if the body was already read or the connection was
    /// interrupted.
    pub fn body(&self) -> Result<Vec<u8>> {
        let broken = |()| Error::BadRequest("the request body was already read".into());
        let body = self.raw.consume().map_err(broken)?;
        read_all(&body).map_err(|error| Error::BadRequest(format!("the request body could not be read: {error}")))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// Returns [`Error::BadRequest`] if the body cannot be read or is not the JSON of a `T`; its
    /// text reports the position to the client.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let bytes = self.body()?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::BadRequest(format!("the request body is not the expected JSON: {error}")))
    }
}

/// Reads all bytes of a body. The host limits its size.
///
/// # Errors
/// Returns the stream's error if the body ends early.
#[doc(hidden)]
pub fn read_all(body: &wasi::IncomingBody) -> Result<Vec<u8>, StreamError> {
    let stream = body.stream().map_err(|()| StreamError::Closed)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(error),
        }
    }
}

/// Percent-encodes a component of a query or a form (WHATWG URL, 5.2), with `%20` for a space.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Response that is sent to the client.
#[derive(Debug, Default)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Creates a response without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Creates a 200 response with a text body.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::status(200).with_body("text/plain; charset=utf-8", text.into())
    }

    /// Creates a 200 response with a JSON body.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the value cannot be represented in JSON, such as a map whose
    /// keys are not strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::status(200).with_body("application/json", serde_json::to_vec(value)?))
    }

    /// Replaces the status of the response.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Sets the body; its `content-type` is one of the headers, if it has one.
    #[must_use]
    pub fn with_bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body and adds its `content-type`.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("content-type", content_type)
    }
}

/// Percent-decodes a query component (WHATWG URL, application/x-www-form-urlencoded). Invalid
/// escapes are left unchanged.
fn decode(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|character| if character == '+' { ' ' } else { character })
        .collect();
    String::from_utf8_lossy(&percent_decoded(&spaced)).into_owned()
}

/// Percent-decodes a path segment (RFC 3986, 2.1), where `+` is a plus. Returns `None` if the
/// result is not UTF-8.
pub(crate) fn decode_segment(text: &str) -> Option<String> {
    String::from_utf8(percent_decoded(text)).ok()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, after @ ..]) => escape(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*byte, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn escape(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, decode_segment};

    #[test]
    fn query_values_are_decoded_and_invalid_escapes_left_unchanged() {
        assert_eq!(decode("a+b%20c%C3%A9"), "a b cé");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%2B%25"), "+%");
    }

    #[test]
    fn path_segments_decode_percent_escapes_but_not_plus_signs() {
        assert_eq!(decode_segment("J%C3%BCrgen").as_deref(), Some("Jürgen"));
        assert_eq!(decode_segment("a%20b+c").as_deref(), Some("a b+c"));
        assert_eq!(decode_segment("%252F").as_deref(), Some("%2F"));
        assert_eq!(decode_segment("%ff"), None);
    }
}
