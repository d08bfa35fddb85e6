//! Names of capabilities and of the WIT interfaces behind them.
//!
//! This crate defines the syntax of a name. The list of capabilities is in `host/capabilities`
//! alone and is passed in as a slice of [`Capability`], so that adding a capability never changes
//! this crate.

use crate::text_schema::text_schema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The name of a capability: `cap:storage.kv`.
///
/// Parsing accepts it with or without the prefix, with surrounding spaces and in any case; it is
/// stored and written in the canonical form.
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

/// The properties of one capability, or of one ambient interface.
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// The name with its prefix; empty for an ambient interface.
    pub name: &'static str,
    /// The WIT interface that it links, without a version.
    pub interface: &'static str,
    /// The newest implemented version of the interface. Imports of compatible older versions link
    /// as well.
    pub version: (u64, u64, u64),
    /// True if an install has it unless its tenant revokes it.
    pub granted_by_default: bool,
    /// True if host applications use it for pages, so that it is not unused without an import.
    pub used_by_pages: bool,
    /// True if its calls send bytes to other hosts.
    pub sends: bool,
    /// A one-line description for users.
    pub promise: &'static str,
}

impl Capability {
    /// Returns whether this interface satisfies an import of this name and version.
    #[must_use]
    pub fn satisfies(&self, import: &InterfaceName<'_>) -> bool {
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

/// The parsed name of an import: `alga:storage/kv@1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceName<'a> {
    /// The name without its version: `alga:storage/kv`.
    pub interface: &'a str,
    /// The version `1.0.0`, if the name has one.
    pub version: Option<semver::Version>,
}

impl<'a> InterfaceName<'a> {
    /// Splits a name at its version. A version that does not parse is `None`, and no interface
    /// satisfies such an import.
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
    fn capability_names_are_normalized_when_parsed() {
        for text in ["cap:storage.kv", "storage.kv", " CAP:Storage.KV "] {
            assert_eq!(text.parse::<CapabilityName>().unwrap().as_str(), "cap:storage.kv");
        }
        for bad in ["", "cap:", "cap:a..b", "cap:a b", "cap:a/b", "cap:é"] {
            assert!(bad.parse::<CapabilityName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_import_of_a_newer_minor_or_another_major_version_is_not_satisfied() {
        let known = Capability {
            name: "",
            interface: "a:b/c",
            version: (1, 2, 0),
            granted_by_default: false,
            used_by_pages: false,
            sends: false,
            promise: "",
        };
        let satisfies = |name: &str| known.satisfies(&InterfaceName::parse(name));
        assert!(satisfies("a:b/c@1.0.0") && satisfies("a:b/c@1.2.0"));
        assert!(
            !satisfies("a:b/c@1.3.0") && !satisfies("a:b/c@2.0.0") && !satisfies("a:b/c") && !satisfies("a:b/d@1.0.0")
        );
    }
}
