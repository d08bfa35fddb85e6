//! The keys that a provider has published, fetched and cached.
//!
//! A provider that is down, slow or returns nonsense changes nothing for known keys, for a day;
//! tokens with an unknown key are refused.

use alga_errors::chain;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// Maximum number of keys that are used.
const KEYS: usize = 100;

/// A fetch of the provider's key set.
pub type JwksFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Place where a provider publishes its keys.
pub trait JwksSource: Send + Sync {
    /// Fetches the JSON Web Key Set.
    fn fetch(&self) -> JwksFuture<'_>;
}

/// Times of fetching keys.
#[derive(Debug, Clone, Copy)]
pub struct JwksTiming {
    /// Age after which the keys are fetched again in the background.
    pub refresh: Duration,
    /// Age after which keys are not used any more: the provider cannot be reached.
    pub longest: Duration,
    /// Time between two attempts to fetch, whatever tokens are sent.
    pub pause: Duration,
    /// Time for one attempt.
    pub timeout: Duration,
}

impl Default for JwksTiming {
    fn default() -> Self {
        Self {
            refresh: Duration::from_mins(5),
            longest: Duration::from_hours(24),
            pause: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
        }
    }
}

struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: Arc<DecodingKey>,
}

/// Keys, and the time at which they were fetched.
struct Fetched {
    keys: Vec<PublicKey>,
    at: Instant,
}

impl Fetched {
    /// Finds the key of a token. Without an id, a token can only be signed with the one key that a
    /// provider has.
    fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut matching = self.keys.iter().filter(|key| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => self.keys.len() == 1,
        });
        let key = matching.find(|key| key.algorithms.contains(&algorithm))?;
        Some(Arc::clone(&key.key))
    }
}

/// The cached keys of a provider.
pub(super) struct Jwks {
    source: Arc<dyn JwksSource>,
    timing: JwksTiming,
    fetched: RwLock<Option<Arc<Fetched>>>,
    /// Time of the last attempt; the lock is held while fetching.
    attempt: Mutex<Option<Instant>>,
}

impl Jwks {
    pub(super) fn new(source: Arc<dyn JwksSource>, timing: JwksTiming) -> Self {
        Self {
            source,
            timing,
            fetched: RwLock::new(None),
            attempt: Mutex::new(None),
        }
    }

    /// Returns a key by its id, and fetches the keys if there is none.
    pub(super) async fn key(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        if let Some(fetched) = self.usable() {
            let age = fetched.at.elapsed();
            if age >= self.timing.refresh * 2 {
                // No token was verified for a while: the key may have been withdrawn.
                self.refresh_unless_in_progress().await;
            } else if age >= self.timing.refresh {
                let jwks = Arc::clone(self);
                tokio::spawn(async move { jwks.refresh_unless_in_progress().await });
            }
            if let Some(key) = self.usable()?.key(id, algorithm) {
                return Some(key);
            }
        }
        let attempt = self.attempt.lock().await;
        self.refresh(attempt).await;
        self.usable()?.key(id, algorithm)
    }

    /// Fetches the keys, unless another request does: known keys are not waited for.
    async fn refresh_unless_in_progress(&self) {
        if let Ok(attempt) = self.attempt.try_lock() {
            self.refresh(attempt).await;
        }
    }

    fn usable(&self) -> Option<Arc<Fetched>> {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone();
        fetched.filter(|fetched| fetched.at.elapsed() < self.timing.longest)
    }

    /// Fetches the keys, unless that was tried a moment ago.
    async fn refresh(&self, mut attempt: MutexGuard<'_, Option<Instant>>) {
        if attempt.is_some_and(|at| at.elapsed() < self.timing.pause) {
            return;
        }
        // Before fetching: a client that disconnects meanwhile must not cause another fetch.
        *attempt = Some(Instant::now());
        let fetched = timeout(self.timing.timeout, self.source.fetch()).await;
        let keys = match fetched {
            Ok(Ok(bytes)) => read(&bytes),
            Ok(Err(error)) => Err(chain(&*error).to_string()),
            Err(_) => Err("no response in time".to_owned()),
        };
        match keys {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "fetched the keys of the OpenID provider");
                let fetched = Fetched {
                    keys,
                    at: Instant::now(),
                };
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(fetched));
            }
            Err(error) => {
                tracing::warn!(%error, "could not fetch the keys of the OpenID provider; known keys stay valid");
            }
        }
    }
}

/// Returns the number of usable keys of a key set.
///
/// # Errors
/// Returns what is wrong with a key set that has none.
pub fn count_keys(bytes: &[u8]) -> Result<usize, String> {
    read(bytes).map(|keys| keys.len())
}

/// Reads a key set. Keys of a kind that is not used are left out; a set without usable keys is an
/// error, because it more likely is a fault than a provider that has revoked all of its keys.
fn read(bytes: &[u8]) -> Result<Vec<PublicKey>, String> {
    let set: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or("there is no list `keys`")?;
    let keys: Vec<PublicKey> = keys.iter().filter_map(public_key).take(KEYS).collect();
    if keys.is_empty() {
        return Err("there is no usable key".to_owned());
    }
    Ok(keys)
}

fn public_key(json: &Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        // A shared secret must not be in a public key set.
        AlgorithmParameters::OctetKeyPair(_) | AlgorithmParameters::OctetKey(_) => return None,
    };
    if let Some(only) = &jwk.common.key_algorithm {
        algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
    }
    Some(PublicKey {
        id: jwk.common.key_id.clone(),
        algorithms,
        key: Arc::new(DecodingKey::from_jwk(&jwk).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::VecDeque;
    use std::future::{pending, ready};
    use std::sync::Mutex as SyncMutex;

    /// A provider that responds to each fetch as planned.
    enum Response {
        Keys(&'static [&'static str]),
        Bytes(Vec<u8>),
        Down,
        Silent,
    }

    struct Planned(SyncMutex<VecDeque<Response>>);

    impl JwksSource for Planned {
        fn fetch(&self) -> JwksFuture<'_> {
            let next = self.0.lock().unwrap().pop_front();
            match next.unwrap_or(Response::Down) {
                Response::Keys(ids) => Box::pin(ready(Ok(set(ids)))),
                Response::Bytes(bytes) => Box::pin(ready(Ok(bytes))),
                Response::Down => Box::pin(ready(Err("down".into()))),
                Response::Silent => Box::pin(pending()),
            }
        }
    }

    fn set(ids: &[&str]) -> Vec<u8> {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = |id: &&str| json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id });
        let keys: Vec<_> = ids.iter().map(key).collect();
        json!({ "keys": keys }).to_string().into_bytes()
    }

    const AT_ONCE: JwksTiming = JwksTiming {
        refresh: Duration::from_hours(1),
        longest: Duration::from_hours(1),
        pause: Duration::ZERO,
        timeout: Duration::from_millis(10),
    };

    fn jwks(timing: JwksTiming, responses: Vec<Response>) -> Arc<Jwks> {
        let source = Arc::new(Planned(SyncMutex::new(responses.into())));
        Arc::new(Jwks::new(source, timing))
    }

    async fn has(jwks: &Arc<Jwks>, id: &str) -> bool {
        jwks.key(Some(id), Algorithm::EdDSA).await.is_some()
    }

    #[tokio::test]
    async fn an_unknown_key_is_fetched_and_a_removed_one_is_refused() {
        let jwks = jwks(AT_ONCE, vec![Response::Keys(&["a"]), Response::Keys(&["b"])]);
        assert!(has(&jwks, "a").await);
        assert!(has(&jwks, "b").await);
        assert!(!has(&jwks, "a").await);
    }

    #[tokio::test]
    async fn a_provider_that_is_down_slow_or_lies_changes_nothing_for_known_keys() {
        for fault in [
            Response::Down,
            Response::Silent,
            Response::Bytes(b"<html>".to_vec()),
            Response::Bytes(b"{}".to_vec()),
            Response::Bytes(br#"{"keys":[]}"#.to_vec()),
            Response::Bytes(br#"{"keys":[{"kty":"oct","k":"AAAA","kid":"b"}]}"#.to_vec()),
            Response::Bytes(b"[".repeat(100_000)),
        ] {
            let jwks = jwks(AT_ONCE, vec![Response::Keys(&["a"]), fault]);
            assert!(has(&jwks, "a").await);
            assert!(!has(&jwks, "b").await);
            assert!(has(&jwks, "a").await);
        }
    }

    #[tokio::test]
    async fn keys_that_could_not_be_fetched_again_expire() {
        let timing = JwksTiming {
            longest: Duration::ZERO,
            ..AT_ONCE
        };
        assert!(!has(&jwks(timing, vec![Response::Keys(&["a"])]), "a").await);
    }

    #[tokio::test]
    async fn unknown_keys_cause_one_fetch_in_a_while() {
        let timing = JwksTiming {
            pause: Duration::from_hours(1),
            ..AT_ONCE
        };
        let jwks = jwks(timing, vec![Response::Keys(&["a"]), Response::Keys(&["b"])]);
        assert!(has(&jwks, "a").await);
        assert!(!has(&jwks, "b").await);
    }

    #[tokio::test]
    async fn a_client_that_leaves_does_not_cause_another_fetch() {
        let timing = JwksTiming {
            pause: Duration::from_hours(1),
            timeout: Duration::from_hours(1),
            ..AT_ONCE
        };
        let jwks = jwks(timing, vec![Response::Silent, Response::Keys(&["a"])]);
        assert!(timeout(Duration::from_millis(10), has(&jwks, "a")).await.is_err());
        assert!(!has(&jwks, "a").await);
    }

    #[tokio::test]
    async fn a_withdrawn_key_is_refused_after_a_time_without_tokens() {
        let timing = JwksTiming {
            refresh: Duration::ZERO,
            ..AT_ONCE
        };
        let jwks = jwks(timing, vec![Response::Keys(&["a"]), Response::Keys(&["b"])]);
        assert!(has(&jwks, "a").await);
        assert!(!has(&jwks, "a").await);
    }

    #[tokio::test]
    async fn a_provider_has_at_most_a_hundred_keys() {
        let ids: Vec<String> = (0..=KEYS).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let jwks = jwks(AT_ONCE, vec![Response::Bytes(set(&ids)), Response::Bytes(set(&ids))]);
        assert!(has(&jwks, "99").await);
        assert!(!has(&jwks, "100").await);
    }

    #[tokio::test]
    async fn a_token_without_key_id_needs_a_provider_with_one_key() {
        let one = jwks(AT_ONCE, vec![Response::Keys(&["a"])]);
        assert!(one.key(None, Algorithm::EdDSA).await.is_some());
        assert!(one.key(None, Algorithm::ES256).await.is_none());
        let two = jwks(AT_ONCE, vec![Response::Keys(&["a", "b"])]);
        assert!(two.key(None, Algorithm::EdDSA).await.is_none());
    }
}
