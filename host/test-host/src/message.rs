//! Bodies in JSON: as JSON, text or base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Header fields and body of a message in a script or a request: at most one form of the body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    /// Fields that are not known: mistakes in a test.
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
    pub(crate) headers: BTreeMap<String, OneOrMany>,
    #[serde(deserialize_with = "present")]
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
    pub(crate) base64: Option<String>,
}

/// Reads a value that is present: null is one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// One value of a header field, or several.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Content {
    /// Returns the header fields and the bytes of the body. JSON and text have a `content-type`
    /// unless there is one.
    pub(crate) fn parts(&self) -> Result<(HeaderMap, Bytes), String> {
        if let Some(name) = self.unknown.keys().next() {
            return Err(format!("unknown field `{name}`"));
        }
        let mut headers = HeaderMap::new();
        for (name, values) in &self.headers {
            let field =
                HeaderName::try_from(name).map_err(|_| format!("`{name}` is not the name of a header field"))?;
            let values = match values {
                OneOrMany::One(value) => std::slice::from_ref(value),
                OneOrMany::Many(values) => values,
            };
            for value in values {
                let value = HeaderValue::try_from(value).map_err(|_| format!("`{name}` has an invalid value"))?;
                headers.append(&field, value);
            }
        }
        let (bytes, kind) = match (&self.json, &self.text, &self.base64) {
            (None, None, None) => return Ok((headers, Bytes::new())),
            (Some(json), None, None) => (json.to_string().into_bytes(), Some("application/json")),
            (None, Some(text), None) => (text.clone().into_bytes(), Some("text/plain; charset=utf-8")),
            (None, None, Some(text)) => {
                let bytes = STANDARD.decode(text);
                (bytes.map_err(|error| format!("base64: {error}"))?, None)
            }
            _ => return Err("a body is one of json, text and base64".to_owned()),
        };
        if let Some(kind) = kind {
            let kind = HeaderValue::from_static(kind);
            headers.entry(http::header::CONTENT_TYPE).or_insert(kind);
        }
        Ok((headers, bytes.into()))
    }
}

/// Header fields and body of a message that is shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    headers: BTreeMap<String, OneOrMany>,
    /// The body, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    base64: String,
}

impl Shown {
    pub(crate) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut shown = BTreeMap::new();
        for name in headers.keys() {
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let mut values: Vec<String> = headers.get_all(name).iter().map(text).collect();
            let values = match values.len() {
                1 => OneOrMany::One(values.swap_remove(0)),
                _ => OneOrMany::Many(values),
            };
            shown.insert(name.as_str().to_owned(), values);
        }
        Self {
            headers: shown,
            text: str::from_utf8(body).ok().map(ToOwned::to_owned),
            base64: STANDARD.encode(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_one_form_and_json_has_a_content_type() {
        let content = |json: Value| serde_json::from_value::<Content>(json).unwrap();
        let (headers, body) = content(serde_json::json!({ "json": { "a": 1 } })).parts().unwrap();
        assert_eq!(
            (headers["content-type"].as_bytes(), &*body),
            (&b"application/json"[..], &br#"{"a":1}"#[..])
        );
        assert_eq!(
            &*content(serde_json::json!({ "json": null })).parts().unwrap().1,
            b"null"
        );
        let (headers, body) = content(serde_json::json!({ "base64": "AP8=", "headers": { "a": ["1", "2"] } }))
            .parts()
            .unwrap();
        assert_eq!((headers.get_all("a").iter().count(), &*body), (2, &[0, 255][..]));
        for wrong in [
            serde_json::json!({ "json": 1, "text": "" }),
            serde_json::json!({ "jsn": 1 }),
            serde_json::json!({ "base64": "!" }),
            serde_json::json!({ "headers": { "a b": "" } }),
            serde_json::json!({ "headers": { "a": "\n" } }),
        ] {
            assert!(content(wrong.clone()).parts().is_err(), "{wrong}");
        }
    }
}
