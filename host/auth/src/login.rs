//! Secret of a browser's sign-in at an OpenID provider (OpenID Connect Core 1.0, 3.1; RFC 7636).

use crate::SessionSecret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Secret that one browser stores in a cookie while its user signs in. The three values that the
/// flow needs are derived from it, so that the server stores nothing for clients that do not
/// return. None of them reveals another one.
pub struct LoginSecret(SessionSecret);

impl LoginSecret {
    /// Time for a user to sign in at the provider.
    pub const LIFE: Duration = Duration::from_mins(10);

    /// Generates a secret from the system's randomness.
    ///
    /// # Errors
    /// Returns the system's error if it has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        SessionSecret::generate().map(Self)
    }

    /// Reads a secret, or returns `None` if the text has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        SessionSecret::parse(text).map(Self)
    }

    /// Returns the secret for the browser's cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the parameter `state`, which shows that a callback belongs to this browser
    /// (RFC 6749, 10.12).
    #[must_use]
    pub fn state(&self) -> String {
        self.derive("state")
    }

    /// Reports whether `text` is the state of this browser, in constant time.
    #[must_use]
    pub fn has_state(&self, text: &str) -> bool {
        self.state().as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// Returns the claim `nonce`, which shows that an ID token was issued for this sign-in.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// Returns the code verifier, which only the token endpoint receives.
    #[must_use]
    pub fn verifier(&self) -> String {
        self.derive("verifier")
    }

    /// Returns the code challenge of the method `S256`.
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn derive(&self, purpose: &str) -> String {
        let digest = Sha256::new().chain_update(purpose).chain_update("\0");
        URL_SAFE_NO_PAD.encode(digest.chain_update(self.expose()).finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_values_of_a_sign_in_are_equal() {
        let secrets = [LoginSecret::generate().unwrap(), LoginSecret::generate().unwrap()];
        let values = secrets
            .iter()
            .flat_map(|secret| [secret.state(), secret.nonce(), secret.verifier(), secret.challenge()]);
        // A verifier has 43 to 128 characters (RFC 7636, 4.1).
        let values: BTreeSet<String> = values.inspect(|value| assert_eq!(value.len(), 43)).collect();
        assert_eq!(values.len(), 8);
        let read = LoginSecret::parse(secrets[0].expose()).unwrap();
        assert!(read.has_state(&secrets[0].state()) && !read.has_state(&secrets[1].state()));
        assert!(!read.has_state("") && LoginSecret::parse("x").is_none());
    }

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B.
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
