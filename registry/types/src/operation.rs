//! One request to the registry, built by a client.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::marker::PhantomData;

/// Characters of a path segment that are encoded: all but the unreserved ones (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to the registry, and the type `R` of its successful response.
#[derive(Debug, Clone)]
pub struct Operation<R> {
    /// Method of the request.
    pub method: &'static str,
    /// Path and query of the request.
    pub path: String,
    /// Body of the request.
    pub body: RequestBody,
    /// Header fields beyond authorization and content type.
    pub headers: Vec<(&'static str, String)>,
    response: PhantomData<fn() -> R>,
}

/// The body of a request with its media type.
#[derive(Debug, Clone, Default)]
pub struct RequestBody {
    /// Media type of the body.
    pub content_type: String,
    /// Bytes of the body.
    pub bytes: Vec<u8>,
}

/// The part of a list that a client requests.
#[derive(Debug, Clone, Default)]
pub struct Page<'a> {
    /// Value of `next` in the previous page.
    pub after: Option<&'a str>,
    /// Maximum number of entries; `None` is the server's default.
    pub limit: Option<u32>,
}

impl<R> Operation<R> {
    pub(crate) fn new(method: &'static str, segments: &[&dyn Display]) -> Self {
        let path = segments.iter().fold("/v1/registry".to_owned(), |mut path, segment| {
            path.push('/');
            path.extend(utf8_percent_encode(&segment.to_string(), ENCODED));
            path
        });
        Self {
            method,
            path,
            body: RequestBody {
                content_type: "application/json".to_owned(),
                bytes: Vec::new(),
            },
            headers: Vec::new(),
            response: PhantomData,
        }
    }

    /// Sets a JSON body. Request types consist of text, numbers, lists and maps with text keys,
    /// which always serialize.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body.bytes = serde_json::to_vec(body).unwrap_or_default();
        self
    }

    pub(crate) fn body(mut self, body: RequestBody) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Adds a query parameter, if it has a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(name);
            self.path.push('=');
            self.path.extend(utf8_percent_encode(&value.to_string(), ENCODED));
        }
        self
    }

    pub(crate) fn page(self, page: &Page<'_>) -> Self {
        self.query("limit", page.limit).query("after", page.after)
    }
}

impl<R: DeserializeOwned> Operation<R> {
    /// Reads the body of a successful response. An empty body is JSON `null`, the form of `()`.
    ///
    /// # Errors
    /// Returns the error of [`serde_json`] if the body does not have the type of this operation.
    pub fn read(&self, body: &[u8]) -> Result<R, serde_json::Error> {
        serde_json::from_slice(if body.is_empty() { b"null" } else { body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_query_values_are_percent_encoded() {
        let operation = Operation::<()>::new("GET", &[&"tenants", &"a/../b?c"]);
        let operation = operation.query("limit", Some(2)).query("after", Some("x&y"));
        assert_eq!(
            operation.path,
            "/v1/registry/tenants/a%2F..%2Fb%3Fc?limit=2&after=x%26y"
        );
        assert!(operation.read(b"").is_ok());
    }
}
