use std::error::Error;
use std::fmt::{self, Display, Write};

/// Maximum bytes of a chain: a backtrace of some dozen functions. Parts of it are texts of guests,
/// which may have megabytes.
const CHAIN_BYTES: usize = 4 * 1024;
/// Maximum bytes of the cause of a failure in the operator's log, where many lines may wait.
const CAUSE_BYTES: usize = 1024;

/// Displays an error and its causes on one line: `a: b: c`, of at most 4 KiB. A cause whose text
/// its parent already contains is left out.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

/// Returns the beginning of [`chain`], for the operator's log: at most 1 KiB.
#[must_use]
pub fn cause(error: &(dyn Error + 'static)) -> String {
    beginning(&chain(error), CAUSE_BYTES)
}

/// Returns the beginning of a text, of at most this many bytes, with `…` in place of the rest,
/// which is not even formatted.
#[must_use]
pub fn beginning(text: &(impl Display + ?Sized), bytes: usize) -> String {
    let mut beginning = Beginning {
        text: String::new(),
        bytes,
        is_full: false,
    };
    // It ends with an error when it is full.
    write!(beginning, "{text}").ok();
    if beginning.is_full {
        beginning.text.push('…');
    }
    beginning.text
}

struct Beginning {
    text: String,
    bytes: usize,
    is_full: bool,
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = self.bytes.saturating_sub(self.text.len());
        let end = text.floor_char_boundary(left);
        self.text.push_str(text.get(..end).unwrap_or_default());
        self.is_full = end < text.len();
        if self.is_full { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Display adapter for an error chain, created by [`chain`].
#[derive(Debug)]
pub struct Chain<'a>(&'a (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = beginning(self.0, CHAIN_BYTES);
        formatter.write_str(&printed)?;
        let (mut next, mut left) = (self.0.source(), CHAIN_BYTES.saturating_sub(printed.len()));
        while let Some(cause) = next.filter(|_| left > 0) {
            let text = beginning(cause, left);
            if !printed.contains(&text) {
                write!(formatter, ": {text}")?;
                left = left.saturating_sub(text.len());
                printed = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CAUSE_BYTES, CHAIN_BYTES, beginning, cause, chain};
    use crate::{Code, Problem};
    use std::fmt;

    #[test]
    fn every_cause_is_printed_once() {
        let inner = Problem::new(Code::BundleUnavailable, "the store is down").caused_by("connection refused");
        let outer = Problem::internal(inner);
        let text = chain(&outer).to_string();
        assert!(
            text.ends_with("bundle_unavailable: the store is down: connection refused"),
            "{text}"
        );
    }

    #[test]
    fn a_cause_of_megabytes_has_a_beginning_only() {
        let problem = Problem::new(Code::GuestTrapped, "the reason").caused_by("é".repeat(8 << 20));
        let problem = Problem::internal(problem);
        let text = chain(&problem).to_string();
        assert!(text.len() < CHAIN_BYTES + 100 && text.ends_with('…'), "{}", text.len());
        let text = cause(&problem);
        assert!(text.len() < CAUSE_BYTES + 10 && text.contains("the reason"), "{text}");
    }

    #[test]
    fn what_is_beyond_the_beginning_is_not_formatted() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    formatter.write_str("text ")?;
                }
            }
        }
        assert_eq!(beginning(&Endless, 7), "text te…");
        assert_eq!(beginning(&"text", 4), "text");
    }
}
