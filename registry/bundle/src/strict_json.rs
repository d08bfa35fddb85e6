//! JSON from untrusted parties: no duplicate keys, no deep nesting, nothing after the end.

use crate::StrictObject;
use crate::limits::JSON_DEPTH;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// The error for text that is not accepted as JSON.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(serde_json::Error);

/// Checks rules that `serde_json` alone does not enforce. Every parser reads a document that passes
/// in the same way.
///
/// # Errors
/// Returns [`JsonError`] for a duplicate key, too deep nesting, text after the end, or invalid
/// JSON.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let checked = Checked {
        depth_left: JSON_DEPTH,
        open: &mut Vec::with_capacity(2 * FEW),
    };
    let checked = checked.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    checked.map_err(JsonError)
}

/// Reads a JSON object of a third party that passes [`check`]; a list in place of the struct is
/// refused.
///
/// # Errors
/// Returns an error if [`check`] does, or if the JSON is not a `T`.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    check(bytes).map_err(|JsonError(error)| error)?;
    serde_json::from_slice(bytes).map(|StrictObject(value)| value)
}

/// The number of keys of an object that are compared one by one; further keys are in a tree.
const FEW: usize = 16;

/// A visitor of a value that stores only the keys of the enclosing objects.
struct Checked<'keys, 'de> {
    depth_left: usize,
    /// The first keys of all enclosing objects, in one list: most objects have few, so they need no
    /// allocation of their own.
    open: &'keys mut Vec<Cow<'de, str>>,
}

impl<'de> Checked<'_, 'de> {
    fn deeper<E: serde::de::Error>(&mut self) -> Result<Checked<'_, 'de>, E> {
        let depth_left = self.depth_left.checked_sub(1);
        let depth_left = depth_left.ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Checked {
            depth_left,
            open: &mut *self.open,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Checked<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let outer = self.open.len();
        let mut more = BTreeSet::new();
        // Count the depth of an empty object, too.
        self.deeper::<A::Error>()?;
        while let Some(key) = entries.next_key_seed(Key)? {
            let few = self.open.get(outer..).unwrap_or_default();
            if few.contains(&key) || more.contains(&key) {
                return Err(A::Error::custom(format!("duplicate key `{}`", key.escape_default())));
            }
            if few.len() < FEW {
                self.open.push(key);
            } else {
                more.insert(key);
            }
            entries.next_value_seed(self.deeper()?)?;
        }
        self.open.truncate(outer);
        Ok(())
    }
}

/// A key, borrowed from the document if it contains no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn ambiguous_json_is_refused_by_the_strict_parser() {
        assert!(check(br#"{"a":1,"b":[{"a":null}],"c":"x"}"#).is_ok());
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let deeper = "[".repeat(100_000);
        // Equal keys in sibling or nested objects are not duplicates.
        assert!(check(br#"[{"a":{"b":1,"a":2},"b":3},{"a":{"a":{}}},{"a":1}]"#).is_ok());
        let many = |last: &str| {
            let keys: Vec<_> = (0..40).map(|key| format!("\"k{key}\":{{\"k{key}\":0}}")).collect();
            format!("{{{},\"{last}\":0}}", keys.join(","))
        };
        assert!(check(many("k40").as_bytes()).is_ok());
        let (first, late) = (many("k3"), many("k30"));
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"a":1,"\u0061":2}}"#,
            "{} x",
            "{}{}",
            "",
            "NaN",
            "1e400",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
            &deep,
            &deeper,
            &first,
            &late,
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad:.40}");
        }
    }
}
