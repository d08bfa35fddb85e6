//! Authentication of every request that is not a runner's: from a bearer token to a principal.

use crate::{
    ApiKeySource, ApiKeyText, BootstrapToken, Caller, IdTokenFor, JwtVerifier, Principal, SessionSecret, SessionSource,
    TenantPrincipal, TokenVerifier, VerifiedTokenCache,
};
use alga_errors::{Code, Problem};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Time for which an API key is cached: a key that another process revoked is valid this much
/// longer. This process evicts it at once.
const KEY_FRESH: SignedDuration = SignedDuration::from_secs(5);

/// Time after which the last use of a key is recorded again, so that a busy key does not write at
/// every request.
const USE_PRECISION: SignedDuration = SignedDuration::from_mins(1);
/// Concurrent lookups of API keys: half of the connections to the database, so that clients without
/// a valid key do not use them all.
const LOOKUPS: usize = 4;
/// Time for which a request waits for its lookup.
const LOOKUP_WAIT: Duration = Duration::from_secs(1);

/// Credentials that a process accepts. One that is absent authenticates no request.
#[derive(Default)]
pub struct Credentials {
    /// Token of the operator who set the platform up.
    pub bootstrap: Option<BootstrapToken>,
    /// Tokens that the platform or a trusted host application signed for its users.
    pub callers: Option<TokenVerifier>,
    /// Tokens of an OpenID provider.
    pub jwt: Option<JwtVerifier>,
    /// Sessions of browsers.
    pub sessions: Option<Arc<dyn SessionSource>>,
    /// API keys of services.
    pub api_keys: Option<Arc<dyn ApiKeySource>>,
}

/// Authenticates bearer tokens of all forms, with a cache.
pub struct Authenticator {
    credentials: Credentials,
    verified: VerifiedTokenCache<Arc<Principal>>,
    lookups: Semaphore,
}

impl Authenticator {
    /// Creates an authenticator that accepts these credentials.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            verified: VerifiedTokenCache::new(),
            lookups: Semaphore::new(LOOKUPS),
        }
    }

    /// Evicts all cached principals; called after a credential was revoked.
    pub fn evict_all(&self) {
        self.verified.evict_all();
    }

    /// Returns the principal whose credential this is, if there is one.
    ///
    /// # Errors
    /// Returns [`Code::Unauthenticated`] if the credential is not valid, without a reason that an
    /// attacker could use, [`Code::Overloaded`] if too many API keys are being looked up, and
    /// [`Code::Internal`] if they cannot be read.
    pub async fn authenticate(&self, token: Option<&str>) -> Result<Arc<Principal>, Problem> {
        let token = token.ok_or_else(unauthenticated)?;
        if let Some(principal) = self.verified.cached(token) {
            return Ok(principal);
        }
        if let Some(key) = ApiKeyText::parse(token) {
            return self.api_key(token, &key).await;
        }
        if JwtVerifier::has_form(token) {
            return self.jwt(token).await;
        }
        let bootstrap = self.credentials.bootstrap.as_ref();
        if let Some(bootstrap) = bootstrap.filter(|bootstrap| bootstrap.matches(token)) {
            return Ok(bootstrap.principal());
        }
        let since = self.verified.generation();
        let callers = self.credentials.callers.as_ref().ok_or_else(unauthenticated)?;
        let verified = callers.verify::<Caller>(token);
        let (caller, expires) = verified.map_err(|error| unauthenticated().caused_by(error))?;
        let principal = Arc::new(Principal::Tenant(TenantPrincipal::user(caller)));
        self.verified.insert(token, Arc::clone(&principal), expires, since);
        Ok(principal)
    }

    /// Returns the principal of a browser's session. The caller checks that the request comes from
    /// a page of the platform.
    ///
    /// # Errors
    /// Returns [`Code::Unauthenticated`] if there is no such session, and [`Code::Internal`] if
    /// sessions cannot be read.
    pub async fn session(&self, secret: &SessionSecret) -> Result<Arc<Principal>, Problem> {
        if let Some(principal) = self.verified.cached(secret.entry()) {
            return Ok(principal);
        }
        let sessions = self.credentials.sessions.as_ref().ok_or_else(unauthenticated)?;
        let _lookup = timeout(LOOKUP_WAIT, self.lookups.acquire()).await.map_err(|_| busy())?;
        let (now, since) = (Timestamp::now(), self.verified.generation());
        let found = sessions.find(&secret.digest()).await.map_err(Problem::internal)?;
        let found = found
            .filter(|session| now < session.expires)
            .ok_or_else(unauthenticated)?;
        let principal = Arc::new(found.principal);
        self.verified.insert(
            secret.entry(),
            Arc::clone(&principal),
            found.expires.min(now + KEY_FRESH),
            since,
        );
        Ok(principal)
    }

    /// Evicts a session that has ended.
    pub fn evict_session(&self, secret: &SessionSecret) {
        self.verified.evict(secret.entry());
    }

    /// Returns the principal of a user who has signed in at the OpenID provider.
    ///
    /// # Errors
    /// Returns [`Code::Unauthenticated`] if the ID token is not valid, or if it was issued for
    /// another client or another sign-in.
    pub async fn id_token(&self, token: &str, expected: &IdTokenFor<'_>) -> Result<Principal, Problem> {
        let verifier = self.credentials.jwt.as_ref().ok_or_else(unauthenticated)?;
        let verified = verifier.verify_id_token(token, expected).await;
        verified.map_err(|error| unauthenticated().caused_by(error))
    }

    async fn jwt(&self, token: &str) -> Result<Arc<Principal>, Problem> {
        let verifier = self.credentials.jwt.as_ref().ok_or_else(unauthenticated)?;
        let since = self.verified.generation();
        let verified = verifier.verify(token).await;
        let (principal, expires) = verified.map_err(|error| unauthenticated().caused_by(error))?;
        let principal = Arc::new(principal);
        self.verified.insert(token, Arc::clone(&principal), expires, since);
        Ok(principal)
    }

    async fn api_key(&self, token: &str, text: &ApiKeyText) -> Result<Arc<Principal>, Problem> {
        let keys = self.credentials.api_keys.as_ref().ok_or_else(unauthenticated)?;
        let lookup = timeout(LOOKUP_WAIT, self.lookups.acquire()).await.map_err(|_| busy())?;
        // Another request with this key may have looked it up meanwhile.
        if let Some(principal) = self.verified.cached(token) {
            return Ok(principal);
        }
        let (now, since) = (Timestamp::now(), self.verified.generation());
        let key = keys.find(text.id()).await.map_err(Problem::internal)?;
        drop(lookup);
        let key = key.ok_or_else(unauthenticated)?;
        let principal = Arc::new(key.principal(text, now).ok_or_else(unauthenticated)?);
        if key.used.is_none_or(|used| now.duration_since(used) >= USE_PRECISION) {
            keys.record_use(&key.id);
        }
        self.verified
            .insert(token, Arc::clone(&principal), key.expires.min(now + KEY_FRESH), since);
        Ok(principal)
    }
}

fn busy() -> Problem {
    Problem::new(Code::Overloaded, "too many API keys are being looked up").retry_after_seconds(1)
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "a valid credential is required")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiKey, ApiKeyFuture, ApiKeyScope};
    use std::future::pending;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    /// Keys in a database that other processes change.
    struct Keys {
        text: ApiKeyText,
        is_revoked: AtomicBool,
        is_silent: bool,
    }

    impl Keys {
        fn new(is_silent: bool) -> Arc<Self> {
            Arc::new(Self {
                text: ApiKeyText::generate().unwrap(),
                is_revoked: AtomicBool::new(false),
                is_silent,
            })
        }
    }

    impl ApiKeySource for Keys {
        fn find<'a>(&'a self, id: &'a str) -> ApiKeyFuture<'a> {
            Box::pin(async move {
                if self.is_silent {
                    return pending().await;
                }
                Ok(Some(ApiKey {
                    id: id.to_owned(),
                    digest: self.text.digest(),
                    label: String::new(),
                    scope: ApiKeyScope::Operator,
                    expires: Timestamp::now() + SignedDuration::from_hours(1),
                    is_revoked: self.is_revoked.load(Ordering::SeqCst),
                    used: None,
                }))
            })
        }

        fn record_use(&self, _id: &str) {}
    }

    fn authenticator(keys: &Arc<Keys>) -> Arc<Authenticator> {
        Arc::new(Authenticator::new(Credentials {
            api_keys: Some(Arc::clone(keys) as _),
            ..Credentials::default()
        }))
    }

    #[tokio::test]
    async fn a_key_that_another_process_revoked_is_refused_within_five_seconds_of_its_lookup() {
        let keys = Keys::new(false);
        let authenticator = authenticator(&keys);
        let looked_up = Instant::now();
        let text = keys.text.expose();
        authenticator.authenticate(Some(text.as_str())).await.unwrap();
        keys.is_revoked.store(true, Ordering::SeqCst);
        while authenticator.authenticate(Some(text.as_str())).await.is_ok() {
            assert!(looked_up.elapsed() < Duration::from_secs(6), "still accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn a_lookup_beyond_those_that_a_slow_database_holds_waits_for_a_second() {
        let keys = Keys::new(true);
        let authenticator = authenticator(&keys);
        let text = keys.text.expose().to_string();
        let ask = || {
            let (authenticator, text) = (Arc::clone(&authenticator), text.clone());
            tokio::spawn(async move { authenticator.authenticate(Some(&text)).await.unwrap_err().code() })
        };
        let held: Vec<_> = (0..LOOKUPS).map(|_| ask()).collect();
        let waiting = ask();
        assert_eq!(waiting.await.unwrap(), Code::Overloaded);
        assert!(held.iter().all(|lookup| !lookup.is_finished()));
    }
}
