//! Rate limits of tenants, installs and endpoints, by the generic cell rate algorithm.

use alga_bundle::{Endpoint, InstallId, TenantId};
use alga_errors::{Code, Problem};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Seconds in which a limiter that no request has used is full again: a burst is twice the rate.
const WINDOW_SECONDS: u32 = 2;
/// Installs that a tenant's requests look up in the database per second, after a burst of four
/// times as many. Lookups are cached, so only requests for many names need them.
const LOOKUPS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
const LOOKUP_WINDOW_SECONDS: u32 = 4;
/// Requests after which the limiters that are full again are deleted.
const SWEEP: u32 = 1 << 16;

/// Requests per second, after a burst of twice as many.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Those of one tenant.
    pub tenant: NonZeroU32,
    /// Those of one install.
    pub install: NonZeroU32,
    /// Those of one endpoint of an install.
    pub endpoint: NonZeroU32,
}

type Limiter = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// One limit, and the state of everything that it applies to.
struct Policy {
    name: &'static str,
    message: &'static str,
    per_second: NonZeroU32,
    /// Seconds in which a limiter that no request has used is full again.
    window: u32,
    limiter: Limiter,
}

/// The limits of a gateway.
pub(crate) struct Rates {
    policies: [Policy; 3],
    lookups: Policy,
    /// Value of `ratelimit-policy`.
    described: HeaderValue,
    hasher: RandomState,
    checked: AtomicU32,
}

/// The limit that is closest to being exceeded.
pub(crate) struct Remaining {
    name: &'static str,
    requests: u32,
    seconds: u32,
}

impl Policy {
    fn new(name: &'static str, message: &'static str, per_second: NonZeroU32, window: u32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(window - 1));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            name,
            message,
            per_second,
            window,
            limiter: RateLimiter::dashmap(quota).with_middleware(),
        }
    }

    fn burst(&self) -> u32 {
        self.per_second.get().saturating_mul(self.window)
    }

    fn check(&self, key: u64) -> Result<Remaining, Exceeded> {
        let remaining = |requests, seconds| Remaining {
            name: self.name,
            requests,
            seconds,
        };
        match self.limiter.check_key(&key) {
            Ok(state) => {
                let requests = state.remaining_burst_capacity();
                let seconds = self.burst().saturating_sub(requests).div_ceil(self.per_second.get());
                Ok(remaining(requests, seconds))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                Err(Exceeded {
                    problem: Problem::new(Code::RateLimited, self.message).retry_after_seconds(seconds),
                    remaining: remaining(0, seconds),
                })
            }
        }
    }
}

/// A request that exceeds a limit.
pub(crate) struct Exceeded {
    pub(crate) problem: Problem,
    pub(crate) remaining: Remaining,
}

impl Rates {
    pub(crate) fn new(limits: RateLimits) -> Self {
        let policy = |name, message, per_second| Policy::new(name, message, per_second, WINDOW_SECONDS);
        let policies = [
            policy("tenant", "request rate limit of this tenant exceeded", limits.tenant),
            policy("install", "request rate limit of this install exceeded", limits.install),
            policy(
                "endpoint",
                "request rate limit of this endpoint exceeded",
                limits.endpoint,
            ),
        ];
        let message = "this tenant's requests are for too many different extensions";
        let described = policies.each_ref().map(|policy| {
            let Policy { name, .. } = policy;
            format!("\"{name}\";q={};w={WINDOW_SECONDS}", policy.burst())
        });
        let described = HeaderValue::from_str(&described.join(", "));
        Self {
            policies,
            lookups: Policy::new("lookups", message, LOOKUPS, LOOKUP_WINDOW_SECONDS),
            described: described.unwrap_or(HeaderValue::from_static("")),
            hasher: RandomState::new(),
            checked: AtomicU32::new(0),
        }
    }

    /// Counts a request of a tenant for an endpoint of an install.
    pub(crate) fn check(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        endpoint: &Endpoint,
    ) -> Result<Remaining, Exceeded> {
        self.sweep();
        let [of_tenant, of_install, of_endpoint] = &self.policies;
        // The smallest first: what it refuses does not count against the others.
        let first = of_endpoint.check(self.key((install, endpoint.method.as_str(), &endpoint.path)))?;
        let second = of_install.check(self.key(install))?;
        let third = of_tenant.check(self.key(tenant))?;
        let tighter = |a: Remaining, b: Remaining| if b.requests < a.requests { b } else { a };
        Ok(tighter(tighter(first, second), third))
    }

    /// Counts a lookup of an install in the database: a tenant whose requests name one missing
    /// extension after the other slows down no other tenant.
    pub(crate) fn check_lookup(&self, tenant: &TenantId) -> Result<(), Problem> {
        let checked = self.lookups.check(self.key(tenant));
        checked.map(drop).map_err(|exceeded| exceeded.problem)
    }

    /// Returns a key that no client can choose to be that of another.
    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// Deletes limiters that are full again, so that their number is that of recent tenants.
    fn sweep(&self) {
        if self.checked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            let policies = self.policies.iter().chain([&self.lookups]);
            policies.for_each(|policy| policy.limiter.retain_recent());
        }
    }

    /// Returns the header fields that describe the limits
    /// (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn fields(&self, remaining: &Remaining) -> [(HeaderName, HeaderValue); 2] {
        let Remaining {
            name,
            requests,
            seconds,
        } = remaining;
        let value = HeaderValue::try_from(format!("\"{name}\";r={requests};t={seconds}"));
        [
            (RATE_LIMIT_POLICY, self.described.clone()),
            (RATE_LIMIT, value.unwrap_or(HeaderValue::from_static(""))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn rates(tenant: u32, install: u32, endpoint: u32) -> Rates {
        let number = |number| NonZeroU32::new(number).unwrap();
        Rates::new(RateLimits {
            tenant: number(tenant),
            install: number(install),
            endpoint: number(endpoint),
        })
    }

    fn endpoint(path: &str) -> Endpoint {
        serde_json::from_value(serde_json::json!({ "method": "GET", "path": path })).unwrap()
    }

    fn ids() -> (TenantId, InstallId) {
        ("acme".parse().unwrap(), "i-1".parse().unwrap())
    }

    #[test]
    fn each_limit_applies_to_its_own_object() {
        let (tenant, install) = ids();
        let other: InstallId = "i-2".parse().unwrap();
        let rates = rates(1_000, 4, 2);
        let count = |install: &InstallId, path: &str| {
            (0..20)
                .filter(|_| rates.check(&tenant, install, &endpoint(path)).is_ok())
                .count()
        };
        assert_eq!(count(&install, "/a"), 4, "the endpoint's");
        assert!(
            (1..=4).contains(&count(&install, "/b")),
            "what is left of the install's"
        );
        assert_eq!(count(&other, "/a"), 4, "another install's");
    }

    #[test]
    fn the_tightest_limit_is_reported() {
        let (tenant, install) = ids();
        let rates = rates(100, 50, 10);
        let remaining = rates.check(&tenant, &install, &endpoint("/a")).ok().unwrap();
        let [(_, policy), (_, limit)] = rates.fields(&remaining);
        assert_eq!(
            policy,
            "\"tenant\";q=200;w=2, \"install\";q=100;w=2, \"endpoint\";q=20;w=2"
        );
        assert_eq!(limit, "\"endpoint\";r=19;t=1");
    }

    /// Covers H9. What the client sends beside its credential is no part of a key.
    #[test]
    fn of_100_000_parallel_requests_the_burst_and_the_rate_are_accepted_and_no_more() {
        let (tenant, install) = ids();
        let (rates, started) = (rates(50, 1_000_000, 1_000_000), Instant::now());
        let accepted = AtomicU32::new(0);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let endpoint = endpoint("/a");
                    for _ in 0..12_500 {
                        let is_accepted = rates.check(&tenant, &install, &endpoint).is_ok();
                        accepted.fetch_add(u32::from(is_accepted), Ordering::Relaxed);
                    }
                });
            }
        });
        let accepted = accepted.into_inner();
        let earned = started.elapsed().as_millis() * 50 / 1000 + 1;
        assert!(
            (100..=100 + earned).contains(&accepted.into()),
            "{accepted}, {earned} earned"
        );
    }
}
