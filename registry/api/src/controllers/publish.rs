//! Publishing a release.
//!
//! 1. receive the bundle into a file, 2. read it under limits and prove its capabilities, 3. verify
//!    the signature, 4. compile in a child process, 5. claim the content hash and store the bundle,
//!    6. insert the version in one transaction, 7. acknowledge. A crash before 6 leaves only
//!    unreferenced bytes, which garbage collection deletes; repeating the request with the same
//!    bytes is always safe.

use super::attestations::{self, Attestations};
use super::precompile::precompile_minimal;
use super::revocations::ensure_revocations_fresh;
use super::uploads::staging_failed;
use crate::RegistryDependencies;
use crate::authorization::{Dependencies, RequestPrincipal};
use crate::error::ApiError;
use crate::form_body::Form;
use crate::problems::{not_compiled, rejected};
use alga_auth::{Object, Principal, Right};
use alga_bundle::{Bundle, BundleError, Manifest};
use alga_capabilities::{SharedEngine, known};
use alga_errors::{Code, Problem, chain};
use alga_http::BODY_TIMEOUT;
use alga_registry_types::Published;
use alga_signing::Verified;
use alga_store::{NewBundle, NewVersion, PublishOutcome, StagedUpload};
use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;
use jiff::Timestamp;
use std::fs::File;
use std::sync::Arc;

/// Maximum bytes of the form field `signatures`.
const SIGNATURE_BYTES: usize = 256 * 1024;

pub(crate) async fn publish(
    Dependencies(dependencies): Dependencies,
    RequestPrincipal(principal): RequestPrincipal,
    Form(form): Form,
) -> Result<(StatusCode, Json<Published>), ApiError> {
    // 1.
    ensure_revocations_fresh(&dependencies)?;
    let mut received = receive(&dependencies, form).await?;
    // 2. and 3.
    let received_at = Timestamp::now();
    let (bundle, verified) = check(&dependencies, &received, received_at).await?;
    ensure_own_name(&principal, bundle.manifest())?;
    let bundle = Arc::new(bundle);
    // 4.
    compile(&dependencies, &bundle).await?;
    precompile_minimal(&dependencies, &bundle).await?;
    // 5.
    let claim = dependencies.database.claim_bundle(bundle.digest()).await?;
    let fresh = Attestations::new(&dependencies, &bundle, &verified, received.signatures, received_at);
    let attestations = attestations::retain_or_replace(&dependencies, &bundle, fresh).await?;
    let new = NewBundle {
        content_hash: bundle.digest(),
        file: received.upload.path(),
        signatures: &attestations.signatures,
        receipt: &attestations.receipt,
    };
    dependencies.blobs.put(new).await?;
    // 6.
    let signing_key = attestations.signer.clone();
    let outcome = dependencies
        .database
        .publish(&NewVersion {
            manifest: bundle.manifest(),
            proof: bundle.proof(),
            content_hash: bundle.digest(),
            claim: &claim,
            size_bytes: bundle.size_bytes(),
            signing_key: &signing_key,
            receipt: &String::from_utf8_lossy(&attestations.receipt),
        })
        .await?;
    // 7.
    received.upload.end();
    Ok(acknowledge(&bundle, signing_key, &outcome))
}

fn acknowledge(bundle: &Bundle, signing_key: String, outcome: &PublishOutcome) -> (StatusCode, Json<Published>) {
    let (status, id) = match outcome {
        PublishOutcome::Created(id) => (StatusCode::CREATED, id),
        PublishOutcome::Unchanged(id) => (StatusCode::OK, id),
    };
    let (manifest, proof) = (bundle.manifest(), bundle.proof());
    tracing::info!(name = %manifest.name, version = %manifest.version, content_hash = %bundle.digest(), "published");
    let published = Published {
        id: id.to_string(),
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        content_hash: bundle.digest().to_string(),
        capabilities: proof.capabilities.clone(),
        unused_capabilities: proof.unused.clone(),
        signing_key,
        created: matches!(outcome, PublishOutcome::Created(_)),
        warnings: manifest.overlaps(),
    };
    (status, Json(published))
}

/// A received release, not yet verified.
struct Received {
    upload: StagedUpload,
    signatures: Vec<u8>,
}

/// Reads the form: `signatures`, and either `bundle` or the id of an `upload`.
async fn receive(dependencies: &RegistryDependencies, mut form: Multipart) -> Result<Received, ApiError> {
    let (mut upload, mut signatures) = (None, None);
    while let Some(mut field) = in_time(form.next_field()).await? {
        let is_repeated = match field.name() {
            Some("bundle") => upload.replace(spool(dependencies, &mut field).await?).is_some(),
            Some("upload") => {
                let id = in_time(field.text()).await?;
                let staged = dependencies.staging.lock(&id).await.map_err(staging_failed)?;
                upload.replace(staged).is_some()
            }
            Some("signatures") => {
                let bytes = bounded(&mut field, SIGNATURE_BYTES).await?;
                signatures.replace(bytes).is_some()
            }
            _ => {
                let message = "unknown form field; the form has `bundle` or `upload`, and `signatures`";
                return Err(Problem::new(Code::BadRequest, message).into());
            }
        };
        if is_repeated {
            return Err(Problem::new(Code::BadRequest, "duplicate form field").into());
        }
    }
    let missing = || Problem::new(Code::BadRequest, "the form has no `bundle`");
    let unsigned = || {
        Problem::new(Code::SignatureRejected, "the release is not signed")
            .with_hint("sign it: `alga sign <bundle> --key <key>`")
    };
    Ok(Received {
        upload: upload.ok_or_else(missing)?,
        signatures: signatures.ok_or_else(unsigned)?,
    })
}

/// Waits for the next part of the form, for at most [`BODY_TIMEOUT`].
async fn in_time<T>(part: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    let part = tokio::time::timeout(BODY_TIMEOUT, part).await;
    let late = |_| Problem::new(Code::BadRequest, "the body did not arrive in time");
    part.map_err(late)?.map_err(broken)
}

fn broken(error: MultipartError) -> ApiError {
    let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Code::PayloadTooLarge
    } else {
        Code::BadRequest
    };
    let message = match code {
        Code::PayloadTooLarge => "the form has more bytes than a bundle and its signatures",
        _ => "the form was interrupted, or is not framed as HTTP and multipart require",
    };
    ApiError(Problem::new(code, message).caused_by(error))
}

async fn spool(dependencies: &RegistryDependencies, field: &mut Field<'_>) -> Result<StagedUpload, ApiError> {
    let mut upload = dependencies.staging.create_ephemeral().await.map_err(staging_failed)?;
    let mut appending = upload.append(0).await.map_err(staging_failed)?;
    while let Some(chunk) = in_time(field.chunk()).await? {
        appending.write(&chunk).await.map_err(staging_failed)?;
    }
    appending.finish().await.map_err(staging_failed)?;
    Ok(upload)
}

async fn bounded(field: &mut Field<'_>, most: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk()).await? {
        if bytes.len() + chunk.len() > most {
            let message = format!("signatures have at most {most} bytes");
            return Err(Problem::new(Code::PayloadTooLarge, message).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn check(
    dependencies: &Arc<RegistryDependencies>,
    received: &Received,
    received_at: Timestamp,
) -> Result<(Bundle, Verified), ApiError> {
    let trust = Arc::clone(&dependencies.trust);
    let (path, signatures) = (received.upload.path().to_path_buf(), received.signatures.clone());
    let size = usize::try_from(received.upload.size()).map_err(Problem::internal)?;
    let ceilings = dependencies.ceilings;
    let checked = tokio::task::spawn_blocking(move || {
        let file = File::open(path).map_err(Problem::internal)?;
        let bundle = Bundle::read_from(file, size, known()).map_err(|error| invalid(&error))?;
        ensure_no_public_suffix(bundle.manifest())?;
        // Limits above this host's ceilings are refused now, with the number, and not at execution.
        bundle.check_ceilings(&ceilings).map_err(|error| invalid(&error))?;
        let verified = trust
            .verify_received(&signatures, &bundle, received_at)
            .map_err(|error| rejected(&error))?;
        Ok::<_, Problem>((bundle, verified))
    });
    Ok(checked.await.map_err(Problem::internal)??)
}

/// Refuses a release under a name that is not the principal's. The sender has the bundle, so the
/// refusal reveals nothing about other publishers.
fn ensure_own_name(principal: &Principal, manifest: &Manifest) -> Result<(), Problem> {
    let checked = principal.check(Right::Publish, Object::Extension(manifest.name.as_str()));
    checked.map_err(|_| {
        let message = format!("this credential does not have the right to publish `{}`", manifest.name);
        Problem::new(Code::Forbidden, message)
    })
}

/// Refuses a wildcard over a public suffix: anyone can register a matching domain, so no tenant can
/// reasonably grant it. Checked here and not when a stored bundle is read, because the list of
/// public suffixes grows.
fn ensure_no_public_suffix(manifest: &Manifest) -> Result<(), Problem> {
    let Some(pattern) = manifest.public_suffix_wildcard() else {
        return Ok(());
    };
    let message =
        format!("$.egress: `{pattern}` is a wildcard over a public suffix; anyone can register a matching domain");
    Err(Problem::new(Code::ManifestInvalid, message).with_hint("list the individual hosts"))
}

/// Reports the full cause: the publisher may read everything about its own bundle.
fn invalid(error: &BundleError) -> Problem {
    let code = match error {
        BundleError::Archive(_) | BundleError::Missing(_) => Code::BundleInvalid,
        BundleError::Manifest(_) => Code::ManifestInvalid,
        BundleError::Component(_) | BundleError::NoHandler => Code::ComponentInvalid,
        BundleError::Proof(_) => Code::CapabilityUndeclared,
    };
    Problem::new(code, chain(error).to_string())
}

async fn compile(dependencies: &RegistryDependencies, bundle: &Bundle) -> Result<(), ApiError> {
    let Some((component, digest)) = bundle.component().zip(bundle.proof().component) else {
        return Ok(());
    };
    let made = dependencies.factory.make(*digest.as_bytes(), component, None).await;
    let component = made.map_err(|error| not_compiled(error, ""))?;
    // The engine of JavaScript is compiled if this is the first extension that uses it.
    let engine = SharedEngine::of(bundle.proof(), &dependencies.factory).await;
    let Some(engine) = engine.map_err(|error| not_compiled(error, "the engine: "))? else {
        return Ok(());
    };
    let linked = engine.check(&dependencies.factory, &component);
    linked.map_err(|error| {
        let message = format!("the component does not link with its engine: {error:#}");
        Problem::new(Code::ComponentInvalid, message).into()
    })
}
