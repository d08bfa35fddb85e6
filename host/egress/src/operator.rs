//! The operator's egress policy. Neither a guest nor a tenant can change a setting of this file.

use crate::{Destination, vet};
use alga_bundle::EgressPattern;
use ipnet::IpNet;
use std::net::IpAddr;
use std::str::FromStr;

/// Domains of metadata services and of internal networks. Private addresses are refused in any
/// case; this list also refuses such names if the operator's resolver returns other addresses for
/// them.
const INTERNAL_NAMES: [&str; 7] = [
    "internal",
    "local",
    "localhost",
    "localdomain",
    "arpa",
    "onion",
    "metadata.goog",
];

/// The destinations that extensions of this installation may reach at all.
#[derive(Debug, Clone, Default)]
pub struct OperatorPolicy {
    allowlist: Allowlist,
    exceptions: Vec<Exception>,
    /// Public addresses of the operator's own network, which extensions must not reach.
    denied: Vec<IpNet>,
}

#[derive(Debug, Clone)]
enum Allowlist {
    /// All destinations that manifest and tenant allow.
    Everything,
    /// The listed ones of the destinations that manifest and tenant allow.
    Only(Vec<EgressPattern>),
}

impl Default for Allowlist {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

/// A destination with private addresses that extensions may reach. For
/// `crm.example.com:443=10.1.0.0/16` the name is resolved, and addresses in that block are allowed.
/// For `crm.example.com:443=10.1.2.3` the address is pinned, and the name is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    host: String,
    port: u16,
    block: IpNet,
    is_pinned: bool,
}

/// An invalid egress setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Invalid entry of the allowlist.
    #[error(
        "`{0}` is not a host like `api.example.com`, `*.example.com:8443` or `http://legacy.example.com`; `*` alone allows what installs allow"
    )]
    Pattern(String),
    /// Invalid entry of the denied addresses.
    #[error("`{0}` is not an address block like `198.51.100.0/24`")]
    Denied(String),
    /// Invalid entry of the exceptions.
    #[error("`{0}` is not an exception like `crm.example.com:443=10.1.0.0/16`: name, port, and the allowed addresses")]
    Exception(String),
}

impl OperatorPolicy {
    /// Parses the three settings, each a comma-separated list. An empty allowlist allows nothing;
    /// `*` allows what installs allow.
    ///
    /// # Errors
    /// [`PolicyError`] names the first invalid entry.
    pub fn parse(allowlist: &str, exceptions: &str, denied: &str) -> Result<Self, PolicyError> {
        let items = |text: &str| -> Vec<String> {
            let items = text.split(',').map(|item| item.trim().to_owned());
            items.filter(|item| !item.is_empty()).collect()
        };
        let allowlist = match items(allowlist) {
            only if only == ["*"] => Allowlist::Everything,
            listed => {
                let pattern = |item: String| item.parse().map_err(|_| PolicyError::Pattern(item));
                Allowlist::Only(listed.into_iter().map(pattern).collect::<Result<_, _>>()?)
            }
        };
        let exceptions = items(exceptions)
            .iter()
            .map(|item| item.parse())
            .collect::<Result<_, _>>()?;
        let denied = items(denied)
            .into_iter()
            .map(|item| item.parse().map_err(|_| PolicyError::Denied(item)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            allowlist,
            exceptions,
            denied,
        })
    }

    /// The policy for the platform's own calls to a configured destination: that destination only,
    /// at any address.
    #[must_use]
    pub fn only(destination: &Destination) -> Self {
        let any = [
            IpNet::from(ipnet::Ipv4Net::default()),
            IpNet::from(ipnet::Ipv6Net::default()),
        ];
        let exceptions = any.map(|block| Exception {
            host: destination.host.clone(),
            port: destination.port,
            block,
            is_pinned: false,
        });
        Self {
            allowlist: Allowlist::Everything,
            exceptions: exceptions.into(),
            denied: Vec::new(),
        }
    }

    /// The exceptions as text, for the log at startup.
    pub fn exceptions(&self) -> impl Iterator<Item = String> + '_ {
        self.exceptions
            .iter()
            .map(|exception| format!("{}:{}={}", exception.host, exception.port, exception.block))
    }

    /// Reports whether an exception has the addresses of a host, so that its name is not resolved.
    #[must_use]
    pub fn is_pinned(&self, host: &str) -> bool {
        let mut exceptions = self.exceptions.iter();
        exceptions.any(|exception| exception.is_pinned && exception.host == host)
    }

    pub(crate) fn allows(&self, destination: &Destination) -> bool {
        let Destination { is_tls, host, port } = destination;
        match &self.allowlist {
            Allowlist::Everything => true,
            Allowlist::Only(patterns) => patterns.iter().any(|pattern| pattern.allows(*is_tls, host, *port)),
        }
    }

    /// Reports whether a name is an internal host name without an exception for it.
    pub(crate) fn is_internal_name(&self, host: &str, port: u16) -> bool {
        let internal = INTERNAL_NAMES.iter().any(|name| {
            host.strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        internal
            && !self
                .exceptions
                .iter()
                .any(|exception| exception.host == host && exception.port == port)
    }

    /// The addresses that the operator has pinned for a destination, if any.
    pub(crate) fn pinned(&self, host: &str, port: u16) -> Vec<IpAddr> {
        let pins = self
            .exceptions
            .iter()
            .filter(|exception| exception.is_pinned && exception.host == host && exception.port == port);
        pins.map(|exception| exception.block.addr()).collect()
    }

    /// Accepts an address of the public internet, or one that an exception allows for this
    /// destination.
    pub(crate) fn vet(&self, host: &str, port: u16, address: IpAddr) -> Result<(), &'static str> {
        let is_own = self.denied.iter().any(|block| block.contains(&address));
        let special = match vet(address) {
            Ok(()) if is_own => "the operator's own",
            Ok(()) => return Ok(()),
            Err(special) => special.0,
        };
        let meant = |exception: &&Exception| {
            exception.host == host && exception.port == port && exception.block.contains(&address)
        };
        match self.exceptions.iter().find(meant) {
            Some(exception) => {
                tracing::info!(target: "alga::egress", host, port, %address, exception = %exception.block, "connecting to a private address by an operator's exception");
                Ok(())
            }
            None => Err(special),
        }
    }
}

impl FromStr for Exception {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let refused = || PolicyError::Exception(text.to_owned());
        let (authority, block) = text.split_once('=').ok_or_else(refused)?;
        let (host, port) = authority.trim().rsplit_once(':').ok_or_else(refused)?;
        let block = block.trim();
        let address = block.parse::<IpAddr>();
        let is_pinned = address.is_ok();
        let block = address
            .map(IpNet::from)
            .or_else(|_| block.parse())
            .map_err(|_| refused())?;
        let port: u16 = port.parse().map_err(|_| refused())?;
        let is_name = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        (is_name && port > 0)
            .then(|| Self {
                host: host.to_owned(),
                port,
                block,
                is_pinned,
            })
            .ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(text: &str) -> Destination {
        Destination::of(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn an_empty_operator_allowlist_allows_no_host_and_a_star_allows_all() {
        let somewhere = destination("https://api.example.com/");
        assert!(!OperatorPolicy::default().allows(&somewhere));
        assert!(!OperatorPolicy::parse(" , ", "", "").unwrap().allows(&somewhere));
        assert!(OperatorPolicy::parse("*", "", "").unwrap().allows(&somewhere));
        let listed = OperatorPolicy::parse("*.example.com, b.example.org:8443", "", "").unwrap();
        assert!(listed.allows(&somewhere) && !listed.allows(&destination("https://example.com/")));
        assert!(OperatorPolicy::parse("*,a.b", "", "").is_err() && OperatorPolicy::parse("10.0.0.1", "", "").is_err());
    }

    #[test]
    fn an_egress_exception_covers_one_host_one_port_and_its_addresses() {
        let policy =
            OperatorPolicy::parse("*", "crm.example.com:443=10.1.0.0/16, one.example.com:80=127.0.0.1", "").unwrap();
        assert_eq!(policy.vet("crm.example.com", 443, "10.1.2.3".parse().unwrap()), Ok(()));
        for (host, port, address) in [
            ("crm.example.com", 443, "10.2.0.1"),
            ("crm.example.com", 8443, "10.1.2.3"),
            ("evil.example.com", 443, "10.1.2.3"),
            ("one.example.com", 80, "127.0.0.2"),
        ] {
            assert!(
                policy.vet(host, port, address.parse().unwrap()).is_err(),
                "{host}:{port} {address}"
            );
        }
        for bad in [
            "crm.example.com=10.0.0.0/8",
            "crm:443",
            "c:0=10.0.0.1",
            "C:1=10.0.0.1",
            "c:1=x",
            "=1.1.1.1",
            ":1=1.1.1.1",
        ] {
            assert!(OperatorPolicy::parse("*", bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn public_addresses_that_the_operator_denied_are_refused() {
        let policy = OperatorPolicy::parse("*", "crm.example.com:443=1.2.3.4/32", "1.2.3.0/24, 2a00:1::/32").unwrap();
        for address in ["1.2.3.9", "2a00:1::5"] {
            assert!(
                policy.vet("a.example.com", 443, address.parse().unwrap()).is_err(),
                "{address}"
            );
        }
        assert!(policy.vet("a.example.com", 443, "1.2.4.1".parse().unwrap()).is_ok());
        assert!(policy.vet("crm.example.com", 443, "1.2.3.4".parse().unwrap()).is_ok());
        assert!(OperatorPolicy::parse("*", "", "1.2.3").is_err());
    }

    #[test]
    fn internal_host_names_are_refused_unless_an_exception_lists_them() {
        let policy = OperatorPolicy::parse("*", "crm.internal:443=10.1.0.0/16", "").unwrap();
        for name in [
            "metadata.google.internal",
            "localhost",
            "a.localhost",
            "printer.local",
            "x.arpa",
            "metadata.goog",
            "x.onion",
        ] {
            assert!(policy.is_internal_name(name, 443), "{name}");
        }
        assert!(!policy.is_internal_name("crm.internal", 443) && policy.is_internal_name("crm.internal", 80));
        assert!(!policy.is_internal_name("notlocal", 443) && !policy.is_internal_name("api.example.com", 443));
    }
}
