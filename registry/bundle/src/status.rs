//! Statuses of versions and installs, as the database and the API write them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Text that is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status")]
pub struct StatusError(String);

/// Defines a status: its text in the database and in JSON is its name in lowercase.
macro_rules! status {
    ($(#[doc = $doc:literal])+ $name:ident { $( $(#[doc = $of:literal])+ $variant:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $( $(#[doc = $of])+ $variant, )+ }

        impl $name {
            /// The status as text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl FromStr for $name {
            type Err = StatusError;

            fn from_str(text: &str) -> Result<Self, StatusError> {
                match text {
                    $( $text => Ok(Self::$variant), )+
                    other => Err(StatusError(other.to_owned())),
                }
            }
        }
    };
}

status! {
    /// Status of a version, which determines whether it may be installed and run.
    VersionStatus {
        /// The version may be installed and run.
        Published = "published",
        /// Existing installs continue to run; new installs are refused.
        Yanked = "yanked",
        /// The version may be neither installed nor run.
        Revoked = "revoked",
    }
}

status! {
    /// Status of an install.
    InstallStatus {
        /// The install accepts requests.
        Enabled = "enabled",
        /// The tenant disabled the install.
        Disabled = "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_of_a_status_are_the_same() {
        for status in [VersionStatus::Published, VersionStatus::Yanked, VersionStatus::Revoked] {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in [InstallStatus::Enabled, InstallStatus::Disabled] {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("Enabled".parse::<InstallStatus>().is_err());
    }
}
