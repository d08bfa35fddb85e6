//! The request that started the execution, and the response to it. Nothing is read from the host before the extension asks for it.

use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::streams::StreamError;
use crate::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

pub use wasi::Method;

/// How many bytes are asked of the host in one read.
const READ_CHUNK_BYTES: u64 = 64 * 1024;

/// Names and decoded values of a route's segments.
pub(crate) type Params = Vec<(String, Option<String>)>;

/// The request that started this execution.
#[derive(Debug)]
pub struct Request {
    raw: wasi::IncomingRequest,
    method: Method,
    path: String,
    query: String,
    /// The `:name` segments, decoded; none where that is not UTF-8.
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

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path below the extension's root, starting with `/`, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as it came, without `?`.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// The first value of a query key, with `%` and `+` decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// The value of a `:name` segment of the route that matched, decoded as [`Self::query`] decodes.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when the client's escapes are not UTF-8, [`Error::Internal`] when the route has no such segment: a slip of
    /// the extension, not of its client.
    pub fn param(&self, name: &str) -> Result<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        let (_, decoded) = found.ok_or_else(|| Error::Internal(format!("the route has no segment `:{name}`")))?;
        let not_utf8 = || Error::BadRequest(format!("the segment `:{name}` of the path is not UTF-8"));
        decoded.as_deref().ok_or_else(not_utf8)
    }

    pub(crate) fn set_params(&mut self, params: Params) {
        self.params = params;
    }

    /// The first value of a header, if it is text. Names are compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.raw.headers().get(name);
        values
            .into_iter()
            .next()
            .and_then(|value| String::from_utf8(value).ok())
    }

    /// The whole body. The host has checked its size.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when the body was taken before or broke off.
    pub fn body(&self) -> Result<Vec<u8>> {
        let broken = |()| Error::BadRequest("the body can be read once".into());
        let body = self.raw.consume().map_err(broken)?;
        read_all(&body).map_err(|error| Error::BadRequest(format!("the body broke off: {error}")))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::BadRequest`], saying where the JSON does not fit, for the client to read.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let bytes = self.body()?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::BadRequest(format!("the body is not the JSON expected here: {error}")))
    }
}

/// All bytes of a body. The host has a limit for it.
pub(crate) fn read_all(body: &wasi::IncomingBody) -> Result<Vec<u8>, StreamError> {
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

/// A part of a query or a form (WHATWG URL, 5.2), with `%20` for a blank.
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

/// What the client gets.
#[derive(Debug, Default)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// 200 with text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::status(200).with_body("text/plain; charset=utf-8", text.into())
    }

    /// 200 with JSON.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value has no JSON form, such as a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::status(200).with_body("application/json", serde_json::to_vec(value)?))
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("content-type", content_type)
    }
}

/// Percent-decoding of a query component (WHATWG URL, application/x-www-form-urlencoded). A broken escape stays as it is.
fn decode(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|character| if character == '+' { ' ' } else { character })
        .collect();
    String::from_utf8_lossy(&percent_decoded(&spaced)).into_owned()
}

/// Percent-decoding of a segment of a path (RFC 3986, 2.1), where `+` is a plus. `None` when it is not UTF-8.
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
    fn query_values_are_decoded_and_broken_escapes_stay() {
        assert_eq!(decode("a+b%20c%C3%A9"), "a b cé");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%2B%25"), "+%");
    }

    #[test]
    fn segments_of_a_path_are_decoded_as_a_path_is() {
        assert_eq!(decode_segment("J%C3%BCrgen").as_deref(), Some("Jürgen"));
        assert_eq!(decode_segment("a%20b+c").as_deref(), Some("a b+c"));
        assert_eq!(decode_segment("%252F").as_deref(), Some("%2F"));
        assert_eq!(decode_segment("%ff"), None);
    }
}
