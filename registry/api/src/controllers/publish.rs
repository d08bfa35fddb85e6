//! Publishing a release.
//!
//! 1. receive, 2. read under limits and prove the capabilities, 3. verify the signature, 4. compile in a child, 5. put the bundle, 6. insert the
//!    version in one transaction, 7. acknowledge. A crash before 6 leaves nothing but bytes that nobody refers to; repeating the request
//!    with the same bytes always ends well.

use super::revocations::not_overdue;
use crate::RegistryParts;
use crate::failure::Failure;
use alga_bundle::{Bundle, BundleError};
use alga_capabilities::known;
use alga_engine::CompileError;
use alga_errors::{Code, Problem, chain};
use alga_signing::{Receipt, Rejected, Verified};
use alga_store::{NewVersion, PublishOutcome, StoredBundle};
use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What publishing answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    id: String,
    name: String,
    version: String,
    content_hash: String,
    capabilities: BTreeSet<alga_bundle::CapabilityName>,
    /// Declared and not imported.
    unused_capabilities: BTreeSet<alga_bundle::CapabilityName>,
    signing_key: String,
    created: bool,
}

pub(crate) async fn publish(
    State(parts): State<Arc<RegistryParts>>,
    form: Multipart,
) -> Result<(StatusCode, Json<Published>), Failure> {
    // 1.
    not_overdue(&parts)?;
    let stored = receive(form).await?;
    // 2. and 3.
    let (mut stored, bundle, verified) = check(&parts, stored).await?;
    // 4.
    compile(&parts, &bundle).await?;
    // 5.
    let receipt = receipt(&parts, &bundle, &verified).await?;
    stored.receipt = Some(receipt.clone());
    parts.blobs.put(bundle.digest(), &stored).await?;
    // 6.
    let signing_key = verified.signer.to_string();
    let outcome = parts
        .database
        .publish(&NewVersion {
            manifest: bundle.manifest(),
            proof: bundle.proof(),
            content_hash: bundle.digest(),
            size_bytes: stored.bundle.len(),
            signing_key: &signing_key,
            receipt: &String::from_utf8_lossy(&receipt),
        })
        .await?;
    // 7.
    let (status, id) = match &outcome {
        PublishOutcome::Created(id) => (StatusCode::CREATED, id),
        PublishOutcome::Unchanged(id) => (StatusCode::OK, id),
    };
    tracing::info!(name = %bundle.manifest().name, version = %bundle.manifest().version, content_hash = %bundle.digest(), "published");
    let published = Published {
        id: id.to_string(),
        name: bundle.manifest().name.to_string(),
        version: bundle.manifest().version.to_string(),
        content_hash: bundle.digest().to_string(),
        capabilities: bundle.proof().capabilities.clone(),
        unused_capabilities: bundle.proof().unused.clone(),
        signing_key,
        created: matches!(outcome, PublishOutcome::Created(_)),
    };
    Ok((status, Json(published)))
}

async fn receive(mut form: Multipart) -> Result<StoredBundle, Failure> {
    let broken = |error: MultipartError| {
        let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Code::PayloadTooLarge
        } else {
            Code::BadRequest
        };
        Failure(Problem::new(code, "the form could not be read").caused_by(error))
    };
    let (mut bundle, mut signatures) = (None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let slot = match field.name() {
            Some("bundle") => &mut bundle,
            Some("signatures") => &mut signatures,
            _ => {
                return Err(Problem::new(Code::BadRequest, "the form has the fields `bundle` and `signatures`").into());
            }
        };
        if slot.replace(field.bytes().await.map_err(broken)?.to_vec()).is_some() {
            return Err(Problem::new(Code::BadRequest, "a field of the form is there twice").into());
        }
    }
    let missing = |name: &str| Problem::new(Code::BadRequest, format!("the form has no `{name}`"));
    let unsigned = || {
        Problem::new(Code::SignatureRejected, "the release is not signed")
            .with_hint("sign it: `alga sign <bundle> --key <key>`")
    };
    Ok(StoredBundle {
        bundle: bundle.ok_or_else(|| missing("bundle"))?,
        signatures: signatures.ok_or_else(unsigned)?,
        receipt: None,
    })
}

async fn check(parts: &Arc<RegistryParts>, stored: StoredBundle) -> Result<(StoredBundle, Bundle, Verified), Failure> {
    let trust = Arc::clone(&parts.trust);
    let checked = tokio::task::spawn_blocking(move || {
        let bundle = Bundle::read(&stored.bundle, known()).map_err(|error| invalid(&error))?;
        let rejected = |error: Rejected| Problem::new(Code::SignatureRejected, error.to_string());
        let verified = trust.verify_new(&stored.signatures, &bundle).map_err(rejected)?;
        Ok::<_, Problem>((stored, bundle, verified))
    });
    Ok(checked.await.map_err(Problem::internal)??)
}

/// The registry's word about this content: the one that it gave before, or a new one.
async fn receipt(parts: &RegistryParts, bundle: &Bundle, verified: &Verified) -> Result<Vec<u8>, Failure> {
    let kept = parts.blobs.receipt(bundle.digest()).await?;
    let is_ours = |kept: &Vec<u8>| Receipt::read(kept, parts.trust.registry(), bundle.digest()).is_some();
    if let Some(kept) = kept.filter(is_ours) {
        return Ok(kept);
    }
    let receipt = Receipt {
        statement: verified.statement.clone(),
        signer: verified.signer.to_string(),
        capability_proof: bundle.proof().clone(),
        received_at: Timestamp::now(),
    };
    Ok(receipt.sign(&parts.registry_key).to_json())
}

/// The publisher may read everything about its own bundle.
fn invalid(error: &BundleError) -> Problem {
    let code = match error {
        BundleError::Archive(_) | BundleError::Missing(_) => Code::BundleInvalid,
        BundleError::Manifest(_) => Code::ManifestInvalid,
        BundleError::Component(_) | BundleError::NoHandler => Code::ComponentInvalid,
        BundleError::Proof(_) => Code::CapabilityUndeclared,
    };
    Problem::new(code, chain(error).to_string())
}

async fn compile(parts: &RegistryParts, bundle: &Bundle) -> Result<(), Failure> {
    let key = *bundle.proof().component.as_bytes();
    let made = parts.factory.make(key, bundle.component()).await;
    let refused = |error: CompileError| match error {
        CompileError::Refused(_) | CompileError::TooCostly(_) => {
            Problem::new(Code::ComponentInvalid, error.to_string())
        }
        CompileError::Spawn { .. } | CompileError::Pipe(_) => Problem::internal(error),
    };
    made.map(drop).map_err(|error| refused(error).into())
}
