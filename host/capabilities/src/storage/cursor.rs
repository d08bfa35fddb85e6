//! Cursors, which mark the position where a listing continues. A cursor is opaque and authenticated
//! together with its tenant, install and namespace: a forged one, or one of another install, is
//! refused.

use super::kv::Error;
use crate::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const MAC_BYTES: usize = 16;

/// Creates the cursor for the records after the key `last`.
pub(super) fn seal(key: &[u8; 32], scope: &Scope, namespace: &str, last: &str) -> String {
    let tag = mac(key, scope, namespace, last).finalize().into_bytes();
    let mut bytes: Vec<u8> = tag.into_iter().take(MAC_BYTES).collect();
    bytes.extend_from_slice(last.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Verifies a cursor and returns its key.
pub(super) fn open(key: &[u8; 32], scope: &Scope, namespace: &str, text: &str) -> Result<String, Error> {
    let refused = || Error::InvalidInput("the cursor was not issued for this install and namespace".to_owned());
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let (tag, last) = bytes.split_at_checked(MAC_BYTES).ok_or_else(refused)?;
    let last = std::str::from_utf8(last).map_err(|_| refused())?;
    mac(key, scope, namespace, last)
        .verify_truncated_left(tag)
        .map_err(|_| refused())?;
    Ok(last.to_owned())
}

/// Computes the MAC of a cursor. Each part is preceded by its length, so that different inputs are
/// encoded differently.
fn mac(key: &[u8; 32], scope: &Scope, namespace: &str, last: &str) -> Hmac<Sha256> {
    // HMAC accepts keys of any length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    for part in [scope.tenant.as_str(), scope.install.as_str(), namespace, last] {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part.as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(tenant: &str, install: &str) -> Scope {
        Scope {
            tenant: tenant.parse().unwrap(),
            install: install.parse().unwrap(),
        }
    }

    #[test]
    fn a_cursor_opens_only_where_it_was_issued() {
        let key = [7; 32];
        let here = scope("acme", "i-1");
        let cursor = seal(&key, &here, "notes", "k");
        assert_eq!(open(&key, &here, "notes", &cursor).unwrap(), "k");
        for (scope, namespace) in [
            (scope("other", "i-1"), "notes"),
            (scope("acme", "i-2"), "notes"),
            (scope("acme", "i-1"), "notes2"),
        ] {
            assert!(open(&key, &scope, namespace, &cursor).is_err());
        }
        for position in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            assert!(open(&key, &here, "notes", &String::from_utf8(forged).unwrap()).is_err());
        }
        assert!(open(&key, &here, "notes", "").is_err() && open(&key, &here, "notes", "%").is_err());
    }
}
