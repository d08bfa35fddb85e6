//! Concurrency limits for the process, a tenant and an install. Requests are refused, not queued: a
//! caller that is asked to retry can be fair to its own users, which a queue in this process could
//! not.

use crate::schedule::Share;
use alga_bundle::{InstallId, TenantId};
use alga_errors::{Code, Problem};
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of concurrent executions.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// In this process: at most the number of slots in the engine's pool.
    pub process: usize,
    /// Of one tenant, so that a tenant's burst leaves capacity for the others.
    pub tenant: usize,
    /// Of one install of an extension.
    pub install: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            process: 256,
            tenant: 64,
            install: 32,
        }
    }
}

/// Shares of guests in the processors.
#[derive(Debug, Clone)]
pub struct RunShares {
    /// Guests that compute at the same moment.
    pub slots: usize,
    /// Weights of tenants, from 1 to 1000. One that is not listed has weight 1.
    pub weights: BTreeMap<TenantId, u32>,
}

/// Maximum number of cached counters of tenants, and of installs. One that is evicted during an
/// execution starts to count from 0 again; the limit of the process holds in any case.
const COUNTERS: u64 = 100_000;

pub(crate) struct Admission {
    limits: AdmissionLimits,
    process: Arc<Semaphore>,
    tenants: Cache<TenantId, (Arc<Semaphore>, Share)>,
    installs: Cache<InstallId, Arc<Semaphore>>,
    weights: BTreeMap<TenantId, u32>,
    /// Number of tenants that have been counted.
    counted: AtomicU64,
}

/// Counters of a tenant and an install, looked up once per token: executions with it do not look
/// them up again.
#[derive(Clone)]
pub(crate) struct Counters {
    tenant: Arc<Semaphore>,
    install: Arc<Semaphore>,
    /// The tenant's share of the run slots.
    pub(crate) share: Share,
}

/// Permits for one execution, released on drop.
pub(crate) struct Admitted {
    process: OwnedSemaphorePermit,
    tenant: OwnedSemaphorePermit,
    install: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits, weights: BTreeMap<TenantId, u32>) -> Self {
        Self {
            limits,
            process: Arc::new(Semaphore::new(limits.process)),
            tenants: Cache::new(COUNTERS),
            installs: Cache::new(COUNTERS),
            weights,
            counted: AtomicU64::new(0),
        }
    }

    /// Returns the counters of this tenant and install; they start at 0 if neither has executed
    /// lately.
    pub(crate) fn counters(&self, tenant: &TenantId, install: &InstallId) -> Counters {
        let limits = self.limits;
        let new = |permits| Arc::new(Semaphore::new(permits));
        let share = || Share {
            tenant: self.counted.fetch_add(1, Ordering::Relaxed),
            weight: self.weights.get(tenant).copied().unwrap_or(1),
        };
        let (of_tenant, share) = self.tenants.get_with_by_ref(tenant, || (new(limits.tenant), share()));
        Counters {
            tenant: of_tenant,
            install: self.installs.get_with_by_ref(install, || new(limits.install)),
            share,
        }
    }

    pub(crate) fn admit(&self, counters: &Counters) -> Result<Admitted, Problem> {
        Ok(Admitted {
            install: acquire(
                Arc::clone(&counters.install),
                Code::RateLimited,
                "concurrency limit of this install reached",
            )?,
            tenant: acquire(
                Arc::clone(&counters.tenant),
                Code::RateLimited,
                "concurrency limit of this tenant reached",
            )?,
            process: acquire(Arc::clone(&self.process), Code::Overloaded, "the runner is at capacity")?,
        })
    }
}

impl Admission {
    /// Acquires more permits. A component with many memories or tables counts as several executions
    /// at every level, because the pool has no more of them. One with a high memory limit counts as
    /// several in the process, so that all executions together fit into its slots; the count is
    /// capped at a lower limit of an install or a tenant, so that they can still run it.
    pub(crate) fn acquire_more(&self, admitted: &mut Admitted, component: u32, memory: u32) -> Result<(), Problem> {
        let capped = |limit: usize| component.max(memory.min(u32::try_from(limit).unwrap_or(u32::MAX)));
        let wanted = [
            (&mut admitted.install, capped(self.limits.install)),
            (&mut admitted.tenant, capped(self.limits.tenant)),
            (&mut admitted.process, capped(self.limits.process)),
        ];
        for (permit, count) in wanted {
            let more = count.saturating_sub(1);
            if more == 0 {
                continue;
            }
            let added = Arc::clone(permit.semaphore()).try_acquire_many_owned(more);
            let full = |_| {
                Problem::new(Code::RateLimited, "not enough capacity is left for this extension").retry_after_seconds(1)
            };
            permit.merge(added.map_err(full)?);
        }
        Ok(())
    }
}

fn acquire(semaphore: Arc<Semaphore>, code: Code, message: &str) -> Result<OwnedSemaphorePermit, Problem> {
    semaphore
        .try_acquire_owned()
        .map_err(|_| Problem::new(code, message).retry_after_seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admission_limits_apply_per_install_per_tenant_and_per_process() {
        let admission = Admission::new(
            AdmissionLimits {
                process: 3,
                tenant: 2,
                install: 1,
            },
            BTreeMap::new(),
        );
        let counters =
            |tenant: &str, install: &str| admission.counters(&tenant.parse().unwrap(), &install.parse().unwrap());
        let admit = |tenant: &str, install: &str| admission.admit(&counters(tenant, install));
        let first = admit("a", "a1").unwrap();
        assert_eq!(admit("a", "a1").err().unwrap().code(), Code::RateLimited);
        let _second = admit("a", "a2").unwrap();
        assert_eq!(admit("a", "a3").err().unwrap().code(), Code::RateLimited);
        let _third = admit("b", "b1").unwrap();
        assert_eq!(admit("b", "b2").err().unwrap().code(), Code::Overloaded);
        drop(first);
        assert!(admit("a", "a1").is_ok());
    }

    #[test]
    fn a_heavy_component_acquires_several_permits_and_releases_them_all() {
        let admission = Admission::new(
            AdmissionLimits {
                process: 8,
                tenant: 8,
                install: 4,
            },
            BTreeMap::new(),
        );
        let counters = admission.counters(&"a".parse().unwrap(), &"a1".parse().unwrap());
        let admit = || admission.admit(&counters);
        let mut heavy = admit().unwrap();
        admission.acquire_more(&mut heavy, 4, 1).unwrap();
        assert_eq!(admit().err().unwrap().code(), Code::RateLimited);
        drop(heavy);
        let acquire_more = |component, memory| admission.acquire_more(&mut admit().unwrap(), component, memory);
        assert_eq!(acquire_more(5, 1).err().unwrap().code(), Code::RateLimited);
        assert!(acquire_more(4, 1).is_ok());
        // Memory counts in full in the process, and never prevents an install from running.
        assert!(acquire_more(1, 8).is_ok());
        let mut large = admit().unwrap();
        admission.acquire_more(&mut large, 1, 8).unwrap();
        let other = admission.counters(&"b".parse().unwrap(), &"b1".parse().unwrap());
        assert_eq!(admission.admit(&other).err().unwrap().code(), Code::Overloaded);
    }
}
