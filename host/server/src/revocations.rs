//! Which revocation list a process starts with. Three places may know one: the database, this host's disk, nobody. The newest counts, and a database that
//! knows less than this host has seen was put back to an older state: then nothing starts until the operator has said what is true.

use crate::StartError;
use alga_signing::TrustPolicy;
use alga_store::{Database, RevocationFile, StoredRevocations};

pub(crate) async fn restore(
    trust: &TrustPolicy,
    database: &Database,
    file: &RevocationFile,
    adopt: bool,
) -> Result<(), StartError> {
    let in_database = database.newest_revocations().await?;
    let on_host = match file.read()? {
        Some(envelope) => Some((trust.read_revocations(envelope.as_bytes())?, envelope)),
        None => None,
    };
    let known = in_database.as_ref().map_or(0, |list| list.epoch);
    match (in_database, on_host) {
        (_, Some((list, envelope))) if list.epoch > known => {
            if !adopt {
                tracing::error!(database = known, host = list.epoch, "the database was rolled back");
                let host = list.epoch;
                return Err(StartError::RolledBack { database: known, host });
            }
            let epoch = list.epoch;
            database.add_revocations(&StoredRevocations { epoch, envelope }).await?;
            trust.take_revocations(list);
        }
        (Some(stored), _) => {
            let list = trust.read_revocations(stored.envelope.as_bytes())?;
            file.write(&stored)?;
            trust.take_revocations(list);
        }
        (None, _) => {}
    }
    if trust.is_overdue() {
        tracing::error!(
            "the revocation list is out of date: nothing new is published or installed until a newer one comes"
        );
    }
    Ok(())
}
