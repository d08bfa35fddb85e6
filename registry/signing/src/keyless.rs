//! Keyless signatures: sigstore bundles v0.1 to v0.3, verified offline against a trusted root that
//! the operator supplies.

use alga_bundle::{Digest, check_json};
use jiff::Timestamp;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::bundle::{VerificationMaterialContent, X509Certificate};
use sigstore_verify::types::{Artifact, Bundle, DerPublicKey, Sha256Hash, SignatureContent};
use sigstore_verify::{IdentityMatcher, PublicKeyVerificationPolicy, VerificationPolicy, Verifier};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// An error of verifying a sigstore bundle.
#[derive(Debug, thiserror::Error)]
pub enum KeylessError {
    /// The trusted root cannot be used.
    #[error("not a trusted root of sigstore: {0}")]
    Root(String),
    /// The text is not a sigstore bundle.
    #[error("not a sigstore bundle: {0}")]
    Form(String),
    /// The bundle is an attestation. A release must be signed as a blob; an attestation makes other
    /// claims about it.
    #[error(
        "the bundle is an attestation, not a signature of the release\nhint: make it with `cosign sign-blob --bundle`"
    )]
    Attestation,
    /// A check of the bundle failed.
    #[error("{0}")]
    Check(#[from] sigstore_verify::Error),
}

/// The exact identity that may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeylessIdentity<'a> {
    /// The OIDC issuer's URL, which vouches for the identity.
    pub issuer: &'a str,
    /// The name in the certificate: an email address, or the URI of a workflow.
    pub identity: &'a str,
}

/// The signer that an artifact must have.
#[derive(Debug, Clone, Copy)]
pub enum ArtifactSigner<'a> {
    /// An OIDC identity with its issuer.
    Keyless(KeylessIdentity<'a>),
    /// The owner of a key (SPKI PEM).
    Key(&'a str),
}

/// The artifact that was signed.
#[derive(Debug, Clone, Copy)]
pub enum SignedArtifact<'a> {
    /// The bytes themselves.
    Bytes(&'a [u8]),
    /// Their SHA-256 digest, if the bytes are not available.
    Digest(Digest),
}

impl<'a> From<SignedArtifact<'a>> for Artifact<'a> {
    fn from(artifact: SignedArtifact<'a>) -> Self {
        match artifact {
            SignedArtifact::Bytes(bytes) => bytes.into(),
            SignedArtifact::Digest(digest) => Sha256Hash::new(*digest.as_bytes()).into(),
        }
    }
}

/// A trusted root: certificate authorities, transparency logs, timestamp authorities.
#[derive(Clone)]
pub struct KeylessRoot {
    verifier: Arc<Verifier>,
    has_certificate_logs: bool,
}

impl std::fmt::Debug for KeylessRoot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeylessRoot")
    }
}

impl KeylessRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// Returns [`KeylessError::Root`] if a part of it cannot be used, or if it has no transparency
    /// log: without a log, a signature could be made in secret.
    pub fn from_json(json: &str) -> Result<Self, KeylessError> {
        check_json(json.as_bytes()).map_err(|error| KeylessError::Root(error.to_string()))?;
        let root = TrustedRoot::from_json(json).map_err(|error| KeylessError::Root(error.to_string()))?;
        if root.tlogs.is_empty() {
            return Err(KeylessError::Root("it has no transparency log".to_owned()));
        }
        let verifier = Verifier::new(&root).map_err(|error| KeylessError::Root(error.to_string()))?;
        Ok(Self {
            verifier: Arc::new(verifier),
            has_certificate_logs: !root.ctlogs.is_empty(),
        })
    }

    /// The root of the public-good sigstore, as shipped with the verifier library.
    ///
    /// # Errors
    /// Returns the errors of [`Self::from_json`].
    pub fn public_good() -> Result<Self, KeylessError> {
        Self::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// Verifies that an identity signed `message`, and returns the time of signing.
    pub(crate) fn verify(
        &self,
        bundle: &str,
        message: &[u8],
        identity: KeylessIdentity<'_>,
    ) -> Result<Option<Timestamp>, KeylessError> {
        let bundle = parse(bundle)?;
        if !matches!(bundle.content, SignatureContent::MessageSignature(_)) {
            return Err(KeylessError::Attestation);
        }
        self.verify_by(&bundle, SignedArtifact::Bytes(message), identity)
    }

    fn verify_by(
        &self,
        bundle: &Bundle,
        artifact: SignedArtifact<'_>,
        KeylessIdentity { issuer, identity }: KeylessIdentity<'_>,
    ) -> Result<Option<Timestamp>, KeylessError> {
        let policy = VerificationPolicy::new(IdentityMatcher::from(identity), issuer);
        // A private deployment without certificate logs has none in its trusted root.
        let policy = if self.has_certificate_logs {
            policy
        } else {
            policy.skip_sct()
        };
        let result = self.verifier.verify(artifact, bundle, &policy)?;
        Ok(result.verified_timestamps().iter().min().copied())
    }
}

/// Verifies any sigstore bundle over any artifact: certificate chain, certificate log, transparency
/// log, time, identity, signature, and that the log's entry is about them. Returns the earliest
/// time that a third party attested.
///
/// # Errors
/// Returns [`KeylessError`] with the check that failed.
pub fn verify_artifact(
    root: &KeylessRoot,
    bundle: &str,
    artifact: SignedArtifact<'_>,
    signer: ArtifactSigner<'_>,
) -> Result<Option<Timestamp>, KeylessError> {
    let bundle = parse(bundle)?;
    match signer {
        ArtifactSigner::Keyless(identity) => root.verify_by(&bundle, artifact, identity),
        ArtifactSigner::Key(pem) => {
            let key = DerPublicKey::from_pem(pem).map_err(|error| KeylessError::Form(error.to_string()))?;
            let result = root
                .verifier
                .verify(artifact, &bundle, &PublicKeyVerificationPolicy::new(key))?;
            Ok(result.verified_timestamps().iter().min().copied())
        }
    }
}

fn parse(json: &str) -> Result<Bundle, KeylessError> {
    // Of two fields with the same name, parsers use the first or the last, so they could read
    // different bundles.
    check_json(json.as_bytes()).map_err(|error| KeylessError::Form(error.to_string()))?;
    crate::bundle_form::check(json).map_err(KeylessError::Form)?;
    let bundle = Bundle::from_json(json).map_err(|error| KeylessError::Form(error.to_string()))?;
    if let VerificationMaterialContent::X509CertificateChain { certificates } = &bundle.verification_material.content {
        check_chain(certificates)?;
    }
    Ok(bundle)
}

/// Checks that a chain of v0.1 and v0.2 contains no root (sigstore's `X509CertificateChain`: "MUST
/// NOT contain root CA certificates"). A root that arrives together with the certificates it should
/// verify proves nothing.
fn check_chain(certificates: &[X509Certificate]) -> Result<(), KeylessError> {
    for certificate in certificates {
        let parsed = Certificate::from_der(certificate.raw_bytes.as_bytes());
        let parsed = parsed.map_err(|error| KeylessError::Form(format!("a certificate of its chain: {error}")))?;
        if parsed.tbs_certificate.subject == parsed.tbs_certificate.issuer {
            let reason = "its chain contains a root certificate; only the operator's trusted root may define roots";
            return Err(KeylessError::Form(reason.to_owned()));
        }
    }
    Ok(())
}
