//! Signing and verifying of token claims.

use jiff::{SignedDuration, Timestamp};
use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::token::UntrustedToken;
use pasetors::{Public, public, version4::V4};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The PASETO claim that holds the audience-specific claims of alga.
const CLAIM: &str = "alga";
/// Tolerated difference between the clocks of two processes.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// Reason why a token is refused or could not be issued. Never sent to the client, which learns
/// only that it is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The bytes are not an Ed25519 key.
    #[error("not an Ed25519 key")]
    Key,
    /// The token is larger than tokens of this audience can be.
    #[error("the token is larger than this audience allows")]
    TooLarge,
    /// The form, signature, audience or validity period is invalid.
    #[error("invalid token: {0}")]
    Invalid(String),
    /// The lifetime is longer than this audience allows.
    #[error("the token is valid for too long")]
    TooLong,
    /// The claims do not have the form of this audience's claims.
    #[error("invalid token claims: {0}")]
    Claims(String),
}

/// Issues tokens for one audience.
pub struct TokenIssuer {
    key: AsymmetricSecretKey<V4>,
    audience: &'static str,
}

impl TokenIssuer {
    /// Creates an issuer from `keypair`, the secret and public half of an Ed25519 key.
    ///
    /// # Errors
    /// Returns [`TokenError::Key`] if `keypair` is not a valid Ed25519 key pair.
    pub fn new(keypair: &[u8; 64], audience: &'static str) -> Result<Self, TokenError> {
        let key = AsymmetricSecretKey::from(keypair).map_err(|_| TokenError::Key)?;
        Ok(Self { key, audience })
    }

    /// Issues a token with `claims` that is valid for `lifetime` from now.
    ///
    /// # Errors
    /// Returns [`TokenError::Claims`] if the claims cannot be serialized as JSON,
    /// [`TokenError::TooLong`] if the expiration time cannot be represented, and
    /// [`TokenError::Invalid`] if the token cannot be signed.
    pub fn issue<C: Serialize>(&self, claims: &C, lifetime: Duration) -> Result<String, TokenError> {
        let value = serde_json::to_value(claims).map_err(|error| TokenError::Claims(error.to_string()))?;
        let now = Timestamp::now();
        let expires = SignedDuration::try_from(lifetime)
            .ok()
            .and_then(|lifetime| now.checked_add(lifetime).ok());
        let expires = expires.ok_or(TokenError::TooLong)?;
        let make = || {
            let mut body = Claims::new()?;
            body.issued_at(&now.to_string())?;
            body.not_before(&now.to_string())?;
            body.expiration(&expires.to_string())?;
            body.audience(self.audience)?;
            body.add_additional(CLAIM, value)?;
            public::sign(&self.key, &body, None, None)
        };
        make().map_err(|error: pasetors::errors::Error| TokenError::Invalid(error.to_string()))
    }
}

/// Verifies tokens of one audience.
#[derive(Clone)]
pub struct TokenVerifier {
    /// The keys of which one must have signed a token; two during a rotation.
    keys: Vec<AsymmetricPublicKey<V4>>,
    audience: &'static str,
    longest: Duration,
    most_bytes: usize,
}

impl TokenVerifier {
    /// Creates a verifier for tokens that one of `keys` signed, that are valid for at most
    /// `longest` and have at most `most_bytes` bytes.
    ///
    /// # Errors
    /// Returns [`TokenError::Key`] if there is no key, or one that is not an Ed25519 public key.
    pub fn new(
        keys: &[[u8; 32]],
        audience: &'static str,
        longest: Duration,
        most_bytes: usize,
    ) -> Result<Self, TokenError> {
        let read = |key: &[u8; 32]| AsymmetricPublicKey::from(key).map_err(|_| TokenError::Key);
        let keys = keys.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(TokenError::Key);
        }
        Ok(Self {
            keys,
            audience,
            longest,
            most_bytes,
        })
    }

    /// Verifies a token and returns its claims and its expiration time.
    ///
    /// # Errors
    /// Returns [`TokenError::TooLarge`] or [`TokenError::TooLong`] if the token exceeds a limit of
    /// this audience, [`TokenError::Invalid`] if its form, signature, audience or validity period
    /// is invalid, and [`TokenError::Claims`] if its claims are missing or malformed.
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<(C, Timestamp), TokenError> {
        if token.len() > self.most_bytes {
            return Err(TokenError::TooLarge);
        }
        let invalid = |error: pasetors::errors::Error| TokenError::Invalid(error.to_string());
        let untrusted = UntrustedToken::<Public, V4>::try_from(token).map_err(invalid)?;
        let mut rules = ClaimsValidationRules::new();
        rules.validate_audience_with(self.audience);
        // `check_times` validates the times, because it tolerates clock skew.
        rules.disable_valid_at();
        let mut results = self
            .keys
            .iter()
            .map(|key| public::verify(key, &untrusted, &rules, None, None));
        let first = results.next().ok_or(TokenError::Key)?;
        let trusted = results.fold(first, Result::or).map_err(invalid)?;
        let claims = trusted
            .payload_claims()
            .ok_or_else(|| TokenError::Claims("no claims".into()))?;
        let expires = self.check_times(claims)?;
        let own_claims = claims.get_claim(CLAIM).cloned().unwrap_or_default();
        let own_claims = serde_json::from_value(own_claims).map_err(|error| TokenError::Claims(error.to_string()))?;
        Ok((own_claims, expires))
    }

    fn check_times(&self, claims: &Claims) -> Result<Timestamp, TokenError> {
        let time = |name: &str| -> Option<Timestamp> { claims.get_claim(name)?.as_str()?.parse().ok() };
        let (Some(issued), Some(not_before), Some(expires)) = (time("iat"), time("nbf"), time("exp")) else {
            return Err(TokenError::Invalid("`iat`, `nbf` or `exp` is missing".into()));
        };
        let now = Timestamp::now();
        let skew = SignedDuration::try_from(CLOCK_SKEW).unwrap_or_default();
        if expires.duration_since(issued) > SignedDuration::try_from(self.longest).unwrap_or_default() {
            return Err(TokenError::TooLong);
        }
        let begun = not_before.duration_since(now) <= skew && issued.duration_since(now) <= skew;
        if begun && now < expires {
            Ok(expires)
        } else {
            Err(TokenError::Invalid("not valid at this time".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn keys() -> (Vec<u8>, [u8; 32]) {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        (key.to_keypair_bytes().to_vec(), key.verifying_key().to_bytes())
    }

    #[test]
    fn a_token_verifies_only_for_its_audience_and_with_its_key() {
        let (keypair, public) = keys();
        let issuer = TokenIssuer::new(keypair.as_slice().try_into().unwrap(), "runner").unwrap();
        let token = issuer.issue(&"hello", MINUTE).unwrap();
        let verify = |key: &[u8; 32], audience| {
            TokenVerifier::new(&[*key], audience, MINUTE, 1 << 14)
                .unwrap()
                .verify::<String>(&token)
        };
        assert_eq!(verify(&public, "runner").unwrap().0, "hello");
        assert!(verify(&public, "gateway").is_err());
        assert!(verify(&keys().1, "runner").is_err());
    }

    #[test]
    fn two_keys_are_valid_during_a_rotation_and_no_key_is_an_error() {
        let (old, new, other) = (keys(), keys(), keys());
        let verifier = TokenVerifier::new(&[new.1, old.1], "runner", MINUTE, 1 << 14).unwrap();
        for (keypair, is_valid) in [(old.0, true), (new.0, true), (other.0, false)] {
            let issuer = TokenIssuer::new(keypair.as_slice().try_into().unwrap(), "runner").unwrap();
            let token = issuer.issue(&"x", MINUTE).unwrap();
            assert_eq!(verifier.verify::<String>(&token).is_ok(), is_valid);
        }
        assert!(TokenVerifier::new(&[], "runner", MINUTE, 1).is_err());
    }

    #[test]
    fn tokens_that_are_expired_too_long_or_changed_are_refused() {
        let (keypair, public) = keys();
        let issuer = TokenIssuer::new(keypair.as_slice().try_into().unwrap(), "runner").unwrap();
        let verifier = TokenVerifier::new(&[public], "runner", MINUTE, 1 << 14).unwrap();
        assert!(
            verifier
                .verify::<String>(&issuer.issue(&"x", Duration::ZERO).unwrap())
                .is_err()
        );
        assert!(matches!(
            verifier.verify::<String>(&issuer.issue(&"x", MINUTE * 2).unwrap()),
            Err(TokenError::TooLong)
        ));
        let good = issuer.issue(&"x", MINUTE).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[position] = if bad[position] == b'A' { b'B' } else { b'A' };
            assert!(
                verifier.verify::<String>(&String::from_utf8(bad).unwrap()).is_err(),
                "byte {position}"
            );
        }
        for bad in [
            "",
            "v4.public.",
            "v4.local.AAAA",
            "eyJhbGciOiJub25lIn0.e30.",
            &"A".repeat(70_000),
        ] {
            assert!(verifier.verify::<String>(bad).is_err());
        }
    }
}
