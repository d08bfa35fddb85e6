//! The names of extensions and publishers.

use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident, $rule:literal, $least_words:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                let fits = text.len() <= 128 && text.split('.').count() >= $least_words && text.split('.').all(is_label);
                fits.then(|| Self(text.to_owned())).ok_or($rule)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// An extension's name: a reverse domain name, lower-case, such as `com.example.agreements`.
    ExtensionName, "a name is a lower-case reverse domain name, such as `com.example.agreements`", 2
);
name!(
    /// A publisher's name: lower-case, such as `example` or `com.example`.
    PublisherName, "a publisher is named in lower case, such as `example`", 1
);

text_schema!(ExtensionName, "^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})+$");
text_schema!(PublisherName, "^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})*$");

/// Returns whether a text is a lower-case label of a host name (RFC 1123, 2.1). Only such labels
/// can be declared in a manifest, and therefore called.
#[must_use]
pub fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(allowed)
}
