//! Signed lists of what is no longer believed. Each list replaces the one before; its epoch only ever grows, so an old list cannot be played back.

use crate::envelope::pre_authentication_encoding;
use crate::{Envelope, EnvelopeError, Signature, Signer, SigningKey, TrustBundle};
use alga_bundle::Digest;
use alga_bundle::read_json;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const PAYLOAD_TYPE: &str = "application/vnd.alga.revocations+json";
/// How far an epoch may be ahead of the last one. Without a bound, one stolen signature could use up all numbers there are.
const EPOCH_STEP: u64 = 1_000;
/// How long after a list's end installs and publishes go on: time to notice that lists no longer arrive.
pub const REVOCATION_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// What is no longer believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationList {
    /// Larger than that of every list before, by at most 1000.
    pub epoch: u64,
    /// When it was made.
    #[schemars(with = "String")]
    pub issued_at: Timestamp,
    /// When the next list is due at the latest.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// Content that may not run.
    #[serde(default)]
    pub bundles: Vec<RevokedBundle>,
    /// Signers who are not believed from a time on.
    #[serde(default)]
    pub signers: Vec<RevokedSigner>,
}

/// A bundle that may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokedBundle {
    /// Which.
    pub content_hash: Digest,
    /// For people.
    pub reason: String,
}

/// A signer who is not believed from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokedSigner {
    /// As a version shows it: a key's id, `certificate <authority> <identity>`, or `keyless <deployment> <issuer> <identity>`.
    pub signer: String,
    /// What the registry received before stays good.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// For people.
    pub reason: String,
}

/// Why a list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// Not an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Not a list.
    #[error("not a revocation list: {0}")]
    Form(String),
    /// Nobody who may revoke signed it.
    #[error(
        "the list is not signed by one of the trust bundle's `revocationKeys`\nhint: add the key there, or sign the list with one of them"
    )]
    Signature,
    /// Older than what is known, or too far ahead.
    #[error("epoch {found} does not follow {current}: the next one is {} to {}", .current.saturating_add(1), .current.saturating_add(EPOCH_STEP))]
    Epoch {
        /// What the list says.
        found: u64,
        /// What is known.
        current: u64,
    },
    /// It was over before it came.
    #[error("the list ended at {0}")]
    Expired(Timestamp),
}

/// Content or signer is revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("revoked: {0}")]
pub struct Revoked(pub String);

/// Signs a list.
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
    /// When it is not one.
    pub fn read(envelope: &[u8], trust: &TrustBundle) -> Result<Self, RevocationError> {
        let envelope = Envelope::parse(envelope)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(RevocationError::Form("its payload type is another".to_owned()));
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

    /// The epoch that an envelope claims, whoever signed it: good for not going below it, and for nothing else.
    #[must_use]
    pub fn claimed_epoch(envelope: &[u8]) -> Option<u64> {
        let payload = Envelope::parse(envelope).ok()?.payload().ok()?;
        read_json(&payload).ok().map(|list: Self| list.epoch)
    }

    /// Whether this list may follow one of epoch `current` (0: none).
    ///
    /// # Errors
    /// When it is not newer, too far ahead, or over.
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

    /// Whether the next list is overdue by more than [`REVOCATION_GRACE`].
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now.duration_since(self.expires_at) > REVOCATION_GRACE
    }

    /// Whether content that this signer released, received at a time, is still believed.
    ///
    /// # Errors
    /// When it is not.
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
