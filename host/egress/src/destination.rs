//! Parsing of a request's target, done once. The same host name is checked, resolved, used for TLS
//! and sent in `Host`.

use crate::EgressError;
use alga_bundle::is_label;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use url::Host;

/// Default ports of the schemes.
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// Maximum bytes of path and query, as most servers accept.
const TARGET_BYTES: usize = 8 * 1024;

/// The destination of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// True for `https`.
    pub is_tls: bool,
    /// Host name in lower case and ASCII (UTS 46), without a trailing dot.
    pub host: String,
    /// The explicit port, or the default port of the scheme.
    pub port: u16,
}

impl Destination {
    /// Parses the target of a request: `https` or `http`, a host name, and an optional port.
    ///
    /// # Errors
    /// Returns [`EgressError::Target`] if the target is invalid, or if its host is an IP address in
    /// any notation, because an address usually means an internal machine.
    pub fn of(uri: &Uri) -> Result<Self, EgressError> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(EgressError::Target("the scheme is not https or http")),
        };
        let authority = uri.authority().ok_or(EgressError::Target("the target has no host"))?;
        if authority.as_str().contains(['@', '\\', '%']) {
            return Err(EgressError::Target(
                "the host contains a user name, a backslash or escapes",
            ));
        }
        if uri
            .path_and_query()
            .is_some_and(|target| target.as_str().len() > TARGET_BYTES)
        {
            return Err(EgressError::Target("path and query have more than 8192 bytes"));
        }
        let port = match explicit_port(authority)? {
            Some(port) => port,
            None if is_tls => HTTPS_PORT,
            None => HTTP_PORT,
        };
        Ok(Self {
            is_tls,
            host: name(authority.host())?,
            port,
        })
    }

    /// The target URI with the parsed host, from which the connector resolves the name and hyper
    /// writes `Host`.
    pub(crate) fn uri(&self, target: Option<&PathAndQuery>) -> Result<Uri, EgressError> {
        let (scheme, own_port) = if self.is_tls {
            (Scheme::HTTPS, HTTPS_PORT)
        } else {
            (Scheme::HTTP, HTTP_PORT)
        };
        let authority = if self.port == own_port {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        };
        let target = target.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let built = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(target)
            .build();
        built.map_err(|_| EgressError::Target("path and query are invalid"))
    }

    /// The entry for the manifest's `egress` list that declares this destination.
    #[must_use]
    pub fn pattern(&self) -> String {
        let scheme = if self.is_tls { "" } else { "http://" };
        match (self.is_tls, self.port) {
            (true, HTTPS_PORT) | (false, HTTP_PORT) => format!("{scheme}{}", self.host),
            (_, port) => format!("{scheme}{}:{port}", self.host),
        }
    }
}

fn explicit_port(authority: &Authority) -> Result<Option<u16>, EgressError> {
    let refused = EgressError::Target("the port is not a number from 1 to 65535");
    // A colon after the last `]`, if any, starts the port; an empty port is refused.
    let after_host = authority.as_str().rsplit(']').next().unwrap_or_default();
    match after_host.split_once(':') {
        None => Ok(None),
        Some((_, digits)) if digits.starts_with(|first: char| first.is_ascii_digit()) => match digits.parse() {
            Ok(0) | Err(_) => Err(refused),
            Ok(port) => Ok(Some(port)),
        },
        Some(_) => Err(refused),
    }
}

fn name(host: &str) -> Result<String, EgressError> {
    match Host::parse(host) {
        Ok(Host::Domain(name)) if !has_labels(&name) => Err(EgressError::Target("the host is not a valid name")),
        Ok(Host::Domain(name)) if name.ends_with('.') => Err(EgressError::Target("the host ends with a dot")),
        Ok(Host::Domain(name)) => Ok(name),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Err(EgressError::Target("the host is an address, not a name")),
        Err(_) => Err(EgressError::Target("the host is not a valid name")),
    }
}

/// Checks the labels of a host name (RFC 1035, 2.3.4, and RFC 1123, 2.1): letters, digits and
/// hyphens, as a manifest may declare them, at most 253 bytes in all. A trailing dot is refused
/// separately.
fn has_labels(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let uri: Uri = text.parse().ok()?;
        Destination::of(&uri).ok().map(|destination| destination.pattern())
    }

    #[test]
    fn destination_host_case_and_default_port_are_normalized() {
        assert_eq!(read("https://API.Example.com/a").as_deref(), Some("api.example.com"));
        assert_eq!(read("https://api.example.com:443/").as_deref(), Some("api.example.com"));
        assert_eq!(
            read("https://api.example.com:0443/").as_deref(),
            Some("api.example.com")
        );
        assert_eq!(read("http://a.b:8080/").as_deref(), Some("http://a.b:8080"));
        assert_eq!(
            read("https://xn--bcher-kva.example/").as_deref(),
            Some("xn--bcher-kva.example")
        );
    }

    #[test]
    fn addresses_in_every_encoding_and_invalid_hosts_are_refused() {
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://0/",
            "https://127.0.0.1./",
            "https://a.b./",
            "https://allowed@evil.com/",
            "https://a.b:0/",
            "https://a.b:65536/",
            "https://a.b:/",
            "https://a.b:+1/",
            "ftp://a.b/",
            "gopher://a.b/",
            "file:///etc/passwd",
            "unix:/x",
            "data:,x",
            "dict://a.b/",
            "ws://a.b/",
            "https:///x",
            "https://%61.b/",
            "https://a%2eb/",
            "https://a\\b/",
            "https://a b/",
            "https://[fe80::1%25eth0]/",
            "/relative",
            "https://a..b/",
            "https://.a.b/",
            "https://$(x).example.com/",
            "https://a'b.example.com/",
            "https://a;b.example.com/",
            "https://a).example.com/",
            "https://a,b.example.com/",
            "https://*.example.com/",
            "https://a_b.example.com/",
            &format!("https://{}.b/", "a".repeat(64)),
            &format!("https://{}a/", "a.".repeat(127)),
            "a.b:443",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn unicode_hex_and_octal_spellings_of_ip_addresses_are_refused() {
        // `http::Uri` accepts ASCII hosts only; a host from any other source is checked by the same
        // rule.
        for host in [
            "１２７.0.0.1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "0x7f.0.0.1",
            "017700000001",
        ] {
            assert!(name(host).is_err(), "{host}");
        }
    }
}
