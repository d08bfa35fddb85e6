//! JSON Web Tokens of an OpenID provider (RFC 7519), verified with its published keys (RFC 7517).

mod claims;
mod jwks;

pub use claims::{ClaimNames, KindNames, MappingError};
pub use jwks::{JwksFuture, JwksSource, JwksTiming, count_keys};

use crate::Principal;
use alga_errors::chain;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use jwks::Jwks;
use serde_json::{Map, Value};
use std::str::FromStr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Tolerated difference between the clocks of the provider and of this host, in seconds.
const CLOCK_SKEW_SECONDS: u64 = 30;
/// Maximum time until a token expires: a stolen one must become useless.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Maximum bytes of a token.
const TOKEN_BYTES: usize = 16 * 1024;

/// Signature algorithms that a provider may use. Those with a shared secret are not among them: a
/// public key could be used as the secret.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Algorithms that a verifier accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms(Vec<Algorithm>);

/// Error of a text that lists no algorithms.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a signature algorithm with a public key: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA"
)]
pub struct UnknownAlgorithm(String);

impl FromStr for Algorithms {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let find = |name: &str| {
            let found = ALGORITHMS.iter().find(|(known, _)| *known == name);
            found
                .map(|(_, algorithm)| *algorithm)
                .ok_or_else(|| UnknownAlgorithm(name.escape_default().to_string()))
        };
        let found = text.split(',').map(|name| find(name.trim()));
        found.collect::<Result<_, _>>().map(Self)
    }
}

/// Settings of a provider.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// Value of the claim `iss`.
    pub issuer: String,
    /// Value that the claim `aud` must have or contain.
    pub audience: String,
    /// Accepted signature algorithms.
    pub algorithms: Algorithms,
    /// Names of the claims with the properties of a user.
    pub claims: ClaimNames,
    /// Values of the claim for the kind of principal.
    pub kinds: KindNames,
}

/// The client and the sign-in for which an ID token must have been issued.
#[derive(Debug, Clone, Copy)]
pub struct IdTokenFor<'a> {
    /// Identifier of the client, which is the token's audience.
    pub client_id: &'a str,
    /// Value of the claim `nonce`.
    pub nonce: &'a str,
}

/// Reason why a token is refused. Never sent to the client.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// A form, signature, issuer, audience or validity period that is invalid.
    #[error("invalid token: {0}")]
    Invalid(String),
    /// The provider has not published the key.
    #[error("the provider has no key `{0}`")]
    UnknownKey(String),
    /// The claims do not describe a principal.
    #[error("the claims: {0}")]
    Claims(String),
}

/// Verifies tokens of one provider.
pub struct JwtVerifier {
    settings: JwtSettings,
    jwks: Arc<Jwks>,
}

impl JwtVerifier {
    /// Creates a verifier with keys from `source`, which are fetched when they are needed.
    #[must_use]
    pub fn new(settings: JwtSettings, source: Arc<dyn JwksSource>, timing: JwksTiming) -> Self {
        Self {
            settings,
            jwks: Arc::new(Jwks::new(source, timing)),
        }
    }

    /// Reports whether `token` has the form of a JSON Web Token.
    pub(crate) fn has_form(token: &str) -> bool {
        // The base64 of `{"`, with which the JSON of a header begins.
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Verifies a token for this platform and returns its principal and its expiration time.
    ///
    /// # Errors
    /// Returns [`JwtError`] if the token is not valid, or if its key cannot be fetched.
    pub(crate) async fn verify(&self, token: &str) -> Result<(Principal, Timestamp), JwtError> {
        let claims = self.claims(token, &self.settings.audience).await?;
        let expires = claims.get("exp").and_then(Value::as_f64);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a second more or less; out of range is refused"
        )]
        let expires = expires.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
        let expires = expires.ok_or_else(|| JwtError::Claims("`exp` is not a time".into()))?;
        if expires.duration_since(Timestamp::now()) > LONGEST {
            return Err(JwtError::Invalid("it is valid for too long".into()));
        }
        Ok((self.principal(&claims)?, expires))
    }

    /// Verifies an ID token (OpenID Connect Core 1.0, 3.1.3.7) and returns its principal.
    ///
    /// # Errors
    /// Returns [`JwtError`] if the token is not valid, or not for this client and sign-in.
    pub(crate) async fn verify_id_token(&self, token: &str, expected: &IdTokenFor<'_>) -> Result<Principal, JwtError> {
        let claims = self.claims(token, expected.client_id).await?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        let is_for_several = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|audiences| audiences.len() > 1);
        let has_party = is_for_several || claims.contains_key("azp");
        if has_party && text("azp") != Some(expected.client_id) {
            return Err(JwtError::Claims("the authorized party is another client".into()));
        }
        let nonce = text("nonce").unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
            return Err(JwtError::Claims("the nonce of another sign-in".into()));
        }
        self.principal(&claims)
    }

    fn principal(&self, claims: &Map<String, Value>) -> Result<Principal, JwtError> {
        self.settings.claims.principal(claims, &self.settings.kinds)
    }

    /// Verifies signature, issuer, audience and validity period, and returns the claims.
    async fn claims(&self, token: &str, audience: &str) -> Result<Map<String, Value>, JwtError> {
        if token.len() > TOKEN_BYTES {
            return Err(JwtError::Invalid("it is too large".into()));
        }
        let invalid = |error: jsonwebtoken::errors::Error| JwtError::Invalid(chain(&error).to_string());
        let header = decode_header(token).map_err(invalid)?;
        // RFC 7515, 4.1.11: extensions that are not understood must not be ignored.
        if header.crit.is_some() || !self.settings.algorithms.0.contains(&header.alg) {
            return Err(JwtError::Invalid(
                "an algorithm or extension that is not accepted".into(),
            ));
        }
        let key = self.jwks.key(header.kid.as_deref(), header.alg).await;
        let key = key.ok_or_else(|| JwtError::UnknownKey(format!("{:?}", header.kid)))?;
        let decoded = decode::<Map<String, Value>>(token, &key, &self.validation(header.alg, audience));
        Ok(decoded.map_err(invalid)?.claims)
    }

    fn validation(&self, algorithm: Algorithm, audience: &str) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = CLOCK_SKEW_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }
}
