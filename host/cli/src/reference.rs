//! Reading `NAME@VERSION`.

use crate::outcome::{CliError, ErrorContext, Outcome};
use alga_bundle::Version;

/// Splits an extension's name from its version.
pub(crate) fn name_and_version(text: &str) -> Outcome<(&str, &str)> {
    text.split_once('@').ok_or_else(|| {
        CliError::user(format!("missing version in `{text}`")).with_hint("write it like com.example.hello@1.0.0")
    })
}

/// Reads a version number.
pub(crate) fn parse_version(text: &str) -> Outcome<Version> {
    text.parse().user_error(&format!("`{text}` is not a version"))
}
