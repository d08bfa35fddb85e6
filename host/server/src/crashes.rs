//! Counts crashes of earlier processes when a runner starts.

use crate::{Config, StartError};
use alga_bundle::Digest;
use alga_engine::CrashJournal;
use alga_errors::chain;
use alga_store::Database;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Opens the journal of what this runner executes, and counts what earlier runners of this host
/// were executing when they died. Without a journal the runner works, but the cause of a crash
/// stays unknown.
pub(crate) async fn crash_journal(config: &Config, database: &Database) -> Result<Arc<CrashJournal>, StartError> {
    let (journal, evidence) = match CrashJournal::open(&config.cache_root) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(
                error = %chain(&error), directory = %config.cache_root.display(),
                "no journal of executions: what crashes this runner will not be quarantined"
            );
            return Ok(CrashJournal::in_memory());
        }
    };
    if !evidence.is_empty() {
        let digests = |all: &BTreeSet<[u8; 32]>| all.iter().copied().map(Digest::from_hash).collect::<Vec<_>>();
        let (executing, panicked) = (digests(&evidence.executing), digests(&evidence.panicked));
        for crashes in database.count_crash(&executing, &panicked).await? {
            tracing::warn!(
                content_hash = %crashes.content_hash, crashes = crashes.crashes, quarantines = crashes.quarantines,
                "a runner of this host crashed while it executed this extension"
            );
        }
    }
    // Only now: if it cannot be counted, the next start tries again.
    evidence.clear();
    Ok(journal)
}
