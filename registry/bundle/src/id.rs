//! Ids as newtypes that are validated once, at the boundary, and trusted inside.

use crate::limits::ID_CHARACTERS;
use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// The error for text that is not an id of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} has 1 to {limit} characters of {alphabet}")]
pub struct IdError {
    kind: &'static str,
    limit: usize,
    alphabet: &'static str,
}

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident, $kind:literal, $limit:expr, $alphabet:literal, $allowed:pat) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let fits = (1..=$limit).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, $allowed));
                fits.then(|| Self(text.into())).ok_or(IdError { kind: $kind, limit: $limit, alphabet: $alphabet })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A customer of the host application.
    TenantId, "a tenant id", ID_CHARACTERS, "a-z 0-9 . _ -", b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);
id!(
    /// An extension in the registry.
    ExtensionId, "an extension id", ID_CHARACTERS, "a-z 0-9 . _ -", b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);
id!(
    /// A published version of an extension.
    VersionId, "a version id", ID_CHARACTERS, "a-z 0-9 . _ -", b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);
id!(
    /// A tenant's install of an extension. Grants, configuration and storage belong to it.
    InstallId, "an install id", ID_CHARACTERS, "a-z 0-9 . _ -", b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);
id!(
    /// An entry of the execution log. Later entries have greater ids.
    ExecutionId, "an execution id", ID_CHARACTERS, "a-z 0-9 . _ -", b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);
id!(
    /// One request, from the client to the log.
    RequestId, "a request id", 64, "A-Z a-z 0-9 . _ -", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'
);

text_schema!(TenantId, "^[a-z0-9._-]{1,128}$");
text_schema!(ExtensionId, "^[a-z0-9._-]{1,128}$");
text_schema!(VersionId, "^[a-z0-9._-]{1,128}$");
text_schema!(ExecutionId, "^[a-z0-9._-]{1,128}$");
text_schema!(RequestId, "^[A-Za-z0-9._-]{1,64}$");
text_schema!(InstallId, "^[a-z0-9._-]{1,128}$");

impl RequestId {
    /// Returns a unique id: eight random bytes of this process, then a counter. Needs no system
    /// call once the process has its random bytes; not a secret.
    #[must_use]
    pub fn unique() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = (u128::from(*PROCESS) << 64) | u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let mut text = [b'0'; 32];
        // Infallible: 16 bytes have 32 digits, and digits are UTF-8. Formatting would cost as much
        // time as the rest of the request's head.
        hex::encode_to_slice(number.to_be_bytes(), &mut text).ok();
        Self(std::str::from_utf8(&text).unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestId, TenantId};

    #[test]
    fn ids_have_a_fixed_alphabet_and_a_maximum_length() {
        assert!("acme-1.eu_west".parse::<TenantId>().is_ok());
        for bad in ["", "Acme", "a/b", "a b", "a\n", "é", &"a".repeat(129)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
        }
        assert!("Ab-1".parse::<RequestId>().is_ok());
        assert!(RequestId::unique().as_str().parse::<RequestId>().is_ok());
        assert_ne!(RequestId::unique(), RequestId::unique());
        assert!("a\r\nx-forged: 1".parse::<RequestId>().is_err());
    }
}
