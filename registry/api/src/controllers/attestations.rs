//! The signatures of a bundle and the registry's receipt, which records who signed it and when the
//! registry received it. They are stored and replaced as a pair.

use crate::RegistryDependencies;
use crate::error::ApiError;
use crate::problems::rejected;
use alga_bundle::Bundle;
use alga_errors::Problem;
use alga_signing::{Receipt, Verified};
use jiff::Timestamp;
use std::sync::Arc;

pub(super) struct Attestations {
    pub(super) signatures: Vec<u8>,
    pub(super) receipt: Vec<u8>,
    pub(super) signer: String,
}

impl Attestations {
    pub(super) fn new(
        dependencies: &RegistryDependencies,
        bundle: &Bundle,
        verified: &Verified,
        signatures: Vec<u8>,
        received_at: Timestamp,
    ) -> Self {
        let signer = verified.signer.to_string();
        let receipt = Receipt {
            statement: verified.statement.clone(),
            signer: signer.clone(),
            capability_proof: bundle.proof().clone(),
            received_at,
        };
        Self {
            signatures,
            receipt: receipt.sign(&dependencies.registry_key).to_json(),
            signer,
        }
    }
}

/// Returns the stored attestations if they still verify, so that publishing the same release again
/// leaves the version unchanged. Otherwise (they are damaged, or their key was replaced) returns
/// the fresh ones. Either way they are verified as on every load, including against a revocation
/// list that arrived in the meantime.
pub(super) async fn retain_or_replace(
    dependencies: &Arc<RegistryDependencies>,
    bundle: &Arc<Bundle>,
    fresh: Attestations,
) -> Result<Attestations, ApiError> {
    let stored = dependencies.blobs.attestations(bundle.digest()).await?;
    let (dependencies, bundle) = (Arc::clone(dependencies), Arc::clone(bundle));
    let settled = tokio::task::spawn_blocking(move || {
        if let Some(existing) = stored.and_then(|stored| verify_existing(&dependencies, &bundle, stored)) {
            return Ok(existing);
        }
        let verified = dependencies
            .trust
            .verify_at_receipt(&fresh.signatures, Some(&fresh.receipt), &bundle);
        verified.map(|_| fresh).map_err(|error| rejected(&error))
    });
    Ok(settled.await.map_err(Problem::internal)??)
}

fn verify_existing(
    dependencies: &RegistryDependencies,
    bundle: &Bundle,
    (signatures, receipt): (Vec<u8>, Vec<u8>),
) -> Option<Attestations> {
    // A receipt that this registry did not sign does not prove the time of receipt.
    Receipt::read(&receipt, dependencies.trust.registry(), bundle.digest())?;
    let verified = dependencies
        .trust
        .verify_at_receipt(&signatures, Some(&receipt), bundle)
        .ok()?;
    Some(Attestations {
        signatures,
        receipt,
        signer: verified.signer.to_string(),
    })
}
