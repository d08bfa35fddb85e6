use crate::TokenError;
use jiff::Timestamp;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Maximum bytes of all tokens in the cache, by [`weight`]: about 50 000 tokens of callers, or
/// fewer large ones, so that no tenant's configuration fills the memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of an entry beside what its token contains.
const ENTRY_BYTES: usize = 256;

/// Time after which a cached token must be verified again: most tokens are replaced long before
/// they expire and are then not used any more.
const LONGEST: Duration = Duration::from_secs(60);

/// Cache of verified tokens; a token is not returned after it expires. Verifying a signature costs
/// several times as much as an execution.
///
/// The cache key is the token's digest, so that nothing in memory can be used as a token.
pub struct VerifiedTokenCache<T: Clone + Send + Sync + 'static> {
    cache: Cache<[u8; 32], Verified<T>>,
    /// Number of evictions.
    generation: AtomicU64,
}

/// The state of a cache before a token was verified.
#[derive(Debug, Clone, Copy)]
pub struct Generation(u64);

#[derive(Clone)]
struct Verified<T> {
    meaning: T,
    expires: Timestamp,
    weight: u32,
}

/// Estimates the bytes of a token's claims in memory: their JSON is three quarters of the token, in
/// a tree of about four times as much.
fn weight(token: &str) -> u32 {
    u32::try_from(ENTRY_BYTES + 3 * token.len()).unwrap_or(u32::MAX)
}

impl<T: Clone + Send + Sync + 'static> VerifiedTokenCache<T> {
    /// Creates an empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cache: Cache::builder()
                .weigher(|_, verified: &Verified<T>| verified.weight)
                .max_capacity(CACHE_BYTES)
                .time_to_live(LONGEST)
                .build(),
            generation: AtomicU64::new(0),
        }
    }

    /// Returns the value of a token that was inserted and has not expired.
    #[must_use]
    pub fn cached(&self, token: &str) -> Option<T> {
        let digest = digest(token);
        let verified = self.cache.get(&digest)?;
        if Timestamp::now() < verified.expires {
            return Some(verified.meaning);
        }
        self.cache.invalidate(&digest);
        None
    }

    /// Returns the state of the cache; called before a token is verified.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Caches the value of a token that was verified after `since`, until it expires. Nothing is
    /// cached if tokens were evicted since then: this one may be among those that were revoked.
    pub fn insert(&self, token: &str, meaning: T, expires: Timestamp, since: Generation) {
        let verified = Verified {
            meaning,
            expires,
            weight: weight(token),
        };
        let digest = digest(token);
        self.cache.insert(digest, verified);
        // After inserting, so that an eviction in between is noticed.
        if self.generation().0 != since.0 {
            self.cache.invalidate(&digest);
        }
    }

    /// Evicts one token, which was revoked.
    pub fn evict(&self, token: &str) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.cache.invalidate(&digest(token));
    }

    /// Evicts all tokens; called after one was revoked.
    pub fn evict_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.cache.invalidate_all();
    }

    /// Returns the value for a token from the cache, or from `verify`, which also returns the
    /// token's expiration time.
    ///
    /// # Errors
    /// Returns the error of `verify`. Errors are not cached: an invalid token costs the attacker as
    /// much time as this process.
    pub fn get(
        &self,
        token: &str,
        verify: impl FnOnce(&str) -> Result<(T, Timestamp), TokenError>,
    ) -> Result<T, TokenError> {
        if let Some(meaning) = self.cached(token) {
            return Ok(meaning);
        }
        let since = self.generation();
        let (meaning, expires) = verify(token)?;
        self.insert(token, meaning.clone(), expires, since);
        Ok(meaning)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
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
    fn a_verified_token_is_cached_until_it_expires() {
        let cache = VerifiedTokenCache::new();
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(60);
        assert_eq!(cache.get("a", |_| Ok((1, later))).unwrap(), 1);
        assert_eq!(cache.get("a", |_| Ok((2, later))).unwrap(), 1);
        assert_eq!(cache.get("b", |_| Ok((3, Timestamp::now()))).unwrap(), 3);
        assert_eq!(cache.get("b", |_| Ok((4, later))).unwrap(), 4);
        assert!(cache.get("c", |_| Err(TokenError::Key)).is_err());
    }

    #[test]
    fn a_token_that_was_verified_before_an_eviction_is_not_cached() {
        let cache = VerifiedTokenCache::new();
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(60);
        let before = cache.generation();
        cache.evict_all();
        cache.insert("a", 1, later, before);
        assert_eq!(cache.cached("a"), None);
        cache.insert("a", 1, later, cache.generation());
        assert_eq!(cache.cached("a"), Some(1));
    }

    #[test]
    fn large_tokens_share_a_bounded_memory() {
        let cache = VerifiedTokenCache::new();
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(60);
        let large = "x".repeat(256 * 1024);
        for tenant in 0..200 {
            cache.get(&format!("{tenant}{large}"), |_| Ok((1, later))).unwrap();
        }
        cache.cache.run_pending_tasks();
        assert!(cache.cache.weighted_size() <= CACHE_BYTES);
        assert!(cache.cache.entry_count() < 90);
    }
}
