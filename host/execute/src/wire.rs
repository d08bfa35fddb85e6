//! The JSON of `POST /v1/execute`. Text is borrowed from the request where it has no escapes.

use alga_errors::{Blame, Body};
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The request. Fields that are not named here belong to later versions of the contract and are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireRequest<'a> {
    /// Whose execution, and of what.
    #[serde(borrow)]
    pub context: WireContext<'a>,
    /// The request for the guest.
    #[serde(borrow)]
    pub http: WireHttp<'a>,
    /// What it may cost.
    #[serde(default)]
    pub limits: WireLimits,
    /// An alias of `context.config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// Granted capabilities, if the caller wants to use fewer than its token has.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<Cow<'a, str>>>,
    /// Whose request it is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub user: Option<WireUser<'a>>,
}

/// `context`.
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

/// `http`.
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
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<Cow<'a, str>>,
}

/// `user`.
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

/// `limits`.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's names")]
pub struct WireLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
}

/// A value, or a list of them for a repeated name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMany<'a> {
    /// The usual case.
    One(Cow<'a, str>),
    /// Repeated.
    Many(Vec<Cow<'a, str>>),
}

impl<'a> OneOrMany<'a> {
    /// The values in their order.
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
        formatter.write_str("text or a list of texts")
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
                OneOrMany::Many(_) => return Err(A::Error::custom("a list of texts, not of lists")),
            }
        }
        Ok(OneOrMany::Many(values))
    }
}

/// A JSON object as a list of pairs: in order, and without a map's allocations.
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
                formatter.write_str("an object of texts or lists of texts")
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

/// The response.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireReply<'a> {
    /// The guest's status, or the error's.
    pub status: u16,
    /// The guest's headers; lower-case names.
    #[serde(borrow, default, with = "pairs")]
    pub headers: Vec<(Cow<'a, str>, OneOrMany<'a>)>,
    /// The guest's body.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<Cow<'a, str>>,
    /// What went wrong, if the guest did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WireError>,
    /// What it cost.
    #[serde(default)]
    pub usage: Usage,
    /// By which the operator finds it.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
}

/// `error`.
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

/// `usage`: what an execution cost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// From the request's arrival to the response, in microseconds.
    pub duration_us: u64,
    /// Time in which the guest or the host on its behalf was at work, in microseconds.
    pub cpu_us: u64,
    /// The most memory it had.
    pub memory_peak_bytes: u64,
    /// Calls to the host.
    pub host_calls: u64,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// Whether the component had to be loaded first.
    pub cold: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_survive_in_their_order() {
        let http: WireHttp<'_> =
            serde_json::from_str(r#"{"method":"GET","path":"/","query":{"a":["1","2"],"b":"\u00e9"}}"#).unwrap();
        let expected = vec![
            ("a".into(), OneOrMany::Many(vec!["1".into(), "2".into()])),
            ("b".into(), OneOrMany::One("é".into())),
        ];
        assert_eq!(http.query, expected);
    }

    #[test]
    fn a_key_twice_where_it_matters_is_an_error() {
        let twice = r#"{"context":{"tenant_id":"a","tenant_id":"b","extension_id":"e","content_hash":"c"},"http":{"method":"GET","path":"/"}}"#;
        assert!(serde_json::from_str::<WireRequest<'_>>(twice).is_err());
        for bad in [r#"{"a":1}"#, r#"{"a":[1]}"#, r#"{"a":{"b":"c"}}"#, r#"{"a":[["b"]]}"#] {
            let text = format!(r#"{{"method":"GET","path":"/","headers":{bad}}}"#);
            assert!(serde_json::from_str::<WireHttp<'_>>(&text).is_err(), "{bad}");
        }
    }
}
