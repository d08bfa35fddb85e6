//! Attributes of spans, whose texts are bounded.

use opentelemetry::{KeyValue, Value};

/// Maximum bytes of an attribute's text.
const ATTRIBUTE_BYTES: usize = 256;

/// Attributes of a span.
#[derive(Debug, Default)]
pub struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Sets an attribute to a number or a fixed text.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(name, value));
    }

    /// Sets an attribute to a text, of which at most 256 bytes are recorded.
    pub fn set_text(&mut self, name: &'static str, text: &str) {
        self.set(name, beginning(text).to_owned());
    }

    pub(crate) fn into_list(self) -> Vec<KeyValue> {
        self.0
    }
}

/// Writes further attributes of a span if its trace is exported.
pub(crate) type Describe = Box<dyn FnOnce(&mut Attributes) + Send + Sync>;

/// Returns as much of a text as an attribute has.
pub(crate) fn beginning(text: &str) -> &str {
    let length = text.floor_char_boundary(ATTRIBUTE_BYTES.min(text.len()));
    text.get(..length).unwrap_or_default()
}
