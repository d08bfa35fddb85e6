//! Sealing with keys of this host.

use crate::{Algorithm, SealError, SecretBinding, SecretEnvelope, SecretValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a nonce: enough that random nonces never collide in practice.
const NONCE_BYTES: usize = 24;

/// Keys of this host: the first one seals, all of them open. To rotate, insert a new key before it.
pub struct LocalKeys(Vec<LocalKey>);

struct LocalKey {
    id: String,
    key: Zeroizing<[u8; 32]>,
}

impl LocalKeys {
    /// Parses keys, one per line, of 64 hexadecimal digits each.
    ///
    /// # Errors
    /// Returns [`SealError::KeyFile`] if a line is not a key, or there is none.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let keys: Vec<_> = text
            .split_whitespace()
            .map(LocalKey::from_hex)
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            Err(SealError::KeyFile)
        } else {
            Ok(Self(keys))
        }
    }

    /// Seals with the first key.
    ///
    /// # Errors
    /// Returns [`SealError::Randomness`] if the system's random number generator fails.
    pub fn seal(&self, secret: &SecretValue, binding: &SecretBinding<'_>) -> Result<SecretEnvelope, SealError> {
        let key = self.0.first().ok_or(SealError::KeyFile)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(SealError::Randomness)?;
        let payload = Payload {
            msg: secret.expose(),
            aad: &binding.associated_data(&key.id),
        };
        let sealed = key.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Size(secret.expose().len()))?;
        Ok(SecretEnvelope {
            algorithm: Algorithm::XChaCha20Poly1305,
            key_id: key.id.clone(),
            ciphertext: STANDARD.encode([&nonce[..], &sealed].concat()),
        })
    }

    /// Opens with the key that the envelope names.
    ///
    /// # Errors
    /// Returns [`SealError::Algorithm`] or [`SealError::Key`] if the envelope names another
    /// algorithm or an unknown key, and [`SealError::Forged`] if it was not sealed for this
    /// binding.
    pub fn open(&self, envelope: &SecretEnvelope, binding: &SecretBinding<'_>) -> Result<SecretValue, SealError> {
        if envelope.algorithm != Algorithm::XChaCha20Poly1305 {
            return Err(SealError::Algorithm(envelope.algorithm.name().to_owned()));
        }
        let key = self.0.iter().find(|key| key.id == envelope.key_id);
        let key = key.ok_or_else(|| SealError::Key(envelope.key_id.clone()))?;
        let bytes = STANDARD.decode(&envelope.ciphertext).map_err(|_| SealError::Forged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(SealError::Forged)?;
        let payload = Payload {
            msg: sealed,
            aad: &binding.associated_data(&key.id),
        };
        let opened = key.cipher().decrypt(XNonce::from_slice(nonce), payload);
        SecretValue::new(Zeroizing::new(opened.map_err(|_| SealError::Forged)?))
    }
}

impl LocalKey {
    fn from_hex(text: &str) -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, key.as_mut_slice()).map_err(|_| SealError::KeyFile)?;
        // The id is a hash, which reveals nothing about the key.
        let id = hex::encode(Sha256::digest([b"alga-secret-key-id", key.as_slice()].concat()));
        let id = id.chars().take(16).collect();
        Ok(Self { id, key })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(self.key.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(digits: &str) -> LocalKeys {
        LocalKeys::from_text(&digits.repeat(64)).unwrap()
    }

    fn secret(text: &[u8]) -> SecretValue {
        SecretValue::new(Zeroizing::new(text.to_vec())).unwrap()
    }

    const WHOSE: [&str; 4] = ["acme", "ext-1", "install-1", "api-key"];

    fn sealed(keys: &LocalKeys, whose: [&str; 4]) -> SecretEnvelope {
        with_binding(whose, |binding| keys.seal(&secret(b"hunter2"), binding).unwrap())
    }

    fn opened(keys: &LocalKeys, envelope: &SecretEnvelope, whose: [&str; 4]) -> Result<SecretValue, SealError> {
        with_binding(whose, |binding| keys.open(envelope, binding))
    }

    fn with_binding<T>([tenant, extension, install, name]: [&str; 4], then: impl FnOnce(&SecretBinding<'_>) -> T) -> T {
        then(&SecretBinding {
            tenant: &tenant.parse().unwrap(),
            extension: &extension.parse().unwrap(),
            install: &install.parse().unwrap(),
            name,
        })
    }

    #[test]
    fn a_sealed_secret_opens_only_with_its_own_binding() {
        let keys = keys("7");
        let envelope = sealed(&keys, WHOSE);
        assert_eq!(opened(&keys, &envelope, WHOSE).unwrap().expose(), b"hunter2");
        for (index, other) in ["evil", "ext-2", "install-2", "api-kez"].iter().enumerate() {
            let mut whose = WHOSE;
            whose[index] = other;
            assert!(
                matches!(opened(&keys, &envelope, whose), Err(SealError::Forged)),
                "{other}"
            );
        }
        let shifted = ["acmeext-1", "x", "install-1", "api-key"];
        assert!(opened(&keys, &envelope, shifted).is_err());
    }

    #[test]
    fn two_envelopes_of_one_secret_differ_and_do_not_contain_it() {
        let keys = keys("7");
        let (one, two) = (sealed(&keys, WHOSE), sealed(&keys, WHOSE));
        assert_ne!(one.ciphertext, two.ciphertext);
        assert!(!one.to_json().contains("hunter2"));
    }

    #[test]
    fn an_old_key_still_opens_envelopes_and_an_unknown_key_does_not() {
        let old = keys("7");
        let envelope = sealed(&old, WHOSE);
        let both = LocalKeys::from_text(&format!("{}\n{}\n", "8".repeat(64), "7".repeat(64))).unwrap();
        assert!(opened(&both, &envelope, WHOSE).is_ok());
        assert_ne!(sealed(&both, WHOSE).key_id, envelope.key_id);
        assert!(matches!(opened(&keys("9"), &envelope, WHOSE), Err(SealError::Key(_))));
        assert!(LocalKeys::from_text("").is_err() && LocalKeys::from_text("7777").is_err());
    }

    #[test]
    fn an_envelope_with_another_algorithm_or_none_is_refused() {
        let keys = keys("7");
        let envelope = sealed(&keys, WHOSE);
        let other = SecretEnvelope {
            algorithm: Algorithm::VaultTransit,
            ..envelope.clone()
        };
        assert!(matches!(opened(&keys, &other, WHOSE), Err(SealError::Algorithm(_))));
        let json = envelope.to_json();
        for changed in [
            json.replace("xchacha20-poly1305", "none"),
            json.replace("\"algorithm\":\"xchacha20-poly1305\",", ""),
            json.replace("\"keyId\"", "\"keyID\""),
            r#"{"ciphertext":"aHVudGVyMg=="}"#.to_owned(),
            "{}".to_owned(),
        ] {
            assert!(SecretEnvelope::parse(&changed).is_err(), "{changed}");
        }
        assert_eq!(SecretEnvelope::parse(&json).unwrap(), envelope);
    }

    proptest! {
        #[test]
        fn no_changed_envelope_opens(index in 0_usize..60, bit in 0_u8..8, cut in 0_usize..60) {
            let keys = keys("7");
            let envelope = sealed(&keys, WHOSE);
            let bytes = STANDARD.decode(&envelope.ciphertext).unwrap();
            let mut flipped = bytes.clone();
            let index = index % flipped.len();
            flipped[index] ^= 1 << bit;
            for changed in [flipped, bytes[..cut.min(bytes.len() - 1)].to_vec()] {
                let envelope = SecretEnvelope { ciphertext: STANDARD.encode(changed), ..envelope.clone() };
                prop_assert!(opened(&keys, &envelope, WHOSE).is_err());
            }
        }
    }
}
