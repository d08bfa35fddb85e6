//! The verified signer of a release, in the one form that is displayed, stored and revoked.

use crate::KeyId;
use serde::{Serialize, Serializer};
use std::fmt;

/// The signer of a release, as it is displayed, stored and revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The owner of a key, displayed as the key's id.
    Key(KeyId),
    /// The owner of a certificate of a private certificate authority: `certificate <authority>
    /// <identity>`.
    Certificate {
        /// The certificate authority's name in the trust bundle.
        authority: String,
        /// The certificate's only name.
        identity: String,
    },
    /// An identity that an OIDC issuer vouched for: `keyless <deployment> <issuer> <identity>`.
    Keyless {
        /// The sigstore deployment's name in the trust bundle.
        sigstore: String,
        /// The issuer's URL.
        issuer: String,
        /// The identity at the issuer.
        identity: String,
    },
}

impl fmt::Display for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(formatter, "{id}"),
            Self::Certificate { authority, identity } => write!(formatter, "certificate {authority} {identity}"),
            Self::Keyless {
                sigstore,
                issuer,
                identity,
            } => write!(formatter, "keyless {sigstore} {issuer} {identity}"),
        }
    }
}

impl Serialize for Signer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
