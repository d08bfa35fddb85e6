//! Limits of one execution that end the guest, and how each is recognized.

use std::fmt;
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, Trap};

/// Texts of errors that wasmtime 48 has no public types for.
const TEXTS: [(&str, GuestLimit); 2] = [
    ("fuel allocated for hostcalls has been exhausted", GuestLimit::CallBytes),
    ("store handle limit exceeded", GuestLimit::Handles),
];

/// A limit of one execution that a guest exceeded. It is the error of host calls that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestLimit {
    /// Bytes of all memories and tables.
    Memory,
    /// Elements of tables.
    Tables,
    /// Bytes of the stack.
    Stack,
    /// Number of calls to the host.
    HostCalls,
    /// Bytes that one call passes between guest and host.
    CallBytes,
    /// Handles that are open at once.
    Handles,
    /// Bytes or number of header fields that the guest creates.
    Fields,
}

impl fmt::Display for GuestLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Memory => "the extension exceeded its memory limit",
            Self::Tables => "the extension exceeded the limit of its tables",
            Self::Stack => "the extension used up its stack",
            Self::HostCalls => "the extension called the host too often",
            Self::CallBytes => "the extension passed too many bytes in one call to the host",
            Self::Handles => "the extension had too many handles open at once",
            Self::Fields => "the extension created too many header fields, or too long ones",
        })
    }
}

impl std::error::Error for GuestLimit {}

impl GuestLimit {
    /// Returns the limit that an error of a call is about.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        if let Some(limit) = error.downcast_ref::<Self>() {
            return Some(*limit);
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
            return Some(Self::Stack);
        }
        if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
            return Some(Self::Handles);
        }
        let text = format!("{error:#}");
        let known = TEXTS.iter().find(|(part, _)| text.contains(part));
        known.map(|(_, limit)| *limit)
    }
}
