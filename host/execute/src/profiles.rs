//! Profiles of installs, while they are recorded. An execution whose install has none costs one
//! look at a number.

use alga_bundle::{InstallId, TenantId};
use alga_engine::{FinishedProfile, GuestProfile};
use alga_errors::{Code, Problem};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Profiles at the same time in one process: each has up to 20 MiB of stacks, and its executions
/// are slower.
const PROFILES: usize = 4;

/// The installs that are profiled.
#[derive(Default)]
pub struct Profiles {
    running: RwLock<HashMap<InstallId, Arc<Profiled>>>,
    /// Number of profiles; most processes have none.
    count: AtomicUsize,
}

/// An install that is profiled.
struct Profiled {
    tenant: TenantId,
    profile: Arc<GuestProfile>,
    executions: AtomicU64,
    /// True when no samples are added any more; the profile may still be sent.
    is_finished: AtomicBool,
}

/// A profile that is recorded until this is dropped.
pub struct Profiling {
    all: Arc<Profiles>,
    install: InstallId,
    profiled: Arc<Profiled>,
}

impl Profiles {
    /// Starts to profile the executions of an install that begin from now on.
    ///
    /// # Errors
    /// Returns [`Code::Overloaded`] if this process has too many profiles, or one of this tenant.
    pub fn start(self: &Arc<Self>, tenant: &TenantId, install: &InstallId, name: &str) -> Result<Profiling, Problem> {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let is_own = running.contains_key(install) || running.values().any(|profiled| profiled.tenant == *tenant);
        if is_own || running.len() >= PROFILES {
            let message = match is_own {
                true => "an install of this tenant is being profiled already, or its profile is being sent".to_owned(),
                false => format!("{PROFILES} installs are being profiled in this process already"),
            };
            return Err(Problem::new(Code::Overloaded, message).retry_after_seconds(10));
        }
        let profiled = Arc::new(Profiled {
            tenant: tenant.clone(),
            profile: Arc::new(GuestProfile::new(name)),
            executions: AtomicU64::new(0),
            is_finished: AtomicBool::new(false),
        });
        running.insert(install.clone(), Arc::clone(&profiled));
        self.count.store(running.len(), Ordering::Relaxed);
        Ok(Profiling {
            all: Arc::clone(self),
            install: install.clone(),
            profiled,
        })
    }

    /// Returns the profile of an execution that begins, if its install is profiled.
    pub(crate) fn of(&self, install: &InstallId) -> Option<Arc<GuestProfile>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let profiled = running.get(install)?;
        if profiled.is_finished.load(Ordering::Relaxed) {
            return None;
        }
        profiled.executions.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&profiled.profile))
    }
}

impl Profiling {
    /// Ends the profile and returns it. Its place stays occupied until this is dropped.
    ///
    /// # Errors
    /// Returns the errors of [`GuestProfile::finish`].
    pub fn finish(&self) -> serde_json::Result<FinishedProfile> {
        self.profiled.is_finished.store(true, Ordering::Relaxed);
        self.profiled.profile.finish()
    }

    /// Returns the number of executions that have begun.
    #[must_use]
    pub fn executions(&self) -> u64 {
        self.profiled.executions.load(Ordering::Relaxed)
    }
}

impl Drop for Profiling {
    fn drop(&mut self) {
        let mut running = self.all.running.write().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.install);
        self.all.count.store(running.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_one_profile_and_a_process_few_and_each_ends_with_its_reader() {
        let profiles = Arc::<Profiles>::default();
        let tenant = |number: usize| format!("tenant-{number}").parse::<TenantId>().unwrap();
        let install = |number: usize| format!("install-{number}").parse::<InstallId>().unwrap();
        assert!(profiles.of(&install(0)).is_none());
        let first = profiles.start(&tenant(0), &install(0), "first").unwrap();
        for number in [0, 1] {
            let refused = profiles.start(&tenant(0), &install(number), "own").err().unwrap();
            assert!(refused.to_string().contains("already"), "{refused}");
        }
        let others = (1..PROFILES).map(|number| profiles.start(&tenant(number), &install(number), "other"));
        let _others: Vec<_> = others.collect::<Result<_, _>>().unwrap();
        let (last, more) = (tenant(PROFILES), install(PROFILES));
        assert_eq!(
            profiles.start(&last, &more, "more").err().unwrap().code(),
            Code::Overloaded
        );
        assert!(profiles.of(&install(0)).is_some() && profiles.of(&more).is_none());
        assert_eq!(first.executions(), 1);
        first.finish().unwrap();
        assert!(profiles.of(&install(0)).is_none() && profiles.start(&tenant(0), &install(0), "own").is_err());
        drop(first);
        assert!(profiles.of(&install(0)).is_none());
        assert!(profiles.start(&last, &more, "more").is_ok());
    }
}
