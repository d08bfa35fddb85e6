//! Names of capabilities and of the WIT interfaces behind them.
//!
//! This crate knows how a name is written. Which capabilities exist is known to `host/capabilities` alone, and handed in as a slice of
//! [`Capability`], so that adding one never touches the vocabulary.

use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The name of a capability: `cap:storage.kv`.
///
/// Accepted with or without the prefix, with surrounding blanks and in any case; kept and written in the one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapabilityName(String);

impl CapabilityName {
    /// The name with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_schema!(CapabilityName, "^ *([Cc][Aa][Pp]:)?[A-Za-z0-9.]+ *$");

impl FromStr for CapabilityName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let name = lower.strip_prefix("cap:").unwrap_or(&lower);
        let well_formed = (1..=64).contains(&name.len())
            && name
                .split('.')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        if well_formed {
            Ok(Self(format!("cap:{name}")))
        } else {
            Err(format!("`{text}` is not the name of a capability"))
        }
    }
}

impl fmt::Display for CapabilityName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for CapabilityName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CapabilityName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What the platform knows of one capability, or of one ambient interface.
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// With its prefix; empty for what is ambient.
    pub name: &'static str,
    /// The WIT interface that it links, without a version.
    pub interface: &'static str,
    /// The newest version of the interface that is implemented. Imports of compatible older versions link as well.
    pub version: (u64, u64, u64),
    /// Whether an install has it unless its tenant takes it away.
    pub granted_by_default: bool,
    /// One line for people.
    pub promise: &'static str,
}

impl Capability {
    /// Whether an import of this name is answered by this interface.
    #[must_use]
    pub fn answers(&self, import: &InterfaceName<'_>) -> bool {
        let Some(wanted) = &import.version else { return false };
        let (major, minor, patch) = self.version;
        let compatible = if major > 0 {
            wanted.major == major && (wanted.minor, wanted.patch) <= (minor, patch)
        } else {
            wanted.major == 0 && wanted.minor == minor && wanted.patch <= patch
        };
        import.interface == self.interface && wanted.pre.is_empty() && compatible
    }
}

/// The name of an import, taken apart: `alga:storage/kv@1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceName<'a> {
    /// `alga:storage/kv`.
    pub interface: &'a str,
    /// `1.0.0`, if the name has a version.
    pub version: Option<semver::Version>,
}

impl<'a> InterfaceName<'a> {
    /// Takes a name apart. A name without a readable version has none, and nothing answers it.
    #[must_use]
    pub fn parse(name: &'a str) -> Self {
        match name.split_once('@') {
            Some((interface, version)) => Self {
                interface,
                version: version.parse().ok(),
            },
            None => Self {
                interface: name,
                version: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Capability, CapabilityName, InterfaceName};

    #[test]
    fn a_capability_has_one_spelling_after_reading() {
        for text in ["cap:storage.kv", "storage.kv", " CAP:Storage.KV "] {
            assert_eq!(text.parse::<CapabilityName>().unwrap().as_str(), "cap:storage.kv");
        }
        for bad in ["", "cap:", "cap:a..b", "cap:a b", "cap:a/b", "cap:é"] {
            assert!(bad.parse::<CapabilityName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_import_of_a_newer_minor_or_another_major_is_not_answered() {
        let known = Capability {
            name: "",
            interface: "a:b/c",
            version: (1, 2, 0),
            granted_by_default: false,
            promise: "",
        };
        let answers = |name: &str| known.answers(&InterfaceName::parse(name));
        assert!(answers("a:b/c@1.0.0") && answers("a:b/c@1.2.0"));
        assert!(!answers("a:b/c@1.3.0") && !answers("a:b/c@2.0.0") && !answers("a:b/c") && !answers("a:b/d@1.0.0"));
    }
}
