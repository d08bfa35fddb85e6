use crate::envelope::pre_authentication_encoding;
use crate::{Envelope, EnvelopeError, KeyId, SigningKey, Statement, TrustBundle};
use alga_bundle::{Bundle, PublisherName};

const PAYLOAD_TYPE: &str = "application/vnd.alga.release+json";

/// A release that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was said.
    pub statement: Statement,
    /// By which key.
    pub key: KeyId,
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
    #[error("check 5, key: none of the signatures is by a key of `{0}`")]
    Key(PublisherName),
    /// Check 6.
    #[error("check 6, signature: the signature by key {0} does not verify")]
    Signature(KeyId),
    /// Check 7.
    #[error("check 7, subject: the statement's `{0}` is not the bundle's")]
    Subject(&'static str),
}

/// Signs the release of a bundle.
#[must_use]
pub fn sign(bundle: &Bundle, key: &SigningKey) -> Envelope {
    // A struct of strings always has a JSON form.
    let payload = serde_json::to_vec(&Statement::about(bundle)).unwrap_or_default();
    let signature = key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, &payload));
    Envelope::new(PAYLOAD_TYPE, &payload, key.verifying_key().id(), &signature)
}

/// Verifies that a trusted publisher released exactly this bundle.
///
/// 1. the envelope has the form of one; 2. its payload is a release statement; 3. the statement reads; 4. somebody is trusted for the
///    publisher it names; 5. one signature is by a key of that publisher; 6. that signature verifies; 7. the statement is about this bundle,
///    in every field.
///
/// # Errors
/// The first check that fails.
pub fn verify(envelope: &[u8], bundle: &Bundle, trust: &TrustBundle) -> Result<Verified, Rejected> {
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
    let statement: Statement = serde_json::from_slice(&payload).map_err(Rejected::Statement)?;
    // 4.
    if !trust.knows(&statement.publisher) {
        return Err(Rejected::Publisher(statement.publisher));
    }
    // 5.
    let by_publisher = envelope
        .signatures()
        .find_map(|(id, signature)| Some((trust.key(&statement.publisher, id)?, id, signature)));
    let Some((key, id, signature)) = by_publisher else {
        return Err(Rejected::Key(statement.publisher));
    };
    // 6.
    if !key.verifies(&pre_authentication_encoding(PAYLOAD_TYPE, &payload), &signature) {
        return Err(Rejected::Signature(id.clone()));
    }
    // 7.
    same_subject(&statement, &Statement::about(bundle))?;
    Ok(Verified {
        key: id.clone(),
        statement,
    })
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
