//! Signing and verification of releases: the eight numbered checks, for every kind of signature.

use crate::envelope::pre_authentication_encoding;
use crate::keyless::KeylessError;
use crate::trust::Signers;
use crate::x509::CertificateError;
use crate::{
    Envelope, EnvelopeError, RevocationList, Revoked, Signature, Signer, SigningKey, Statement, TrustBundle,
    VerifyingKey,
};
use alga_bundle::read_json;
use alga_bundle::{Bundle, PublisherName};
use jiff::Timestamp;

const PAYLOAD_TYPE: &str = "application/vnd.alga.release+json";

/// A release that passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The statement that was signed.
    pub statement: Statement,
    /// The signer that was verified.
    pub signer: Signer,
}

/// The inputs that a release is verified against.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The trusted signers of each publisher.
    pub trust: &'a TrustBundle,
    /// The active revocation list, if there is one.
    pub revocations: Option<&'a RevocationList>,
    /// The time at which the release was received, or now for a new release. Keys and certificates
    /// are evaluated as of this time.
    pub at: Timestamp,
}

impl<'a> Policy<'a> {
    /// Returns the policy for a release that arrives now, without a revocation list.
    #[must_use]
    pub fn now(trust: &'a TrustBundle) -> Self {
        Self {
            trust,
            revocations: None,
            at: Timestamp::now(),
        }
    }
}

/// The reason for refusing a release. Each variant names the check that failed; see [`verify`].
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// The envelope cannot be read (check 1).
    #[error("check 1, form: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is not a release statement (check 2).
    #[error("check 2, payload type: `{0}` is not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// The statement cannot be parsed (check 3).
    #[error("check 3, statement: {0}")]
    Statement(serde_json::Error),
    /// The publisher has no trusted signer (check 4).
    #[error(
        "check 4, publisher: `{0}` has no trusted signer\nhint: add its key to the trust bundle (SIGNING_TRUST_BUNDLE)"
    )]
    Publisher(PublisherName),
    /// No signature is by a trusted signer of the publisher (check 5).
    #[error("check 5, signer: no signature is by a trusted signer of `{0}`")]
    Signer(PublisherName),
    /// A trusted signer's signature does not verify (check 6).
    #[error("check 6, signature: {signer}: {reason}")]
    Signature {
        /// The claimed signer.
        signer: Signer,
        /// The reason for which the signature is invalid.
        reason: Box<SignatureError>,
    },
    /// A field of the statement does not match the bundle (check 7).
    #[error("check 7, subject: the statement's `{0}` is not the bundle's")]
    Subject(&'static str),
    /// The bundle or the signer is revoked (check 8).
    #[error("check 8, revocation: {0}")]
    Revoked(#[from] Revoked),
}

/// The reason for which a signature is invalid.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The signature does not match the message and the key.
    #[error("the signature does not verify")]
    Invalid,
    /// The key was not yet valid, or no longer valid, at this time.
    #[error("the key is not valid at {0}")]
    Time(Timestamp),
    /// The certificate does not verify.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The sigstore bundle does not verify.
    #[error(transparent)]
    Keyless(#[from] KeylessError),
}

/// Returns the bytes that a signature over a release covers, for every kind of signature.
#[must_use]
pub fn release_message(bundle: &Bundle) -> Vec<u8> {
    pre_authentication_encoding(PAYLOAD_TYPE, &payload(bundle))
}

fn payload(bundle: &Bundle) -> Vec<u8> {
    // A struct of strings always has a JSON form.
    serde_json::to_vec(&Statement::about(bundle)).unwrap_or_default()
}

/// Signs the release of a bundle.
#[must_use]
pub fn sign(bundle: &Bundle, key: &SigningKey) -> Envelope {
    let signature = Signature::Key {
        id: key.verifying_key().id(),
        signature: key.sign(&release_message(bundle)),
    };
    attach(bundle, &signature)
}

/// Signs with the key of a certificate; `chain` is DER, that certificate first.
#[must_use]
pub fn sign_with_certificate(bundle: &Bundle, key: &SigningKey, chain: Vec<Vec<u8>>) -> Envelope {
    let signature = key.sign(&release_message(bundle));
    attach(bundle, &Signature::Certificate { chain, signature })
}

/// Wraps a signature over [`release_message`] that another program made in an envelope.
#[must_use]
pub fn attach(bundle: &Bundle, signature: &Signature) -> Envelope {
    Envelope::new(PAYLOAD_TYPE, &payload(bundle), signature)
}

/// Makes a detached signature by the owner of a public key, as `cosign sign-blob --key` writes it.
#[must_use]
pub fn detached(key: &VerifyingKey, signature: Vec<u8>) -> Signature {
    Signature::Key {
        id: key.id(),
        signature: key.canonical(signature),
    }
}

/// Verifies that a trusted publisher released exactly this bundle.
///
/// Checks, in order:
/// 1. the signature file is an envelope;
/// 2. its payload is a release statement;
/// 3. the statement parses;
/// 4. the publisher that it names has a trusted signer;
/// 5. a signature is by such a signer;
/// 6. that signature verifies, with its key, certificate chain or sigstore bundle;
/// 7. the statement is about this bundle, in every field;
/// 8. neither bundle nor signer is revoked.
///
/// # Errors
/// Returns [`Rejected`] with the first check that fails.
pub fn verify(envelope: &[u8], bundle: &Bundle, policy: Policy<'_>) -> Result<Verified, Rejected> {
    // 1.
    let envelope = Envelope::parse(envelope)?;
    // 2.
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Rejected::PayloadType(
            envelope.payload_type.escape_default().to_string(),
        ));
    }
    // 3.
    let payload = envelope.payload()?;
    let statement: Statement = read_json(&payload).map_err(Rejected::Statement)?;
    // 4.
    let Some(signers) = policy.trust.signers(&statement.publisher) else {
        return Err(Rejected::Publisher(statement.publisher));
    };
    // 5. and 6.
    let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
    let signer = who_signed(&envelope, signers, &message, policy, &statement.publisher)?;
    // 7.
    same_subject(&statement, &Statement::about(bundle))?;
    // 8.
    if let Some(revocations) = policy.revocations {
        revocations.check(statement.bundle, &signer, policy.at)?;
    }
    Ok(Verified { statement, signer })
}

/// Returns the first trusted signer whose signature verifies, or else the first failure.
fn who_signed(
    envelope: &Envelope,
    signers: &Signers,
    message: &[u8],
    policy: Policy<'_>,
    publisher: &PublisherName,
) -> Result<Signer, Rejected> {
    let mut first_failure = None;
    for signature in envelope.signatures() {
        for (signer, outcome) in attempts(&signature, signers, message, policy) {
            match outcome {
                Ok(()) => return Ok(signer),
                Err(reason) => {
                    first_failure = first_failure.or(Some(Rejected::Signature {
                        signer,
                        reason: Box::new(reason),
                    }));
                }
            }
        }
    }
    Err(first_failure.unwrap_or_else(|| Rejected::Signer(publisher.clone())))
}

/// Returns every trusted signer that the signature may be by, each with the outcome of verifying
/// it.
fn attempts(
    signature: &Signature,
    signers: &Signers,
    message: &[u8],
    policy: Policy<'_>,
) -> Vec<(Signer, Result<(), SignatureError>)> {
    match signature {
        Signature::Key { id, signature } => {
            let key = signers.key(id).into_iter();
            key.map(|trusted| {
                let outcome = if !trusted.key.verifies(message, signature) {
                    Err(SignatureError::Invalid)
                } else if !trusted.is_valid_at(policy.at) {
                    Err(SignatureError::Time(policy.at))
                } else {
                    Ok(())
                };
                (Signer::Key(id.clone()), outcome)
            })
            .collect()
        }
        Signature::Certificate { chain, signature } => {
            let rules = signers.certificates.iter();
            let rules = rules.filter_map(|rule| Some((rule, policy.trust.authorities.get(&rule.authority)?)));
            rules
                .map(|(rule, authority)| {
                    let outcome = authority.verify(chain, &rule.identity, message, signature, policy.at);
                    let signer = Signer::Certificate {
                        authority: rule.authority.clone(),
                        identity: rule.identity.clone(),
                    };
                    (signer, outcome.map_err(Into::into))
                })
                .collect()
        }
        Signature::Keyless { bundle } => {
            let rules = signers.keyless.iter();
            let rules = rules.filter_map(|rule| Some((rule, policy.trust.roots.get(&rule.sigstore)?)));
            rules
                .map(|(rule, root)| {
                    let outcome = root.verify(bundle, message, rule.as_keyless());
                    let signer = Signer::Keyless {
                        sigstore: rule.sigstore.clone(),
                        issuer: rule.issuer.clone(),
                        identity: rule.identity.clone(),
                    };
                    (signer, outcome.map(drop).map_err(Into::into))
                })
                .collect()
        }
    }
}

fn same_subject(signed: &Statement, actual: &Statement) -> Result<(), Rejected> {
    let fields = [
        ("publisher", signed.publisher == actual.publisher),
        ("name", signed.name == actual.name),
        ("version", signed.version == actual.version),
        ("bundle", signed.bundle == actual.bundle),
        ("manifest", signed.manifest == actual.manifest),
        ("capabilityProof", signed.capability_proof == actual.capability_proof),
    ];
    match fields.iter().find(|(_, same)| !same) {
        Some((name, _)) => Err(Rejected::Subject(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
