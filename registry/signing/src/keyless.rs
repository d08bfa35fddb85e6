//! Keyless signatures: sigstore bundles v0.1 to v0.3, verified offline against a trusted root that the operator supplies.

use alga_bundle::{Digest, check_json};
use jiff::Timestamp;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::bundle::{VerificationMaterialContent, X509Certificate};
use sigstore_verify::types::{Artifact, Bundle, DerPublicKey, Sha256Hash, SignatureContent};
use sigstore_verify::{IdentityMatcher, PublicKeyVerificationPolicy, VerificationPolicy, Verifier};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Why a sigstore bundle is not believed.
#[derive(Debug, thiserror::Error)]
pub enum KeylessError {
    /// Not a trusted root.
    #[error("not a trusted root of sigstore: {0}")]
    Root(String),
    /// Not a bundle.
    #[error("not a sigstore bundle: {0}")]
    Form(String),
    /// A release is signed as a blob; an attestation says something else about it.
    #[error(
        "the bundle is an attestation, not a signature of the release\nhint: make it with `cosign sign-blob --bundle`"
    )]
    Attestation,
    /// A check of the bundle.
    #[error("{0}")]
    Check(#[from] sigstore_verify::Error),
}

/// Who may sign, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeylessIdentity<'a> {
    /// Who vouched for the identity: the OIDC issuer's URL.
    pub issuer: &'a str,
    /// The certificate's name: a mail address, or the URI of a workflow.
    pub identity: &'a str,
}

/// By whom an artifact must be signed.
#[derive(Debug, Clone, Copy)]
pub enum ArtifactSigner<'a> {
    /// An identity.
    Keyless(KeylessIdentity<'a>),
    /// The owner of a key (SPKI PEM).
    Key(&'a str),
}

/// What was signed.
#[derive(Debug, Clone, Copy)]
pub enum SignedArtifact<'a> {
    /// The bytes themselves.
    Bytes(&'a [u8]),
    /// Their SHA-256 digest, where the bytes are not at hand.
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
    /// When a part of it cannot be used, or it has no transparency log: a signature that no log has seen can be made in secret.
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

    /// The root of the public-good sigstore, as it came with the verifier.
    ///
    /// # Errors
    /// See [`Self::from_json`].
    pub fn public_good() -> Result<Self, KeylessError> {
        Self::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// Verifies that an identity signed `message`, and returns when.
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
        // A private deployment without certificate logs says so by having none in its root.
        let policy = if self.has_certificate_logs {
            policy
        } else {
            policy.skip_sct()
        };
        let result = self.verifier.verify(artifact, bundle, &policy)?;
        Ok(result.verified_timestamps().iter().min().copied())
    }
}

/// Verifies any sigstore bundle over any artifact: certificate chain, certificate log, transparency log, time, identity, signature, and that the log's
/// entry is about them. Returns the earliest time that somebody else vouched for.
///
/// # Errors
/// The check that failed.
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
    // Of two keys of one name, one reader takes the first and another the last: neither is what was signed.
    check_json(json.as_bytes()).map_err(|error| KeylessError::Form(error.to_string()))?;
    crate::bundle_form::check(json).map_err(KeylessError::Form)?;
    let bundle = Bundle::from_json(json).map_err(|error| KeylessError::Form(error.to_string()))?;
    if let VerificationMaterialContent::X509CertificateChain { certificates } = &bundle.verification_material.content {
        check_chain(certificates)?;
    }
    Ok(bundle)
}

/// A chain of v0.1 and v0.2 must not have its root in it (sigstore's `X509CertificateChain`: "MUST NOT contain root CA certificates"): a root
/// that comes with what it vouches for vouches for nothing.
fn check_chain(certificates: &[X509Certificate]) -> Result<(), KeylessError> {
    for certificate in certificates {
        let parsed = Certificate::from_der(certificate.raw_bytes.as_bytes());
        let parsed = parsed.map_err(|error| KeylessError::Form(format!("a certificate of its chain: {error}")))?;
        if parsed.tbs_certificate.subject == parsed.tbs_certificate.issuer {
            let reason = "its chain has a root certificate in it; only the operator says which roots are trusted";
            return Err(KeylessError::Form(reason.to_owned()));
        }
    }
    Ok(())
}
