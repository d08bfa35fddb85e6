//! Changes of other processes on the same database, which become effective in this one.

use super::Platform;
use crate::revocations;
use alga_errors::chain;
use alga_store::{ChangeListener, StoreError};
use std::time::Duration;
use tokio::time::sleep;

/// Interval of looking for a newer revocation list of another process: the time for which revoked
/// code may continue to run here.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(10);
/// Changes that make no lookup obsolete: publishers and tenants make them as often as they like.
const UNRELATED: [&str; 6] = [
    "quarantine.lift",
    "quota.set",
    "runner.crash",
    "session.create",
    "version.publish",
    "weight.set",
];
/// Pause before connecting to the database's notifications again.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

impl Platform {
    /// Activates revocation lists that other processes on this database activated. Never returns.
    pub async fn follow_revocations(&self) {
        let mut rounds = tokio::time::interval(FOLLOW_INTERVAL);
        loop {
            rounds.tick().await;
            self.activate_revocations().await;
        }
    }

    /// Makes changes of other processes on this database effective. Never returns.
    pub async fn follow_changes(&self) {
        loop {
            match self.database.listen().await {
                Ok(listener) => {
                    self.set_notified(true);
                    let ended = self.follow(listener).await;
                    self.set_notified(false);
                    let error = ended.map(|error| chain(&error).to_string()).unwrap_or_default();
                    tracing::warn!(%error, "notifications of the database ended; connecting again");
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "no notifications of the database; trying again");
                }
            }
            sleep(LISTEN_PAUSE).await;
        }
    }

    fn set_notified(&self, is_notified: bool) {
        let installs = self.lookups.installs.iter();
        installs.for_each(|installs| installs.set_notified(is_notified));
        self.authenticator.evict_all();
    }

    /// Follows changes until the connection ends.
    async fn follow(&self, mut listener: ChangeListener) -> Option<StoreError> {
        loop {
            match listener.next().await {
                Ok(Some(change)) if change.action.starts_with("key.") => self.authenticator.evict_all(),
                Ok(Some(change)) if change.action.starts_with("revocations.") => {
                    self.activate_revocations().await;
                    // A gateway alone has no list, but responses of code that may be revoked.
                    self.lookups.evict(None);
                }
                Ok(Some(change)) if UNRELATED.contains(&change.action.as_str()) => {}
                Ok(Some(change)) => self.lookups.evict(change.tenant.as_ref()),
                // Changes may have been missed; a new connection is made.
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    }

    async fn activate_revocations(&self) {
        let Some(releases) = &self.releases else {
            return;
        };
        match revocations::follow(&releases.trust, &self.database, &releases.revocation_file).await {
            Ok(true) => self.lookups.evict(None),
            Ok(false) => {}
            Err(error) => tracing::error!(error = %chain(&error), "could not look for a newer revocation list"),
        }
    }
}
