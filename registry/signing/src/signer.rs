//! Who signed, in the one form that is shown, stored and revoked.

use crate::KeyId;
use serde::{Serialize, Serializer};
use std::fmt;

/// Who signed, as it is shown, stored and revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The owner of a key; its id.
    Key(KeyId),
    /// Who has a certificate of a private authority: `certificate <authority> <identity>`.
    Certificate {
        /// The authority's name in the trust bundle.
        authority: String,
        /// The certificate's one name.
        identity: String,
    },
    /// An identity that an issuer vouched for: `keyless <deployment> <issuer> <identity>`.
    Keyless {
        /// The deployment's name in the trust bundle.
        sigstore: String,
        /// The issuer's URL.
        issuer: String,
        /// The identity.
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
