use super::Manifest;
use crate::Capability;
use serde_json::{Value, json};

/// The JSON Schema (2020-12) of `manifest.json`, for editors. A document that the schema accepts
/// may still violate a rule; a document that it refuses is not a manifest.
#[must_use]
pub fn manifest_schema(known: &[Capability]) -> Value {
    let mut schema = schemars::schema_for!(Manifest).to_value();
    let names: Vec<_> = known
        .iter()
        .map(|capability| capability.name)
        .filter(|name| !name.is_empty())
        .collect();
    for field in ["capabilities", "optionalCapabilities"] {
        if let Some(items) = schema.pointer_mut(&format!("/properties/{field}/items")) {
            *items = json!({ "enum": names });
        }
    }
    schema
}
