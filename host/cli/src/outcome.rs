//! How a command ends.

use alga_errors::chain;
use std::error::Error;
use std::fmt;

pub(crate) type Outcome<T = ()> = Result<T, Failed>;

/// Who can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blamed {
    User,
    Us,
}

/// An error for a person: cause, place, cure.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) blamed: Blamed,
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    /// The server's stable code, when a server said it.
    pub(crate) code: Option<String>,
}

impl Failed {
    pub(crate) fn user(text: impl Into<String>) -> Self {
        Self {
            blamed: Blamed::User,
            text: text.into(),
            hint: None,
            code: None,
        }
    }

    /// An error whose own text may end in `hint: …`.
    pub(crate) fn caused(blamed: Blamed, place: &str, error: &(dyn Error + 'static)) -> Self {
        let whole = chain(error).to_string();
        let (text, hint) = whole.split_once("\nhint: ").unwrap_or((&whole, ""));
        let text = if place.is_empty() {
            text.to_owned()
        } else {
            format!("{place}: {text}")
        };
        Self {
            blamed,
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

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Says where it happened and that the user can change it.
pub(crate) trait Place<T> {
    fn user(self, place: &str) -> Outcome<T>;
    fn ours(self, place: &str) -> Outcome<T>;
}

impl<T, E: Error + 'static> Place<T> for Result<T, E> {
    fn user(self, place: &str) -> Outcome<T> {
        self.map_err(|error| Failed::caused(Blamed::User, place, &error))
    }

    fn ours(self, place: &str) -> Outcome<T> {
        self.map_err(|error| Failed::caused(Blamed::Us, place, &error))
    }
}
