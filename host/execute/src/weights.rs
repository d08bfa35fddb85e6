//! Weights of tenants: configured, or set while the runner runs.

use alga_bundle::{HIGHEST_WEIGHT, TenantId};
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::schedule::Share;

/// Maximum number of cached tenants. The weight of one that is evicted changes for its next token.
const TENANTS: u64 = 100_000;

/// Weights of all tenants, from 1 to [`HIGHEST_WEIGHT`].
#[derive(Debug)]
pub struct Weights {
    configured: BTreeMap<TenantId, u32>,
    set: RwLock<BTreeMap<TenantId, u32>>,
    live: Cache<TenantId, Arc<AtomicU32>>,
}

impl Weights {
    /// Creates weights of which none was set yet. A tenant that is not configured has weight 1.
    #[must_use]
    pub fn new(configured: BTreeMap<TenantId, u32>) -> Arc<Self> {
        Arc::new(Self {
            configured,
            set: RwLock::default(),
            live: Cache::new(TENANTS),
        })
    }

    /// Sets the weight of a tenant from its next slice on, or resets it to the configured one.
    pub fn set(&self, tenant: &TenantId, weight: Option<u32>) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        match weight {
            Some(weight) => set.insert(tenant.clone(), weight.clamp(1, HIGHEST_WEIGHT)),
            None => set.remove(tenant),
        };
        let now = self.configured_or(set.get(tenant), tenant);
        // With the lock: a tenant that appears at this moment gets this weight, or is found here.
        if let Some(live) = self.live.get(tenant) {
            live.store(now, Ordering::Relaxed);
        }
    }

    fn configured_or(&self, set: Option<&u32>, tenant: &TenantId) -> u32 {
        set.or_else(|| self.configured.get(tenant)).copied().unwrap_or(1)
    }

    /// Returns the weight of a tenant, which changes when another one is set.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<AtomicU32> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(AtomicU32::new(self.configured_or(set.get(tenant), tenant)));
        self.live.get_with_by_ref(tenant, new)
    }
}

/// The share of a tenant in the run slots, which changes with its weight.
#[derive(Debug, Clone)]
pub(crate) struct LiveShare {
    pub(crate) tenant: u64,
    pub(crate) weight: Arc<AtomicU32>,
}

impl LiveShare {
    /// Returns the share at this moment.
    pub(crate) fn now(&self) -> Share {
        Share {
            tenant: self.tenant,
            weight: self.weight.load(Ordering::Relaxed),
        }
    }
}

impl From<Share> for LiveShare {
    fn from(Share { tenant, weight }: Share) -> Self {
        let weight = Arc::new(AtomicU32::new(weight));
        Self { tenant, weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_that_is_set_replaces_the_configured_one_until_it_is_reset() {
        let [acme, globex]: [TenantId; 2] = ["acme", "globex"].map(|tenant| tenant.parse().unwrap());
        let weights = Weights::new([(acme.clone(), 4)].into());
        let [of_acme, of_globex] = [&acme, &globex].map(|tenant| weights.of(tenant));
        let now = || [&of_acme, &of_globex].map(|weight| weight.load(Ordering::Relaxed));
        assert_eq!(now(), [4, 1]);
        weights.set(&acme, Some(7));
        weights.set(&globex, Some(1_000_000));
        assert_eq!(now(), [7, HIGHEST_WEIGHT]);
        weights.set(&globex, Some(0));
        weights.set(&acme, None);
        assert_eq!(now(), [4, 1]);
        let late: TenantId = "late".parse().unwrap();
        weights.set(&late, Some(3));
        assert_eq!(weights.of(&late).load(Ordering::Relaxed), 3);
    }
}
