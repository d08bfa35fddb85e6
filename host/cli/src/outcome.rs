//! The outcome of a command.

use alga_errors::chain;
use std::error::Error;
use std::fmt;

pub(crate) type Outcome<T = ()> = Result<T, CliError>;

/// The party that must fix an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    User,
    Internal,
}

/// An error as shown to the user: context, cause and hint.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) fault: Fault,
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    /// The stable error code, if a server returned the error.
    pub(crate) code: Option<String>,
}

impl CliError {
    pub(crate) fn user(text: impl Into<String>) -> Self {
        Self {
            fault: Fault::User,
            text: text.into(),
            hint: None,
            code: None,
        }
    }

    /// Converts an error whose text may end with `hint: …`.
    pub(crate) fn caused(fault: Fault, context: &str, error: &(dyn Error + 'static)) -> Self {
        let whole = chain(error).to_string();
        let (text, hint) = whole.split_once("\nhint: ").unwrap_or((&whole, ""));
        let text = if context.is_empty() {
            text.to_owned()
        } else {
            format!("{context}: {text}")
        };
        Self {
            fault,
            text,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            code: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Adds context to an error, and classifies it as a user error or an internal error.
pub(crate) trait ErrorContext<T> {
    fn user_error(self, context: &str) -> Outcome<T>;
    fn internal_error(self, context: &str) -> Outcome<T>;
}

impl<T, E: Error + 'static> ErrorContext<T> for Result<T, E> {
    fn user_error(self, context: &str) -> Outcome<T> {
        self.map_err(|error| CliError::caused(Fault::User, context, &error))
    }

    fn internal_error(self, context: &str) -> Outcome<T> {
        self.map_err(|error| CliError::caused(Fault::Internal, context, &error))
    }
}
