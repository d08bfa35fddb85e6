//! One execution for one key: (tenant, install, user, method, path with query, key). The body's hash must match. The user is a part of it because
//! an answer may be for one user only.
//!
//! Kept in this process, bounded in bytes and time. Answers of the guest are kept; failures of ours are not, so that trying again helps.

use crate::service::Outcome;
use alga_bundle::{InstallId, TenantId};
use alga_capabilities::UserKind;
use alga_errors::{Code, Problem};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// Bytes of all answers that are kept.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// What an answer costs beside its body.
const ENTRY_BYTES: usize = 1024;

/// Which execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IdempotencyKey {
    pub(crate) tenant: TenantId,
    pub(crate) install: InstallId,
    pub(crate) user: Option<(UserKind, String)>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) key: String,
}

#[derive(Clone)]
struct Kept {
    body: [u8; 32],
    outcome: Arc<Outcome>,
}

/// What was answered to which key.
pub(crate) struct Idempotency {
    kept: Cache<IdempotencyKey, Kept>,
}

/// What tells bodies apart.
pub(crate) fn body_digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// Bytes that an answer and its key take.
fn weigh(key: &IdempotencyKey, kept: &Kept) -> usize {
    let answer = kept.outcome.result.as_ref().map_or(0, |response| {
        let headers = response.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        headers + response.body.len()
    });
    key.method.len() + key.path.len() + key.key.len() + answer + ENTRY_BYTES
}

/// An outcome that is not kept, handed to those who waited for it.
struct NotKept(std::sync::Mutex<Option<Outcome>>);

impl Idempotency {
    pub(crate) fn new() -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(KEPT_BYTES)
                .weigher(|key, kept| u32::try_from(weigh(key, kept)).unwrap_or(u32::MAX))
                .time_to_live(KEPT)
                .build(),
        }
    }

    /// The outcome for a key: what was answered before, or what `execute` answers now.
    pub(crate) async fn once(
        &self,
        key: IdempotencyKey,
        body: [u8; 32],
        execute: impl Future<Output = Outcome>,
    ) -> Result<Arc<Outcome>, Problem> {
        let answered = async {
            let outcome = execute.await;
            if outcome.result.is_ok() {
                Ok(Kept {
                    body,
                    outcome: Arc::new(outcome),
                })
            } else {
                Err(NotKept(std::sync::Mutex::new(Some(outcome))))
            }
        };
        match self.kept.try_get_with(key, Box::pin(answered)).await {
            Ok(kept) if kept.body == body => Ok(kept.outcome),
            Ok(_) => Err(Problem::new(
                Code::IdempotencyMismatch,
                "this idempotency key was used with another body",
            )),
            // The first who waits gets the failure itself; the others are told to try again.
            Err(not_kept) => {
                let outcome = not_kept.0.lock().ok().and_then(|mut outcome| outcome.take());
                let again =
                    || Problem::new(Code::Overloaded, "the same request failed a moment ago").retry_after_seconds(1);
                outcome.map(Arc::new).ok_or_else(again)
            }
        }
    }
}
