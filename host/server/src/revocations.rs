//! Selects the revocation list that is active in a process. There may be one in the database, one
//! on this host's disk, and one in a file that the operator specifies at startup. The newest is
//! used. A database whose list is older than one that this host has seen was restored from an older
//! backup: then the server does not start until the operator decides which state is right.

use crate::StartError;
use alga_signing::{RevocationList, TrustPolicy};
use alga_store::{Database, RevocationFile, StoreError, StoredRevocations};
use jiff::Timestamp;

/// Inputs for selecting the list at startup.
pub(crate) struct RevocationStartup<'a> {
    pub(crate) trust: &'a TrustPolicy,
    pub(crate) database: &'a Database,
    pub(crate) file: &'a RevocationFile,
    /// A signed list of the operator: it allows replacing the key that signs lists.
    pub(crate) supplied: Option<String>,
    /// True to write the host's newer list into the database.
    pub(crate) adopt: bool,
}

impl RevocationStartup<'_> {
    pub(crate) async fn restore(self) -> Result<(), StartError> {
        let (in_database, on_host) = (self.database.newest_revocations().await?, self.file.read()?);
        let claimed = on_host
            .as_ref()
            .and_then(|envelope| RevocationList::claimed_epoch(envelope.as_bytes()));
        let seen = in_database
            .as_ref()
            .map_or(0, |list| list.epoch)
            .max(claimed.unwrap_or(0));
        if self.is_supplied(seen).await? {
            return Ok(());
        }
        let read = |envelope: &str| self.trust.read_revocations(envelope.as_bytes());
        let on_host = on_host.map(|envelope| Ok::<_, StartError>((read(&envelope)?, envelope)));
        let on_host = on_host.transpose()?;
        let known = in_database.as_ref().map_or(0, |list| list.epoch);
        match (in_database, on_host) {
            (_, Some((list, envelope))) if list.epoch > known => self.adopt(list, envelope, known).await?,
            (Some(stored), _) => {
                let list = read(&stored.envelope)?;
                // The column only orders lists; only signed content is trusted.
                if list.epoch != stored.epoch {
                    return Err(
                        StoreError::Row("the epoch of a revocation list differs from its row".to_owned()).into(),
                    );
                }
                self.file.write(&stored)?;
                self.trust.activate_revocations(list);
            }
            (None, _) => {}
        }
        if self.trust.is_overdue() {
            tracing::error!(
                "the revocation list is out of date: publishing and installing are refused until there is a newer one"
            );
        }
        Ok(())
    }

    /// Activates the operator's list if it is newer than any known one; returns whether it did.
    async fn is_supplied(&self, known: u64) -> Result<bool, StartError> {
        let Some(envelope) = &self.supplied else {
            return Ok(false);
        };
        let list = self.trust.read_revocations(envelope.as_bytes())?;
        if list.epoch <= known {
            return Ok(false);
        }
        list.may_follow(known, Timestamp::now())?;
        let stored = StoredRevocations {
            epoch: list.epoch,
            envelope: envelope.clone(),
        };
        self.database.add_revocations(&stored).await?;
        self.file.write(&stored)?;
        self.trust.activate_revocations(list);
        Ok(true)
    }

    async fn adopt(&self, list: RevocationList, envelope: String, known: u64) -> Result<(), StartError> {
        let epoch = list.epoch;
        if !self.adopt {
            tracing::error!(database = known, host = epoch, "the database was rolled back");
            return Err(StartError::RolledBack {
                database: known,
                host: epoch,
            });
        }
        self.database
            .add_revocations(&StoredRevocations { epoch, envelope })
            .await?;
        self.trust.activate_revocations(list);
        Ok(())
    }
}

/// Activates a newer list that another process stored in the database; returns whether there was
/// one.
pub(crate) async fn follow(
    trust: &TrustPolicy,
    database: &Database,
    file: &RevocationFile,
) -> Result<bool, StartError> {
    let present = trust.revocations().map_or(0, |list| list.epoch);
    let Some(stored) = database
        .newest_revocations()
        .await?
        .filter(|stored| stored.epoch > present)
    else {
        return Ok(false);
    };
    let list = trust.read_revocations(stored.envelope.as_bytes())?;
    if list.epoch != stored.epoch {
        return Err(StoreError::Row("the epoch of a revocation list differs from its row".to_owned()).into());
    }
    file.write(&stored)?;
    tracing::warn!(epoch = list.epoch, "activated a new revocation list");
    trust.activate_revocations(list);
    Ok(true)
}
