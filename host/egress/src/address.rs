//! Check for addresses of the public internet. Everything in IANA's registries of special-purpose
//! addresses (RFC 6890 and its successors) is refused, whether the registry lists it as globally
//! reachable or not. Address forms that embed another address are refused, too, because the
//! endpoint that they reach is not the address that was vetted.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address outside of the public internet, with the name of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special(pub &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771), and the metadata service of
/// one cloud.
const SPECIAL_V4: [(Ipv4Net, &str); 19] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared address space"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "AS112"),
    (v4(192, 52, 193, 0, 24), "AMT"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(192, 175, 48, 0, 24), "AS112"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved, and broadcast"),
    // Not in the registry: the WireServer of a large cloud, reachable only from its virtual
    // machines.
    (v4(168, 63, 129, 16, 32), "a cloud's metadata service"),
];

/// Global unicast (RFC 4291): every IPv6 address outside of this block is refused.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
/// IANA IPv6 Special-Purpose Address Registry, the blocks inside of [`GLOBAL_V6`].
const SPECIAL_V6: [(Ipv6Net, &str); 5] = [
    (
        v6(0x2001, 0, 0, 23),
        "protocol assignments, Teredo, benchmarking, ORCHID",
    ),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x2620, 0x4f, 0x8000, 48), "AS112"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
];
/// Interface identifiers of ISATAP (RFC 5214, 6.1), which embed an IPv4 address.
const ISATAP: [u16; 2] = [0x0000, 0x0200];
const ISATAP_MARK: u16 = 0x5efe;

/// Accepts only addresses of the public internet.
///
/// # Errors
/// [`Special`] names the block that the address belongs to otherwise.
pub fn vet(address: IpAddr) -> Result<(), Special> {
    match address {
        IpAddr::V4(address) => vet_v4(address),
        IpAddr::V6(address) => vet_v6(address),
    }
}

fn vet_v4(address: Ipv4Addr) -> Result<(), Special> {
    let special = SPECIAL_V4.iter().find(|(block, _)| block.contains(&address));
    special.map_or(Ok(()), |(_, name)| Err(Special(name)))
}

fn vet_v6(address: Ipv6Addr) -> Result<(), Special> {
    if !GLOBAL_V6.contains(&address) {
        return Err(Special("not global unicast"));
    }
    let [_, _, _, _, identifier, mark, _, _] = address.segments();
    if mark == ISATAP_MARK && ISATAP.contains(&identifier) {
        return Err(Special("ISATAP"));
    }
    let special = SPECIAL_V6.iter().find(|(block, _)| block.contains(&address));
    special.map_or(Ok(()), |(_, name)| Err(Special(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_address_blocks_are_refused_and_adjacent_addresses_allowed() {
        for (block, name) in SPECIAL_V4 {
            assert!(
                vet(block.network().into()).is_err() && vet(block.broadcast().into()).is_err(),
                "{name}"
            );
        }
        for (block, name) in SPECIAL_V6 {
            assert!(
                vet(block.network().into()).is_err() && vet(block.broadcast().into()).is_err(),
                "{name}"
            );
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
        ] {
            assert_eq!(vet(public.parse().unwrap()), Ok(()), "{public}");
        }
        for public in [
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.0.1",
            "223.255.255.255",
            "198.17.0.1",
        ] {
            assert_eq!(vet(public.parse().unwrap()), Ok(()), "{public}");
        }
        for public in [
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "2003::1",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(vet(public.parse().unwrap()), Ok(()), "{public}");
        }
    }

    #[test]
    fn special_and_ipv4_embedding_ipv6_addresses_are_refused() {
        for address in [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:a9fe:a9fe",
            "::127.0.0.1",
            "::1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b::101:101",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2002:101:101::1",
            "2001:0:4136:e378::1",
            "2001:10::1",
            "2001:20::1",
            "100::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "5f00::1",
            "4000::1",
            "2606:4700::5efe:7f00:1",
            "2606:4700::200:5efe:7f00:1",
        ] {
            assert!(vet(address.parse().unwrap()).is_err(), "{address}");
        }
    }
}
