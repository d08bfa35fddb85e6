use std::error::Error;
use std::fmt;

/// Displays an error and its causes on one line: `a: b: c`. A cause whose text its parent already
/// contains is left out.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

/// Display adapter for an error chain, created by [`chain`].
#[derive(Debug)]
pub struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = self.0.to_string();
        write!(formatter, "{printed}")?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !printed.contains(&text) {
                write!(formatter, ": {text}")?;
                printed = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::chain;
    use crate::{Code, Problem};

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
}
