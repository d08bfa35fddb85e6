//! Names of functions apart from their module.

use crate::EncodeError;
use std::collections::BTreeMap;
use wasm_encoder::{Module, RawSection};
use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload};

/// Returns a module without the names of its functions, and those names by the numbers of the
/// functions, which a component of the module does not change.
///
/// # Errors
/// Returns [`EncodeError::NotAnExtension`] if the bytes are not a module.
pub fn split_names(module: &[u8]) -> Result<(Vec<u8>, BTreeMap<u32, String>), EncodeError> {
    let (mut stripped, mut names) = (Module::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| EncodeError::NotAnExtension(error.to_string()))?;
        if let Payload::CustomSection(section) = &payload
            && let KnownCustom::Name(section) = section.as_known()
        {
            names.extend(functions(section));
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let bound = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX);
            let data = module.get(bound(range.start)..bound(range.end));
            let data = data.unwrap_or_default();
            stripped.section(&RawSection { id, data });
        }
    }
    Ok((stripped.finish(), names))
}

fn functions(section: NameSectionReader<'_>) -> Vec<(u32, String)> {
    let functions = section.into_iter().filter_map(|name| match name {
        Ok(Name::Function(functions)) => Some(functions),
        _ => None,
    });
    let functions = functions.flatten().filter_map(Result::ok);
    functions
        .map(|function| (function.index, function.name.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_its_names_is_otherwise_the_same() {
        let text = |name: &str| {
            let text = format!(
                r#"(module (import "m" "f" (func)) (func {name} (result i32) (i32.const 7))
                (memory 1) (export "g" (func 1)) (data (i32.const 0) "data") (@custom "other" "kept"))"#
            );
            wat::parse_str(text).unwrap()
        };
        let (stripped, names) = split_names(&text("$named")).unwrap();
        assert_eq!(names, BTreeMap::from([(1, "named".to_owned())]));
        assert_eq!(stripped, text(""));
        assert!(split_names(b"no module").is_err());
    }
}
