//! Signed revocation lists. Each list replaces the previous one; its epoch only grows, so an old
//! list cannot be replayed.

use crate::envelope::pre_authentication_encoding;
use crate::{Envelope, EnvelopeError, Signature, Signer, SigningKey, TrustBundle};
use alga_bundle::Digest;
use alga_bundle::read_json;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const PAYLOAD_TYPE: &str = "application/vnd.alga.revocations+json";
/// The maximum step from one epoch to the next. Without a bound, one stolen signature could exhaust
/// all numbers.
const EPOCH_STEP: u64 = 1_000;
/// The time after a list's expiry in which installs and publishes are still possible. It lets an
/// operator notice that lists no longer arrive.
pub const REVOCATION_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// A list of revoked bundles and signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationList {
    /// Number of the list: larger than that of every earlier list, by at most 1000.
    pub epoch: u64,
    /// Time at which the list was made.
    #[schemars(with = "String")]
    pub issued_at: Timestamp,
    /// Time at which the list expires.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// Bundles that may not run.
    #[serde(default)]
    pub bundles: Vec<RevokedBundle>,
    /// Signers that are no longer trusted, each from a given time on.
    #[serde(default)]
    pub signers: Vec<RevokedSigner>,
}

/// A bundle that may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokedBundle {
    /// Content hash of the bundle.
    pub content_hash: Digest,
    /// Reason, as human-readable text.
    pub reason: String,
}

/// A signer that is no longer trusted from a given time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokedSigner {
    /// Signer as shown for a version: a key's id, `certificate <authority> <identity>`, or `keyless
    /// <deployment> <issuer> <identity>`.
    pub signer: String,
    /// Time from which the signer is not trusted. Releases that the registry received earlier stay
    /// valid.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Reason, as human-readable text.
    pub reason: String,
}

/// An error of reading or activating a revocation list.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The bytes are not an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The payload is not a revocation list.
    #[error("not a revocation list: {0}")]
    Form(String),
    /// No trusted revocation key signed the list.
    #[error(
        "the list is not signed by one of the trust bundle's `revocationKeys`\nhint: add the key there, or sign the list with one of them"
    )]
    Signature,
    /// The epoch is not newer than the current one, or too far ahead.
    #[error("epoch {found} does not follow {current}: the next one is {} to {}", .current.saturating_add(1), .current.saturating_add(EPOCH_STEP))]
    Epoch {
        /// The epoch of the list.
        found: u64,
        /// The current epoch.
        current: u64,
    },
    /// The list has already expired.
    #[error("the list expired at {0}")]
    Expired(Timestamp),
}

/// The error for revoked content or a revoked signer, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("revoked: {0}")]
pub struct Revoked(pub String);

/// Signs a revocation list.
#[must_use]
pub fn sign_revocations(list: &RevocationList, key: &SigningKey) -> Envelope {
    // Structs of strings and numbers always have a JSON form.
    let payload = serde_json::to_vec(list).unwrap_or_default();
    let signature = Signature::Key {
        id: key.verifying_key().id(),
        signature: key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, &payload)),
    };
    Envelope::new(PAYLOAD_TYPE, &payload, &signature)
}

impl RevocationList {
    /// Reads a list that one of the trust bundle's revocation keys signed.
    ///
    /// # Errors
    /// Returns [`RevocationError`] if the envelope, the list or its signature is not valid.
    pub fn read(envelope: &[u8], trust: &TrustBundle) -> Result<Self, RevocationError> {
        let envelope = Envelope::parse(envelope)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(RevocationError::Form("unexpected payload type".to_owned()));
        }
        let payload = envelope.payload()?;
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let is_trusted = |signature: Signature| match signature {
            Signature::Key { id, signature } => trust
                .revocation_key(&id)
                .is_some_and(|key| key.verifies(&message, &signature)),
            _ => false,
        };
        if !envelope.signatures().any(is_trusted) {
            return Err(RevocationError::Signature);
        }
        read_json(&payload).map_err(|error| RevocationError::Form(error.to_string()))
    }

    /// Returns the epoch that an envelope claims, without verifying its signature. Use it only as a
    /// lower bound for the epoch.
    #[must_use]
    pub fn claimed_epoch(envelope: &[u8]) -> Option<u64> {
        let payload = Envelope::parse(envelope).ok()?.payload().ok()?;
        read_json(&payload).ok().map(|list: Self| list.epoch)
    }

    /// Checks that this list may follow one of epoch `current` (0: none).
    ///
    /// # Errors
    /// Returns [`RevocationError::Epoch`] if the list is not newer or too far ahead, and
    /// [`RevocationError::Expired`] if it has expired.
    pub fn may_follow(&self, current: u64, now: Timestamp) -> Result<(), RevocationError> {
        let found = self.epoch;
        if found <= current || found - current > EPOCH_STEP {
            return Err(RevocationError::Epoch { found, current });
        }
        if self.expires_at <= now {
            return Err(RevocationError::Expired(self.expires_at));
        }
        Ok(())
    }

    /// Returns whether the next list is overdue by more than [`REVOCATION_GRACE`].
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now.duration_since(self.expires_at) > REVOCATION_GRACE
    }

    /// Checks that neither this content nor its signer is revoked, for content that was received at
    /// `received_at`.
    ///
    /// # Errors
    /// Returns [`Revoked`] with the reason if one of them is.
    pub fn check(&self, content_hash: Digest, signer: &Signer, received_at: Timestamp) -> Result<(), Revoked> {
        if let Some(bundle) = self.bundles.iter().find(|bundle| bundle.content_hash == content_hash) {
            return Err(Revoked(format!("this bundle ({})", bundle.reason)));
        }
        let name = signer.to_string();
        match self
            .signers
            .iter()
            .find(|revoked| revoked.signer == name && received_at >= revoked.since)
        {
            Some(revoked) => Err(Revoked(format!(
                "its signer {name} since {} ({})",
                revoked.since, revoked.reason
            ))),
            None => Ok(()),
        }
    }
}
