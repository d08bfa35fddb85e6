//! JSON Schemas for the values of a namespace.
//!
//! A schema comes from an untrusted party, and the host runs it for every write. So only those
//! parts of JSON Schema (2020-12) are supported that cost no more than walking the value.
//! References are not supported, because nested references make a small schema exponential.

use crate::limits::{SCHEMA_BYTES, SCHEMA_DEPTH};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use std::fmt;

/// The supported keywords of JSON Schema.
const KEYWORDS: [&str; 32] = [
    "$comment",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "prefixItems",
    "properties",
    "required",
    "title",
    "type",
];
/// Keywords whose value is a schema, then keywords whose value is a list of schemas.
const HOLDS_SCHEMA: [&str; 3] = ["additionalProperties", "items", "not"];
const HOLDS_SCHEMAS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// The maximum size in bytes of a compiled pattern.
const PATTERN_BYTES: usize = 256 * 1024;
/// The maximum number of characters of a reason, which may contain the rejected value.
const REASON_CHARACTERS: usize = 500;

/// A compiled schema, or the reason for which it was refused.
pub struct ValueSchema(Result<Validator, String>);

impl fmt::Debug for ValueSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ValueSchema")
    }
}

impl ValueSchema {
    /// Compiles a schema. An unsupported schema rejects every value.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        Self(compile(schema))
    }

    /// The reason for which the schema is not supported, if it is not.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// Checks that these bytes are JSON that matches the schema.
    ///
    /// # Errors
    /// Returns the first violation and its location, as text for the author.
    pub fn check(&self, value: &[u8]) -> Result<(), String> {
        let validator = self.0.as_ref().map_err(Clone::clone)?;
        let value: Value = serde_json::from_slice(value).map_err(|error| format!("it is not JSON: {error}"))?;
        validator.validate(&value).map_err(|error| {
            let text = format!("{error} at ${}", error.instance_path());
            text.chars().take(REASON_CHARACTERS).collect()
        })
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    if schema.to_string().len() > SCHEMA_BYTES {
        return Err(format!("a schema has at most {SCHEMA_BYTES} bytes"));
    }
    check_keywords(schema, SCHEMA_DEPTH)?;
    // The engine for patterns is the linear one, under a limit.
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
        .build(schema)
        .map_err(|error| error.to_string())
}

fn check_keywords(schema: &Value, depth: usize) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        return if schema.is_boolean() {
            Ok(())
        } else {
            Err("a schema is an object or a boolean".to_owned())
        };
    };
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| format!("a schema is nested at most {SCHEMA_DEPTH} levels deep"))?;
    for (keyword, value) in keywords {
        if !KEYWORDS.contains(&keyword.as_str()) {
            return Err(format!(
                "`{}` is not supported; write the schema without references and conditions",
                keyword.escape_default()
            ));
        }
        if HOLDS_SCHEMA.contains(&keyword.as_str()) {
            check_keywords(value, depth)?;
        }
        if HOLDS_SCHEMAS.contains(&keyword.as_str()) {
            value
                .as_array()
                .into_iter()
                .flatten()
                .try_for_each(|schema| check_keywords(schema, depth))?;
        }
        if keyword == "properties" {
            let schemas = value.as_object().into_iter().flat_map(serde_json::Map::values);
            schemas
                .into_iter()
                .try_for_each(|schema| check_keywords(schema, depth))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_mismatch_is_reported_with_its_path() {
        let schema = json!({ "type": "object", "properties": { "cents": { "type": "integer", "minimum": 0 } }, "required": ["cents"], "additionalProperties": false });
        let schema = ValueSchema::of(&schema);
        assert_eq!(schema.problem(), None);
        assert_eq!(schema.check(br#"{"cents":5}"#), Ok(()));
        assert!(schema.check(br#"{"cents":-5}"#).unwrap_err().contains("$/cents"));
        for bad in [&b"{}"[..], b"[]", b"{\"cents\":1,\"x\":2}", b"\xff", b""] {
            assert!(schema.check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unsupported_or_costly_schemas_are_reported_and_accept_no_value() {
        let deep = (0..SCHEMA_DEPTH + 1).fold(json!(true), |inner, _| json!({ "items": inner }));
        for bad in [
            json!({ "$ref": "#" }),
            json!({ "$defs": {} }),
            json!({ "properties": { "a": { "$ref": "https://example.com/" } } }),
            json!(5),
            json!({ "anyOf": [{ "$dynamicRef": "#a" }] }),
            json!({ "if": true }),
            json!({ "pattern": "(a" }),
            json!({ "pattern": "(?=a)" }),
            json!({ "pattern": "(((a{1000}){1000}){1000})" }),
            json!({ "description": "x".repeat(SCHEMA_BYTES) }),
            json!({ "type": "no" }),
            deep,
            json!({ "unevaluatedProperties": false }),
            json!({ "uniqueItems": true }),
        ] {
            let schema = ValueSchema::of(&bad);
            assert!(schema.problem().is_some(), "{bad}");
            assert!(schema.check(b"null").is_err());
        }
    }

    #[test]
    fn a_backtracking_prone_pattern_is_matched_in_linear_time() {
        let schema = ValueSchema::of(&json!({ "type": "string", "pattern": "^(a+)+$" }));
        let text = format!("\"{}b\"", "a".repeat(60_000));
        assert!(schema.check(text.as_bytes()).is_err());
    }
}
