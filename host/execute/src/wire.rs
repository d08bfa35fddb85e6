//! JSON types of `POST /v1/execute`. Strings without escapes are borrowed from the request.

use crate::usage::Usage;
use alga_bundle::{object, optional_object};
use alga_errors::{Blame, Body};
use alga_limits::HEADERS;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Body of the request. Unknown fields belong to later versions of the contract and are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireRequest<'a> {
    /// Tenant, extension and version of the execution.
    #[serde(borrow, deserialize_with = "object")]
    pub context: WireContext<'a>,
    /// The request for the guest.
    #[serde(borrow, deserialize_with = "object")]
    pub http: WireHttp<'a>,
    /// Time and memory limits that the caller requests.
    #[serde(default, deserialize_with = "object")]
    pub limits: WireLimits,
    /// Alias of `context.config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// Capabilities that the caller wants to use, if fewer than its token grants.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<Cow<'a, str>>>,
    /// User who sent the request.
    #[serde(
        borrow,
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub user: Option<WireUser<'a>>,
}

/// The `context` object.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireContext<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub tenant_id: Cow<'a, str>,
    #[serde(borrow)]
    pub extension_id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub install_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub content_hash: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Cow<'a, str>>,
}

/// The `http` object.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireHttp<'a> {
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    pub query: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub query_string: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    pub headers: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    /// Headers with a value that is not UTF-8; all values of such a header are in base64.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    pub headers_b64: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<Cow<'a, str>>,
}

/// The `user` object.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireUser<'a> {
    #[serde(borrow)]
    pub user_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub user_email: Cow<'a, str>,
    #[serde(borrow, default)]
    pub user_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub user_type: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_fields: BTreeMap<String, String>,
}

/// The `limits` object.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
}

/// A value, or a list of values for a repeated name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMany<'a> {
    /// A single value.
    One(Cow<'a, str>),
    /// Values of a repeated name.
    Many(Vec<Cow<'a, str>>),
}

impl<'a> OneOrMany<'a> {
    /// Iterates over the values in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Cow<'a, str>> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Many(values) => values.iter(),
        }
    }
}

impl Serialize for OneOrMany<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(value) => value.serialize(serializer),
            Self::Many(values) => values.serialize(serializer),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OneOrMany<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(OneOrManyVisitor)
            .map(|value: OneOrMany<'de>| value)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(OneOrMany::One(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(OneOrMany::One(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(item) = items.next_element::<OneOrMany<'de>>()? {
            match item {
                OneOrMany::One(value) => values.push(value),
                OneOrMany::Many(_) => return Err(A::Error::custom("an array must contain strings, not arrays")),
            }
        }
        Ok(OneOrMany::Many(values))
    }
}

/// Headers in JSON: names with one or many values.
pub type WireHeaders<'a> = Vec<(Cow<'a, str>, OneOrMany<'a>)>;

/// Writes header fields for JSON; fields of the same name must be adjacent. The values of a name
/// are strings if all of them are UTF-8, and base64 otherwise (RFC 9110, 5.5: a value is bytes).
pub fn wire_headers<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> (WireHeaders<'a>, WireHeaders<'a>) {
    let mut names: Vec<(&str, Vec<&[u8]>)> = Vec::new();
    for (name, value) in fields {
        match names.last_mut() {
            Some((last, values)) if *last == name => values.push(value),
            _ => names.push((name, vec![value])),
        }
    }
    let (mut texts, mut encoded) = (Vec::with_capacity(names.len()), Vec::new());
    for (name, values) in names {
        let as_text: Result<Vec<_>, _> = values.iter().map(|value| std::str::from_utf8(value)).collect();
        match as_text {
            Ok(values) => texts.push((Cow::Borrowed(name), one_or_many(values.into_iter().map(Cow::Borrowed)))),
            Err(_) => {
                let values = values.into_iter().map(|value| Cow::Owned(STANDARD.encode(value)));
                encoded.push((Cow::Borrowed(name), one_or_many(values)));
            }
        }
    }
    (texts, encoded)
}

fn one_or_many<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> OneOrMany<'a> {
    let mut values: Vec<_> = values.collect();
    match (values.len(), values.pop()) {
        (1, Some(only)) => OneOrMany::One(only),
        (_, last) => {
            values.extend(last);
            OneOrMany::Many(values)
        }
    }
}

/// Reads headers that [`wire_headers`] wrote.
///
/// # Errors
/// Returns the rule that the number of headers, a name or a value violates.
pub fn read_wire_headers(texts: &WireHeaders<'_>, encoded: &WireHeaders<'_>) -> Result<HeaderMap, &'static str> {
    let count: usize = texts
        .iter()
        .chain(encoded)
        .map(|(_, values)| values.iter().count())
        .sum();
    if count > HEADERS {
        return Err("there are more than 100 headers");
    }
    let mut headers = HeaderMap::with_capacity(count);
    let name_of = |name: &str| HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header's name is not a token");
    let not_a_value = "a header's value has a control character";
    for (name, values) in texts {
        let name = name_of(name)?;
        for value in values.iter() {
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| not_a_value)?;
            headers
                .try_append(&name, value)
                .map_err(|_| "there are too many headers")?;
        }
    }
    for (name, values) in encoded {
        let name = name_of(name)?;
        for value in values.iter() {
            let value = STANDARD
                .decode(value.as_bytes())
                .map_err(|_| "a header's value is not base64")?;
            let value = HeaderValue::from_bytes(&value).map_err(|_| not_a_value)?;
            headers
                .try_append(&name, value)
                .map_err(|_| "there are too many headers")?;
        }
    }
    Ok(headers)
}

/// Serializes a list of pairs as a JSON object: preserves the order, and avoids a map's
/// allocations.
mod pairs {
    use super::{Cow, OneOrMany, SerializeMap, Serializer, Visitor, fmt};
    use serde::de::{Deserializer, MapAccess};

    type Pairs<'a> = Vec<(Cow<'a, str>, OneOrMany<'a>)>;

    pub(super) fn serialize<S: Serializer>(pairs: &Pairs<'_>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(pairs.len()))?;
        for (name, value) in pairs {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a>, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of strings or arrays of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((OneOrMany::One(name), value)) =
                    entries.next_entry::<OneOrMany<'de>, OneOrMany<'de>>()?
                {
                    pairs.push((name, value));
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// Body of the response.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireReply<'a> {
    /// The guest's status, or the error's.
    pub status: u16,
    /// The guest's headers, with lower-case names.
    #[serde(borrow, default, with = "pairs")]
    pub headers: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    /// The guest's headers with a value that is not UTF-8; all values of such a header are in
    /// base64.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    pub headers_b64: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    /// The guest's body.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<Cow<'a, str>>,
    /// The error, if there is no response of the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WireError>,
    /// Resources that the execution used.
    #[serde(default)]
    pub usage: Usage,
    /// Request id by which the operator finds the execution.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
}

/// The `error` object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireError {
    pub code: String,
    pub message: String,
    pub blame: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    pub request_id: String,
}

impl From<Body<'_>> for WireError {
    fn from(body: Body<'_>) -> Self {
        Self {
            code: body.code.to_owned(),
            message: body.message.to_owned(),
            blame: blame_name(body.blame).to_owned(),
            hint: body.hint.map(ToOwned::to_owned),
            request_id: body.request_id.to_owned(),
        }
    }
}

fn blame_name(blame: Blame) -> &'static str {
    match blame {
        Blame::Client => "client",
        Blame::Guest => "guest",
        Blame::Publisher => "publisher",
        Blame::Tenant => "tenant",
        Blame::Operator => "operator",
        Blame::Host => "host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_query_keys_are_parsed_in_order() {
        let http: WireHttp<'_> =
            serde_json::from_str(r#"{"method":"GET","path":"/","query":{"a":["1","2"],"b":"\u00e9"}}"#).unwrap();
        let expected = vec![
            ("a".into(), OneOrMany::Many(vec!["1".into(), "2".into()])),
            ("b".into(), OneOrMany::One("é".into())),
        ];
        assert_eq!(http.query, expected);
    }

    #[test]
    fn header_bytes_and_repetitions_survive_the_wire_format() {
        let fields: [(&str, &[u8]); 4] = [("a", b"1"), ("a", "ü".as_bytes()), ("b", b"\xff"), ("b", b"2")];
        let (texts, encoded) = wire_headers(fields.into_iter());
        assert_eq!(texts, vec![("a".into(), OneOrMany::Many(vec!["1".into(), "ü".into()]))]);
        assert_eq!(
            encoded,
            vec![("b".into(), OneOrMany::Many(vec!["/w==".into(), "Mg==".into()]))]
        );
        let read = read_wire_headers(&texts, &encoded).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        assert_eq!(read, fields);
        for bad in [("a b", "c"), ("a", "b\r\nc: d"), ("a", "\0"), ("", "a")] {
            let pairs = vec![(bad.0.into(), OneOrMany::One(bad.1.into()))];
            assert!(read_wire_headers(&pairs, &Vec::new()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_json_array_instead_of_an_object_is_rejected_in_execute_requests() {
        for bad in [
            r#"[{"tenant_id":"a","extension_id":"e","content_hash":"c"},{"method":"GET","path":"/"},{},null,null,null]"#,
            r#"{"context":["a"],"http":{"method":"GET","path":"/"}}"#,
            r#"{"context":{"tenant_id":"a","extension_id":"e","content_hash":"c"},"http":["GET","/"]}"#,
            r#"{"context":{"tenant_id":"a","extension_id":"e","content_hash":"c"},"http":{"method":"GET","path":"/"},"limits":[1,2]}"#,
            r#"{"context":{"tenant_id":"a","extension_id":"e","content_hash":"c"},"http":{"method":"GET","path":"/"},"user":["u"]}"#,
        ] {
            assert!(
                serde_json::from_str::<alga_bundle::StrictObject<WireRequest<'_>>>(bad).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn duplicate_context_keys_and_non_string_headers_are_rejected() {
        let twice = r#"{"context":{"tenant_id":"a","tenant_id":"b","extension_id":"e","content_hash":"c"},"http":{"method":"GET","path":"/"}}"#;
        assert!(serde_json::from_str::<WireRequest<'_>>(twice).is_err());
        for bad in [r#"{"a":1}"#, r#"{"a":[1]}"#, r#"{"a":{"b":"c"}}"#, r#"{"a":[["b"]]}"#] {
            let text = format!(r#"{{"method":"GET","path":"/","headers":{bad}}}"#);
            assert!(serde_json::from_str::<WireHttp<'_>>(&text).is_err(), "{bad}");
        }
    }
}
