//! Where an extension may connect to.

use super::names::is_label;
use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// `[http://]host[:port]`; the host's first label may be `*`, which stands for exactly one label. Names only: whoever means an address means
/// a machine inside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EgressPattern(String);

const RULE: &str =
    "a host is written like `api.example.com`, `*.example.com:8443` or `http://legacy.example.com`, in lower case";

impl EgressPattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_schema!(EgressPattern, "^(https?://)?(\\*\\.)?[a-z0-9.-]+(:[0-9]{1,5})?$");

impl FromStr for EgressPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (host, port) = match rest.unwrap_or(text).split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest.unwrap_or(text), None),
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        let labels = name.split('.').count();
        // A last label of digits would make it an address (WHATWG URL, "ends in a number").
        let is_address = name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
        let is_port = |text: &str| {
            text.parse::<u16>()
                .is_ok_and(|port| port > 0 && port.to_string() == text)
        };
        let fits = host.len() <= 253
            && labels >= 2
            && !is_address
            && name.split('.').all(is_label)
            && port.is_none_or(is_port);
        fits.then(|| Self(text.to_owned())).ok_or(RULE)
    }
}

impl fmt::Display for EgressPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EgressPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_an_optional_port_scheme_and_first_wildcard_are_patterns_and_nothing_else_is() {
        for good in [
            "api.example.com",
            "*.example.com",
            "a.b:8443",
            "http://a.b",
            "https://*.a.b:1",
            "xn--bcher-kva.example",
        ] {
            assert!(good.parse::<EgressPattern>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.com",
            "localhost",
            "API.example.com",
            "a.*.com",
            "**.a.com",
            "a.b:",
            "a.b:0",
            "a.b:65536",
            "a.b:+1",
            "a.b:080",
            "ftp://a.b",
            "a.b/path",
            "user@a.b",
            "a..b",
            "a.b.",
            "127.0.0.1",
            "1.2.3.4:80",
            "a.0x7f",
            "[::1]",
            "a.b:1:2",
            "a b.com",
            "-a.b",
        ] {
            assert!(bad.parse::<EgressPattern>().is_err(), "{bad}");
        }
    }
}
