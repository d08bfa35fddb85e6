//! A release, signed and verified: the eight numbered checks, whoever signs and by whatever means.

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

/// A release that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was said.
    pub statement: Statement,
    /// By whom.
    pub signer: Signer,
}

/// What a release is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Who may sign for whom.
    pub trust: &'a TrustBundle,
    /// What is no longer believed.
    pub revocations: Option<&'a RevocationList>,
    /// When the release was received: by this time keys and certificates are judged. Now, for a release that comes now.
    pub at: Timestamp,
}

impl<'a> Policy<'a> {
    /// For a release that comes now, with nothing revoked.
    #[must_use]
    pub fn now(trust: &'a TrustBundle) -> Self {
        Self {
            trust,
            revocations: None,
            at: Timestamp::now(),
        }
    }
}

/// Why a release is not believed. Each names the check that failed; see [`verify`].
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// Check 1.
    #[error("check 1, form: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Check 2.
    #[error("check 2, payload type: `{0}` is not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// Check 3.
    #[error("check 3, statement: {0}")]
    Statement(serde_json::Error),
    /// Check 4.
    #[error(
        "check 4, publisher: nobody is trusted to release for `{0}`\nhint: add its key to the trust bundle (SIGNING_TRUST_BUNDLE)"
    )]
    Publisher(PublisherName),
    /// Check 5.
    #[error("check 5, signer: none of the signatures is by somebody who is trusted for `{0}`")]
    Signer(PublisherName),
    /// Check 6.
    #[error("check 6, signature: {signer}: {reason}")]
    Signature {
        /// Whose it should be.
        signer: Signer,
        /// What is wrong with it.
        reason: Box<SignatureError>,
    },
    /// Check 7.
    #[error("check 7, subject: the statement's `{0}` is not the bundle's")]
    Subject(&'static str),
    /// Check 8.
    #[error("check 8, revocation: {0}")]
    Revoked(#[from] Revoked),
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It is not one.
    #[error("the signature does not verify")]
    Invalid,
    /// The key was not believed yet, or no longer.
    #[error("the key is not valid at {0}")]
    Time(Timestamp),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The sigstore bundle.
    #[error(transparent)]
    Keyless(#[from] KeylessError),
}

/// The bytes that a signature over a release covers, whoever makes it.
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

/// The envelope around a signature over [`release_message`] that another program made.
#[must_use]
pub fn attach(bundle: &Bundle, signature: &Signature) -> Envelope {
    Envelope::new(PAYLOAD_TYPE, &payload(bundle), signature)
}

/// A detached signature by the owner of a public key, as `cosign sign-blob --key` makes it.
#[must_use]
pub fn detached(key: &VerifyingKey, signature: Vec<u8>) -> Signature {
    Signature::Key {
        id: key.id(),
        signature: key.canonical(signature),
    }
}

/// Verifies that a trusted publisher released exactly this bundle.
///
/// 1. the envelope has the form of one; 2. its payload is a release statement; 3. the statement reads; 4. somebody is trusted for the
///    publisher it names; 5. a signature is by somebody who is; 6. that signature verifies, with all that it stands on: key, certificate chain or sigstore
///    bundle; 7. the statement is about this bundle, in every field; 8. neither bundle nor signer is revoked.
///
/// # Errors
/// The first check that fails.
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

/// The first trusted signer whose signature verifies; else why the first one's does not.
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

/// Everybody whose signature this may be, with the outcome of verifying it as theirs.
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

fn same_subject(said: &Statement, actual: &Statement) -> Result<(), Rejected> {
    let fields = [
        ("publisher", said.publisher == actual.publisher),
        ("name", said.name == actual.name),
        ("version", said.version == actual.version),
        ("bundle", said.bundle == actual.bundle),
        ("manifest", said.manifest == actual.manifest),
        ("capabilityProof", said.capability_proof == actual.capability_proof),
    ];
    match fields.iter().find(|(_, same)| !same) {
        Some((name, _)) => Err(Rejected::Subject(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
