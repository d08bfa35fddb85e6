//! Examines a deployment for `alga doctor`: this machine, and everything that the configuration
//! names. Nothing is changed, except for one object that is stored and deleted.

mod dependencies;
mod files;
mod kernel;
mod machine;

use crate::Config;
use crate::config::without_passwords;
use alga_errors::chain;
use serde::Serialize;
use std::error::Error;

/// Maximum bytes of an error in a finding: a server may respond with a page of text.
const REASON_BYTES: usize = 400;

/// A finding about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The subject, such as `database`.
    pub subject: &'static str,
    /// Gravity of the finding.
    pub state: FindingState,
    /// Description of the finding.
    pub text: String,
    /// Remedy for an operator, if it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Gravity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// As it should be.
    Good,
    /// The platform runs, but slower or less protected.
    Warning,
    /// The platform does not start, or does not work.
    Failed,
}

impl FindingState {
    /// Returns the state as written in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            subject,
            state: FindingState::Good,
            text: text.into(),
            remedy: None,
        }
    }

    fn bad(subject: &'static str, state: FindingState, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            subject,
            state,
            text: text.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn warning(subject: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::bad(subject, FindingState::Warning, text, remedy)
    }

    fn failed(subject: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::bad(subject, FindingState::Failed, text, remedy)
    }
}

/// Returns an error with its causes on one line, without a hint and without passwords: a finding
/// has a remedy of its own.
fn reason(error: &(dyn Error + 'static)) -> String {
    let whole = chain(error).to_string();
    let text = whole.split("\nhint: ").next().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // First, since a part of a URL is not recognized as one with a password.
    let mut text = without_passwords(&text);
    text.truncate(text.floor_char_boundary(REASON_BYTES));
    text
}

/// Examines this machine and what the configuration names, in the order in which a process needs
/// them.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = machine::examine(config, &kernel::Kernel::of_this_machine());
    findings.extend(files::examine(config));
    findings.extend(dependencies::examine(config).await);
    findings
}
