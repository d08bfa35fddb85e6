//! F7: a target, a pattern and an address. Every permitted request matches its rule and goes only
//! to the public internet.

use alga_bundle::EgressPattern;
use alga_egress::{Destination, vet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Url;

/// Patterns that targets are matched against.
const PATTERNS: [&str; 5] = [
    "api.example.com",
    "*.example.com",
    "http://legacy.example.com",
    "*.example.com:8443",
    "xn--bcher-kva.example",
];

/// Blocks of IANA's special-purpose registries, transcribed independently from RFC 6890, RFC 4291
/// and their successors: first address and prefix length.
const INSIDE: [(&str, u32); 32] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
    ("255.255.255.255", 32),
    ("168.63.129.16", 32),
    ("192.88.99.0", 24),
    ("::", 128),
    ("::1", 128),
    ("::", 96),
    ("::ffff:0:0", 96),
    ("64:ff9b::", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("2001::", 23),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("3fff::", 20),
    ("5f00::", 16),
    ("fc00::", 7),
    ("fe80::", 10),
    ("ff00::", 8),
];

/// Inputs that consist of the number of a pattern, an address, and a target.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seed = |rule: u8, address: &str, target: &str| {
        let address = match address.parse().unwrap() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        [&[rule][..], &address, target.as_bytes()].concat()
    };
    vec![
        seed(0, "1.1.1.1", "https://api.example.com/a?b=c"),
        seed(1, "127.0.0.1", "https://A.EXAMPLE.com:443/"),
        seed(2, "2606:4700::1111", "http://legacy.example.com/"),
        seed(3, "fe80::1", "https://a.example.com:8443"),
        seed(4, "::ffff:7f00:1", "https://b\u{fc}cher.example/"),
        seed(0, "64:ff9b::7f00:1", "https://127.1/"),
    ]
}

pub(crate) fn egress_url(bytes: &[u8]) {
    let Some((head, target)) = bytes.split_at_checked(17) else {
        return;
    };
    let address: [u8; 16] = head[1..].try_into().unwrap();
    address_is_public(IpAddr::V6(Ipv6Addr::from(address)));
    address_is_public(IpAddr::V4(Ipv4Addr::new(
        address[0], address[1], address[2], address[3],
    )));
    let Some(destination) = std::str::from_utf8(target).ok().and_then(destination) else {
        return;
    };
    let rule = PATTERNS[usize::from(head[0]) % PATTERNS.len()];
    let allows = rule.parse::<EgressPattern>().unwrap();
    if allows.allows(destination.is_tls, &destination.host, destination.port) {
        matches_the_rule(rule, &destination);
    }
}

/// Asserts that a permitted address is in no registry of special-purpose addresses.
fn address_is_public(address: IpAddr) {
    if vet(address).is_ok() {
        for (first, bits) in INSIDE {
            assert!(
                !is_within(address, first.parse().unwrap(), bits),
                "{address} is in {first}/{bits}"
            );
        }
    }
}

/// Covers the first and the last address of every block, independently of the mutations.
#[test]
fn the_first_and_last_address_of_every_internal_block_are_refused() {
    for (first, bits) in INSIDE {
        let first: IpAddr = first.parse().unwrap();
        let last = match first {
            IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from_bits(
                first.to_bits() | u32::MAX.checked_shr(bits).unwrap_or(0),
            )),
            IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(
                first.to_bits() | u128::MAX.checked_shr(bits).unwrap_or(0),
            )),
        };
        assert!(vet(first).is_err() && vet(last).is_err(), "{first} to {last}");
    }
}

fn is_within(address: IpAddr, first: IpAddr, bits: u32) -> bool {
    match (address, first) {
        (IpAddr::V4(address), IpAddr::V4(first)) => (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(address), IpAddr::V6(first)) => (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

/// Parses a target. An accepted target has a canonical host name, and the same one that a browser
/// would parse.
fn destination(target: &str) -> Option<Destination> {
    let destination = Destination::of(&target.parse().ok()?).ok()?;
    let host = &destination.host;
    let is_label = |label: &str| !label.is_empty() && label.len() <= 63;
    assert!(
        host.is_ascii() && *host == host.to_ascii_lowercase() && host.split('.').all(is_label),
        "{host}"
    );
    assert!(host.parse::<IpAddr>().is_err() && !host.ends_with('.'), "{host}");
    let scheme = if destination.is_tls { "https" } else { "http" };
    let again = format!("{scheme}://{host}:{}/", destination.port);
    assert_eq!(Destination::of(&again.parse().unwrap()).unwrap(), destination);
    let browser = Url::parse(target).unwrap();
    assert_eq!(
        (browser.host_str(), browser.port_or_known_default()),
        (Some(host.as_str()), Some(destination.port))
    );
    Some(destination)
}

/// Asserts that the host is the rule's own name, or one label below a wildcard rule (E10).
fn matches_the_rule(rule: &str, destination: &Destination) {
    let (is_tls, rule) = match rule.strip_prefix("http://") {
        Some(rule) => (false, rule),
        None => (true, rule),
    };
    let name = rule.split(':').next().unwrap();
    let host = &destination.host;
    let same = match name.strip_prefix("*.") {
        Some(parent) => host
            .strip_suffix(&format!(".{parent}"))
            .is_some_and(|label| !label.contains('.')),
        None => host == name,
    };
    assert!(same && destination.is_tls == is_tls, "{rule} allows {destination:?}");
}
