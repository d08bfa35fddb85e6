//! The process-wide policy for verifying releases, and the one place where it changes.

use crate::{Policy, Receipt, Rejected, RevocationError, RevocationList, TrustBundle, Verified, VerifyingKey, verify};
use alga_bundle::{Bundle, BundleError, Capability, Digest};
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The trust bundle, the registry's public key, and the newest revocation list.
pub struct TrustPolicy {
    trust: TrustBundle,
    registry: VerifyingKey,
    revocations: RwLock<Option<Arc<RevocationList>>>,
    generation: AtomicU64,
}

/// A release as it was stored.
#[derive(Debug, Clone, Copy)]
pub struct StoredRelease<'a> {
    /// The bytes of the bundle.
    pub bundle: &'a [u8],
    /// The signature file.
    pub signatures: &'a [u8],
    /// The registry's receipt, if there is one.
    pub receipt: Option<&'a [u8]>,
}

/// Reason why a stored release is not valid.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The bytes are not those of the content hash.
    #[error("its content hash does not match")]
    ContentHash,
    /// The bytes are not a valid bundle, or import more than its manifest declares.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No trusted signer signed it, or it was revoked.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl TrustPolicy {
    /// Makes a policy that has no revocation list yet. `registry` verifies receipts.
    #[must_use]
    pub fn new(trust: TrustBundle, registry: VerifyingKey) -> Self {
        Self {
            trust,
            registry,
            revocations: RwLock::new(None),
            generation: AtomicU64::new(0),
        }
    }

    /// Verifies a release that was received at `received_at`.
    ///
    /// # Errors
    /// Returns the errors of [`verify`].
    pub fn verify_received(
        &self,
        signatures: &[u8],
        bundle: &Bundle,
        received_at: Timestamp,
    ) -> Result<Verified, Rejected> {
        self.verify_at(signatures, bundle, received_at)
    }

    /// Verifies a stored release as of the time on its receipt, or as of now if it has no valid
    /// receipt.
    ///
    /// # Errors
    /// Returns the errors of [`verify`].
    pub fn verify_at_receipt(
        &self,
        signatures: &[u8],
        receipt: Option<&[u8]>,
        bundle: &Bundle,
    ) -> Result<Verified, Rejected> {
        let receipt = receipt.and_then(|receipt| Receipt::read(receipt, &self.registry, bundle.digest()));
        let at = receipt.map_or_else(Timestamp::now, |receipt| receipt.received_at);
        self.verify_at(signatures, bundle, at)
    }

    /// Verifies a stored release on the bytes that are used afterwards: 1. its content hash, 2. its
    /// form and its imports, 3. its signature, as [`Self::verify_at_receipt`].
    ///
    /// # Errors
    /// Returns the [`StoredError`] of the first check that fails.
    pub fn verify_stored(
        &self,
        content_hash: Digest,
        stored: &StoredRelease<'_>,
        known: &[Capability],
    ) -> Result<Bundle, StoredError> {
        // 1.
        if Digest::of(stored.bundle) != content_hash {
            return Err(StoredError::ContentHash);
        }
        // 2.
        let bundle = Bundle::read(stored.bundle, known)?;
        // 3.
        self.verify_at_receipt(stored.signatures, stored.receipt, &bundle)?;
        Ok(bundle)
    }

    fn verify_at(&self, signatures: &[u8], bundle: &Bundle, at: Timestamp) -> Result<Verified, Rejected> {
        let revocations = self.revocations();
        let policy = Policy {
            trust: &self.trust,
            revocations: revocations.as_deref(),
            at,
        };
        verify(signatures, bundle, policy)
    }

    /// The registry's public key.
    #[must_use]
    pub fn registry(&self) -> &VerifyingKey {
        &self.registry
    }

    /// Reads and verifies a signed revocation list without activating it.
    ///
    /// # Errors
    /// Returns [`RevocationError`] if no trusted revocation key signed it, or if it is not a
    /// revocation list.
    pub fn read_revocations(&self, envelope: &[u8]) -> Result<RevocationList, RevocationError> {
        RevocationList::read(envelope, &self.trust)
    }

    /// Activates this revocation list if it is newer than the active one.
    pub fn activate_revocations(&self, list: RevocationList) {
        let mut present = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        if present.as_ref().is_none_or(|present| present.epoch < list.epoch) {
            *present = Some(Arc::new(list));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// The active revocation list, if there is one.
    #[must_use]
    pub fn revocations(&self) -> Option<Arc<RevocationList>> {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A counter that grows with every list. A verification made under an older generation must be
    /// repeated.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// True if the next revocation list is overdue: installs and publishes are refused then.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.revocations().is_some_and(|list| list.is_overdue(Timestamp::now()))
    }
}
