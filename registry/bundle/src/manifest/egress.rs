//! Patterns of hosts that an extension may connect to.

use super::names::is_label;
use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// A host pattern `[http://]host[:port]`. The host's first label may be `*`, which matches exactly
/// one label. Only names are allowed: IP addresses usually belong to internal machines.
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

    /// True if the pattern is a wildcard over a [public suffix](https://publicsuffix.org), such as
    /// `*.co.uk`. Checked only when a bundle is packed or published: the list of suffixes grows,
    /// and bundles published earlier must stay readable.
    #[must_use]
    pub fn is_public_suffix_wildcard(&self) -> bool {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        let host = rest.split(':').next().unwrap_or_default();
        let parent = host.strip_prefix("*.");
        parent.is_some_and(|parent| psl::suffix(parent.as_bytes()).is_some_and(|suffix| suffix == parent))
    }

    /// Returns whether the pattern matches this destination. Names are compared label by label:
    /// `*.a.com` does not match `evila.com`, `a.com` or `b.c.a.com`. Without a port the pattern
    /// matches the scheme's default port, 443 or 80; plain HTTP only if it begins with `http://`.
    #[must_use]
    pub fn allows(&self, is_tls: bool, host: &str, port: u16) -> bool {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("https", &self.0));
        let (name, own_port) = match rest.split_once(':') {
            Some((name, port)) => (name, port.parse().ok()),
            None => (rest, Some(if scheme == "http" { 80 } else { 443 })),
        };
        let same_name = match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(first, rest)| is_label(first) && rest == parent),
            None => host == name,
        };
        (scheme == "https") == is_tls && own_port == Some(port) && same_name
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
        // A last label that begins with a digit could make it an address (WHATWG URL, "ends in a
        // number").
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
    fn a_pattern_allows_only_its_own_host_port_and_scheme() {
        let allows =
            |pattern: &str, is_tls, host, port| pattern.parse::<EgressPattern>().unwrap().allows(is_tls, host, port);
        assert!(allows("api.example.com", true, "api.example.com", 443));
        assert!(allows("*.example.com", true, "api.example.com", 443));
        assert!(allows("http://api.example.com", false, "api.example.com", 80));
        assert!(allows("*.example.com:8443", true, "a.example.com", 8443));
        for (pattern, is_tls, host, port) in [
            ("api.example.com", true, "api.example.com", 8443),
            ("api.example.com", false, "api.example.com", 443),
            ("api.example.com", false, "api.example.com", 80),
            ("http://api.example.com", true, "api.example.com", 443),
            ("api.example.com", true, "api.example.com.evil", 443),
            ("api.example.com", true, "evilapi.example.com", 443),
            ("api.example.com", true, "a.api.example.com", 443),
            ("api.example.com", true, "api.example.com.", 443),
            ("*.example.com", true, "example.com", 443),
            ("*.example.com", true, ".example.com", 443),
            ("*.example.com", true, "a.b.example.com", 443),
            ("*.example.com", true, "evilexample.com", 443),
            ("*.example.com", true, "$(x).example.com", 443),
            ("*.example.com", true, "a'b.example.com", 443),
            ("*.example.com", true, "a;b.example.com", 443),
            ("*.example.com", true, "a).example.com", 443),
            ("*.example.com", true, "a,b.example.com", 443),
            ("*.example.com", true, "*.example.com", 443),
            ("*.example.com", true, "a_b.example.com", 443),
            ("*.example.com", true, "-a.example.com", 443),
        ] {
            assert!(!allows(pattern, is_tls, host, port), "{pattern} {host}:{port}");
        }
    }

    #[test]
    fn a_wildcard_over_a_public_suffix_matches_unrelated_hosts() {
        for (pattern, expected) in [
            ("*.co.uk", true),
            ("http://*.com.au:8080", true),
            ("*.github.io", true),
            ("*.example.com", false),
            ("co.uk", false),
            ("*.example.co.uk:443", false),
        ] {
            assert_eq!(
                pattern.parse::<EgressPattern>().unwrap().is_public_suffix_wildcard(),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn only_names_with_optional_port_scheme_and_first_wildcard_are_patterns() {
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
