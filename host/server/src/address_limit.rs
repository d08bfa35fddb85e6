//! Limit of concurrent connections from one address, so that one client does not use them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by the client's address.
#[derive(Debug, Clone)]
pub(crate) struct AddressLimit {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A counted connection; dropping it ends the count.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    limit: AddressLimit,
    network: IpAddr,
}

impl AddressLimit {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: Arc::default(),
        }
    }

    /// Counts a connection, or returns `None` if its client has as many as allowed.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<AddressPermit> {
        let network = network_of(address);
        let mut open = self.lock();
        let count = open.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            limit: self.clone(),
            network,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.limit.lock();
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

/// Returns the address that stands for a client: an IPv6 client has a network of 64 bits (RFC 6177)
/// and can choose any address in it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_as_many_connections_as_allowed_whatever_address_it_chooses() {
        let limit = AddressLimit::new(2);
        let admit = |text: &str| limit.admit(text.parse().unwrap());
        let first = admit("192.0.2.1").unwrap();
        let _second = admit("::ffff:192.0.2.1").unwrap();
        assert!(admit("192.0.2.1").is_none());
        let _other = admit("192.0.2.2").unwrap();
        drop(first);
        let _third = admit("192.0.2.1").unwrap();
        let _v6 = (admit("2001:db8::1").unwrap(), admit("2001:db8::ffff:1").unwrap());
        assert!(admit("2001:db8::2").is_none());
        assert!(admit("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn addresses_without_connections_use_no_memory() {
        let limit = AddressLimit::new(1);
        for last in 0..=u8::MAX {
            limit.admit([192, 0, 2, last].into()).unwrap();
        }
        assert!(limit.lock().is_empty());
    }
}
