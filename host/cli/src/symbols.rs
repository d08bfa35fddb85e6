//! Names of functions that are not in a component, because it was built for publishing.

use crate::files::{read, write};
use crate::outcome::{ErrorContext, Outcome};
use rustc_demangle::demangle;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Text around the number of a function without a name in a backtrace.
const FRAME: (&str, &str) = ("<unknown>!<wasm function ", ">");
/// Text before that number in a profile.
const SAMPLED: &str = "module function ";

/// The functions of a component, by the numbers that backtraces and profiles have in place of
/// names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symbols {
    functions: BTreeMap<u32, String>,
}

impl Symbols {
    /// Creates symbols of functions with the names that their compiler has written.
    pub(crate) fn new(functions: BTreeMap<u32, String>) -> Self {
        let functions = functions.into_iter();
        Self {
            functions: functions
                .map(|(number, name)| (number, format!("{:#}", demangle(&name))))
                .collect(),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Outcome {
        let json = serde_json::to_vec(self).user_error("the symbols")?;
        write(path, &json)
    }

    /// Reads a file of symbols.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let json = read(path, "`alga build --symbols` writes it")?;
        serde_json::from_slice(&json).user_error(&format!("`{}` has no symbols", path.display()))
    }

    /// Replaces the numbers of functions in a backtrace by names.
    pub(crate) fn name_frames(&self, text: &str) -> String {
        let mut parts = text.split(FRAME.0);
        let mut named = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let found = part
                .split_once(FRAME.1)
                .and_then(|(number, rest)| Some((self.functions.get(&number.parse().ok()?)?, rest)));
            match found {
                Some((name, rest)) => named.extend([name, rest]),
                None => named.extend([FRAME.0, part]),
            }
        }
        named
    }

    /// Replaces the numbers of functions in a profile of the Firefox Profiler by names.
    pub(crate) fn name_functions(&self, profile: &mut Value) {
        for place in ["/shared/stringArray", "/threads/0/stringArray"] {
            let strings = profile.pointer_mut(place).and_then(Value::as_array_mut);
            for string in strings.into_iter().flatten() {
                if let Some(name) = string.as_str().and_then(|text| self.sampled(text)) {
                    *string = name.into();
                }
            }
        }
    }

    fn sampled(&self, text: &str) -> Option<&str> {
        let number = text.strip_prefix(SAMPLED)?.parse().ok()?;
        self.functions.get(&number).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn symbols() -> Symbols {
        let names = [(1, "_ZN5notes4find17h0123456789abcdefE"), (12, "memcpy")];
        Symbols::new(names.map(|(number, name)| (number, name.to_owned())).into())
    }

    #[test]
    fn numbers_of_a_backtrace_are_replaced_by_names_and_unknown_ones_stay() {
        let text = "at wasm backtrace:\n  0: 0x5 - <unknown>!<wasm function 1>\n  1: 0x9 - <unknown>!<wasm function 7>\n  2: 0xa - wit-component:shim!f";
        let expected = "at wasm backtrace:\n  0: 0x5 - notes::find\n  1: 0x9 - <unknown>!<wasm function 7>\n  2: 0xa - wit-component:shim!f";
        assert_eq!(symbols().name_frames(text), expected);
        for text in [
            "",
            "no frame",
            "<unknown>!<wasm function ",
            "<unknown>!<wasm function x>",
        ] {
            assert_eq!(symbols().name_frames(text), text);
        }
    }

    #[test]
    fn numbers_of_a_profile_are_replaced_by_names() {
        let mut profile =
            json!({ "shared": { "stringArray": ["module function 12", "module function 7", 5] }, "threads": [] });
        symbols().name_functions(&mut profile);
        assert_eq!(
            profile["shared"]["stringArray"],
            json!(["memcpy", "module function 7", 5])
        );
    }
}
