use super::*;
use crate::RateLimits;
use std::num::NonZeroU32;
use tempfile::TempDir;

const NAME: &str = "com.example.missing";

async fn installs() -> (TempDir, Installs) {
    let directory = TempDir::new().unwrap();
    let database = Database::open_sqlite(&directory.path().join("test.sqlite")).await;
    (directory, Installs::new(database.unwrap()))
}

fn rates() -> Rates {
    let many = NonZeroU32::new(1_000_000).unwrap();
    Rates::new(RateLimits {
        tenant: many,
        install: many,
        endpoint: many,
    })
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

impl Installs {
    /// Looks an install up that there is not; returns the error.
    async fn miss(&self, tenant: &TenantId, rates: &Rates) -> Code {
        self.find(tenant, NAME, rates).await.err().unwrap().code()
    }

    /// Returns the cached lookup of an install.
    async fn cached(&self, tenant: &TenantId) -> Lookup {
        self.lookups.get(&(tenant.clone(), NAME.to_owned())).await.unwrap()
    }

    /// Makes a lookup older than it is.
    async fn age(&self, tenant: &TenantId, by: Duration) {
        let mut lookup = self.cached(tenant).await;
        lookup.at = lookup.at.checked_sub(by).unwrap();
        self.lookups.insert((tenant.clone(), NAME.to_owned()), lookup).await;
    }
}

#[tokio::test]
async fn a_change_of_a_tenant_makes_its_own_lookups_obsolete_and_one_of_all_makes_all() {
    let (_directory, installs) = installs().await;
    let acme = tenant("acme");
    let other = (0..)
        .map(|number| tenant(&format!("other-{number}")))
        .find(|other| !std::ptr::eq(installs.changes.of(other).unwrap(), installs.changes.of(&acme).unwrap()))
        .unwrap();
    let rates = rates();
    for tenant in [&acme, &other] {
        assert_eq!(installs.miss(tenant, &rates).await, Code::ExtensionNotAvailable);
    }
    let [of_acme, of_other] = [installs.cached(&acme).await, installs.cached(&other).await];
    installs.evict(Some(&acme));
    assert!(!installs.is_current(&of_acme, &acme));
    assert!(installs.is_current(&of_other, &other));
    installs.evict(None);
    assert!(!installs.is_current(&of_other, &other));
}

#[tokio::test]
async fn a_lookup_in_use_is_made_again_before_its_life_ends() {
    let (_directory, installs) = installs().await;
    let (acme, rates) = (tenant("acme"), rates());
    installs.miss(&acme, &rates).await;
    let first = installs.cached(&acme).await.at;
    installs.age(&acme, LIFE / REFRESHED_AT).await;
    assert_eq!(installs.miss(&acme, &rates).await, Code::ExtensionNotAvailable);
    while installs.cached(&acme).await.at <= first {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn while_the_database_does_not_respond_a_lookup_is_in_use_until_its_life_ends() {
    let (_directory, installs) = installs().await;
    let (acme, rates) = (tenant("acme"), rates());
    installs.miss(&acme, &rates).await;
    installs.database.close().await;
    installs.age(&acme, LIFE / REFRESHED_AT).await;
    for _ in 0..3 {
        assert_eq!(installs.miss(&acme, &rates).await, Code::ExtensionNotAvailable);
        // The next request tries again.
        while installs.cached(&acme).await.is_refreshed.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
    installs.age(&acme, LIFE).await;
    assert_eq!(installs.miss(&acme, &rates).await, Code::Internal);
}
