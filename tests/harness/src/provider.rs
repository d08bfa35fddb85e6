use alga_signing::Ed25519Key;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// An OpenID provider with one key.
pub struct OpenIdProvider {
    key: Ed25519Key,
    kid: &'static str,
}

impl OpenIdProvider {
    /// Creates a provider with a key of this id.
    #[must_use]
    pub fn new(kid: &'static str) -> Self {
        Self {
            key: Ed25519Key::generate().unwrap(),
            kid,
        }
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": "EdDSA" })
    }

    /// Returns the JSON Web Key Set that the provider publishes.
    #[must_use]
    pub fn jwks(&self) -> Value {
        // Keys that cannot verify a signature are left out, and do not make the others useless.
        json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": "shared" }, { "kty": "new" }, self.jwk()] })
    }

    /// Returns the public key of the signatures.
    #[must_use]
    pub fn public_bytes(&self) -> [u8; 32] {
        self.key.public_bytes()
    }

    /// Returns the key that signs tokens.
    #[must_use]
    pub fn signing_key(&self) -> EncodingKey {
        let pem = self.key.to_pem().unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        EncodingKey::from_ed_der(&STANDARD.decode(base64).unwrap())
    }

    /// Returns the header of a token.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            kid: Some(self.kid.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        }
    }

    /// Signs a token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        encode(&self.header(), claims, &self.signing_key()).unwrap()
    }
}
