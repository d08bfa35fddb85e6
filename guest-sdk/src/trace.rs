//! Spans and attributes in the trace of this execution, which operators read in their tracing
//! system (`alga:trace`, granted by `cap:trace.emit`).
//!
//! ```no_run
//! # fn price(lines: usize) -> Result<u32, &'static str> { Ok(3) }
//! alga::trace::set("order", "o-17");
//! let span = alga::trace::span("price the order");
//! span.set("lines", "3");
//! match price(3) {
//!     Ok(_) => span.end(),
//!     Err(reason) => span.fail(reason),
//! }
//! ```

use crate::bindings::alga::trace::tracer::{Attribute, annotate, begin, end};

pub use crate::bindings::alga::trace::tracer::traceparent;

/// A span in progress, which ends when it is dropped. Errors are ignored: a full trace must not
/// fail the work that it describes.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    number: Option<u32>,
}

/// Begins a span inside the innermost one that is in progress. Calls of the host and requests to
/// other hosts appear in it until it ends.
pub fn span(name: &str) -> Span {
    Span {
        number: begin(name, None).ok(),
    }
}

/// Sets an attribute of the execution's own span.
pub fn set(name: &str, value: &str) {
    write(None, name, value);
}

impl Span {
    /// Begins a span inside this one, although another one may be the innermost.
    pub fn child(&self, name: &str) -> Self {
        Self {
            number: begin(name, self.number).ok(),
        }
    }

    /// Sets an attribute.
    pub fn set(&self, name: &str, value: &str) {
        if self.number.is_some() {
            write(self.number, name, value);
        }
    }

    /// Ends the span.
    pub fn end(self) {}

    /// Ends the span, which has failed for this reason.
    pub fn fail(mut self, reason: &str) {
        if let Some(number) = self.number.take() {
            end(number, Some(reason)).ok();
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            end(number, None).ok();
        }
    }
}

fn write(span: Option<u32>, name: &str, value: &str) {
    let attribute = Attribute {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    annotate(span, &[attribute]).ok();
}
