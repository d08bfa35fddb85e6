use crate::TokenError;
use jiff::Timestamp;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Tokens that are remembered at the same time.
const TOKENS: u64 = 50_000;

/// How long a token is remembered without being verified again: most are replaced long before they expire, and nobody asks for them then.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Remembers what a verified token means until it expires. Verifying a signature costs several times what an execution does.
///
/// Tokens are remembered by their digest: nothing in memory could be used as a token.
pub struct VerifiedTokenCache<T: Clone + Send + Sync + 'static> {
    cache: Cache<[u8; 32], (T, Timestamp)>,
}

impl<T: Clone + Send + Sync + 'static> VerifiedTokenCache<T> {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cache: Cache::builder().max_capacity(TOKENS).time_to_live(LONGEST).build(),
        }
    }

    /// What a token means: remembered, or found out with `verify`, which also says until when.
    ///
    /// # Errors
    /// What `verify` says. Refusals are not remembered: they cost an attacker's time as much as ours.
    pub fn get(
        &self,
        token: &str,
        verify: impl FnOnce(&str) -> Result<(T, Timestamp), TokenError>,
    ) -> Result<T, TokenError> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some((meaning, expires)) = self.cache.get(&digest) {
            if Timestamp::now() < expires {
                return Ok(meaning);
            }
            self.cache.invalidate(&digest);
        }
        let (meaning, expires) = verify(token)?;
        self.cache.insert(digest, (meaning.clone(), expires));
        Ok(meaning)
    }
}

impl<T: Clone + Send + Sync + 'static> Default for VerifiedTokenCache<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_verified_once_and_forgotten_when_it_expires() {
        let remembered = VerifiedTokenCache::new();
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(60);
        assert_eq!(remembered.get("a", |_| Ok((1, later))).unwrap(), 1);
        assert_eq!(remembered.get("a", |_| Ok((2, later))).unwrap(), 1);
        assert_eq!(remembered.get("b", |_| Ok((3, Timestamp::now()))).unwrap(), 3);
        assert_eq!(remembered.get("b", |_| Ok((4, later))).unwrap(), 4);
        assert!(remembered.get("c", |_| Err(TokenError::Key)).is_err());
    }
}
