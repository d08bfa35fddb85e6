//! Signed release statements, and the policy that verifies them.
//!
//! A signature covers a [`Statement`] that names publisher, extension, version and the digests of
//! bundle, manifest and capability proof. It is therefore not valid for another version, another
//! extension, or the same code with another manifest.

mod bundle_form;
mod ed25519;
mod envelope;
mod key;
mod key_error;
mod keyless;
mod policy;
mod receipt;
mod revocation;
mod signer;
mod statement;
mod trust;
mod verify;
mod x509;

pub use ed25519::Ed25519Key;
pub use envelope::{Envelope, EnvelopeError, Signature, base64_of};
pub use key::{KeyId, SigningKey, VerifyingKey};
pub use key_error::KeyError;
pub use keyless::{ArtifactSigner, KeylessError, KeylessIdentity, KeylessRoot, SignedArtifact, verify_artifact};
pub use policy::{StoredError, StoredRelease, TrustPolicy};
pub use receipt::Receipt;
pub use revocation::{
    REVOCATION_GRACE, RevocationError, RevocationList, Revoked, RevokedBundle, RevokedSigner, sign_revocations,
};
pub use signer::Signer;
pub use statement::Statement;
pub use trust::{
    TrustBundle, TrustError, TrustFile, TrustedAuthority, TrustedCertificate, TrustedIdentity, TrustedKey,
    TrustedPublisher, TrustedSigstore,
};
pub use verify::{
    Policy, Rejected, SignatureError, Verified, attach, detached, release_message, sign, sign_with_certificate, verify,
};
pub use x509::{CertificateError, certificates_of};
