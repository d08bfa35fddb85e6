//! Signing and verifying claims.

use jiff::{SignedDuration, Timestamp};
use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::token::UntrustedToken;
use pasetors::{Public, public, version4::V4};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The claim that holds ours.
const CLAIM: &str = "alga";
/// How far the clocks of two processes may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// Why a token is refused, or could not be made. Not for the client: it learns that it is not authenticated, and no more.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key is not one.
    #[error("not an Ed25519 key")]
    Key,
    /// Too large to be one of ours.
    #[error("more bytes than a token of this audience has")]
    TooLarge,
    /// Form, signature, audience or time.
    #[error("the token does not hold: {0}")]
    Invalid(String),
    /// Valid for longer than this audience allows.
    #[error("the token is valid for too long")]
    TooLong,
    /// The claims are not those of this audience.
    #[error("the token's claims: {0}")]
    Claims(String),
}

/// Makes tokens for one audience.
pub struct TokenIssuer {
    key: AsymmetricSecretKey<V4>,
    audience: &'static str,
}

impl TokenIssuer {
    /// `keypair`: secret and public half of an Ed25519 key.
    ///
    /// # Errors
    /// When it is not a key.
    pub fn new(keypair: &[u8; 64], audience: &'static str) -> Result<Self, TokenError> {
        let key = AsymmetricSecretKey::from(keypair).map_err(|_| TokenError::Key)?;
        Ok(Self { key, audience })
    }

    /// A token that says `claims` for `lifetime` from now.
    ///
    /// # Errors
    /// When the claims have no JSON form.
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
    key: AsymmetricPublicKey<V4>,
    audience: &'static str,
    longest: Duration,
    most_bytes: usize,
}

impl TokenVerifier {
    /// `longest`: how long a token may be valid in all; `most_bytes`: how large it may be.
    ///
    /// # Errors
    /// When `key` is not an Ed25519 public key.
    pub fn new(
        key: &[u8; 32],
        audience: &'static str,
        longest: Duration,
        most_bytes: usize,
    ) -> Result<Self, TokenError> {
        let key = AsymmetricPublicKey::from(key).map_err(|_| TokenError::Key)?;
        Ok(Self {
            key,
            audience,
            longest,
            most_bytes,
        })
    }

    /// The claims of a token and when it expires.
    ///
    /// # Errors
    /// When anything about it does not hold.
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<(C, Timestamp), TokenError> {
        if token.len() > self.most_bytes {
            return Err(TokenError::TooLarge);
        }
        let invalid = |error: pasetors::errors::Error| TokenError::Invalid(error.to_string());
        let untrusted = UntrustedToken::<Public, V4>::try_from(token).map_err(invalid)?;
        let mut rules = ClaimsValidationRules::new();
        rules.validate_audience_with(self.audience);
        // Times are checked below, with the skew that two machines may have.
        rules.disable_valid_at();
        let trusted = public::verify(&self.key, &untrusted, &rules, None, None).map_err(invalid)?;
        let claims = trusted
            .payload_claims()
            .ok_or_else(|| TokenError::Claims("none".into()))?;
        let expires = self.check_times(claims)?;
        let ours = claims.get_claim(CLAIM).cloned().unwrap_or_default();
        let ours = serde_json::from_value(ours).map_err(|error| TokenError::Claims(error.to_string()))?;
        Ok((ours, expires))
    }

    fn check_times(&self, claims: &Claims) -> Result<Timestamp, TokenError> {
        let time = |name: &str| -> Option<Timestamp> { claims.get_claim(name)?.as_str()?.parse().ok() };
        let (Some(issued), Some(not_before), Some(expires)) = (time("iat"), time("nbf"), time("exp")) else {
            return Err(TokenError::Invalid("a time is missing".into()));
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
    fn a_token_holds_for_its_audience_and_its_key_only() {
        let (ours, public) = keys();
        let issuer = TokenIssuer::new(ours.as_slice().try_into().unwrap(), "runner").unwrap();
        let token = issuer.issue(&"hello", MINUTE).unwrap();
        let verify = |key: &[u8; 32], audience| {
            TokenVerifier::new(key, audience, MINUTE, 1 << 14)
                .unwrap()
                .verify::<String>(&token)
        };
        assert_eq!(verify(&public, "runner").unwrap().0, "hello");
        assert!(verify(&public, "gateway").is_err());
        assert!(verify(&keys().1, "runner").is_err());
    }

    #[test]
    fn tokens_that_are_expired_too_long_or_changed_are_refused() {
        let (ours, public) = keys();
        let issuer = TokenIssuer::new(ours.as_slice().try_into().unwrap(), "runner").unwrap();
        let verifier = TokenVerifier::new(&public, "runner", MINUTE, 1 << 14).unwrap();
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
