//! Who released what: a signed statement, and the policy that believes it.
//!
//! A signature covers a [`Statement`] that names publisher, extension, version and the digests of bundle, manifest and capability proof. It
//! can therefore not be moved to another version, another extension, or the same code with another manifest.

mod ed25519;
mod envelope;
mod key;
mod statement;
mod trust;
mod verify;

pub use ed25519::Ed25519Key;
pub use envelope::{Envelope, EnvelopeError};
pub use key::{KeyError, KeyId, SigningKey, VerifyingKey};
pub use statement::Statement;
pub use trust::{TrustBundle, TrustError, TrustedKey, TrustedPublisher};
pub use verify::{Rejected, Verified, sign, verify};
