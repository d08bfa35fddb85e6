//! Composes adapters in front of a component that imports the standard's interfaces for keys and
//! values, configuration and logs, which are proposals of WASI.
//!
//! A proposal has incompatible versions of the same interfaces. Each that is known here has an
//! adapter over this platform's interfaces, so that the component asks for their capabilities.

use crate::ComposeError;
use crate::composition::Composition;

/// Packages with adapters, without their versions.
const PACKAGES: [&str; 3] = ["wasi:keyvalue/", "wasi:config/", "wasi:logging/"];

/// An adapter, built from `adapters/components`.
struct Adapter {
    /// Interfaces that it exports.
    interfaces: &'static [&'static str],
    component: &'static [u8],
}

const ADAPTERS: [Adapter; 4] = [
    Adapter {
        interfaces: &[
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/atomics@0.2.0-draft",
            "wasi:keyvalue/batch@0.2.0-draft",
        ],
        component: include_bytes!("../../components/dist/standard_keyvalue_draft.wasm"),
    },
    Adapter {
        interfaces: &[
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
        ],
        component: include_bytes!("../../components/dist/standard_keyvalue_draft2.wasm"),
    },
    Adapter {
        interfaces: &[
            "wasi:config/store@0.2.0-rc.1",
            "wasi:config/store@0.2.0-draft-2024-09-27",
        ],
        component: include_bytes!("../../components/dist/standard_config.wasm"),
    },
    Adapter {
        interfaces: &["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"],
        component: include_bytes!("../../components/dist/standard_logging.wasm"),
    },
];

/// A component that was composed with adapters.
#[derive(Debug, PartialEq, Eq)]
pub struct Adapted {
    /// The composed component.
    pub component: Vec<u8>,
    /// Imports of the original component that adapters satisfy.
    pub satisfied: Vec<String>,
}

/// Composes a component with the adapters of the standard's interfaces that it imports. Returns
/// `None` if it imports none.
///
/// The result depends on the component alone: the same bytes give the same result.
///
/// # Errors
/// Returns [`ComposeError`] if the bytes are not a component, if it imports another version of
/// these interfaces, or if its types are not those of the version.
pub fn adapt_standard(guest: &[u8]) -> Result<Option<Adapted>, ComposeError> {
    let mut composition = Composition::default();
    let guest = composition.add("alga:guest", guest)?;
    let mut satisfied = Vec::new();
    for (number, adapter) in ADAPTERS.iter().enumerate() {
        let provides = |name: &&String| adapter.interfaces.contains(&name.as_str());
        let provided: Vec<_> = guest.imports.iter().filter(provides).cloned().collect();
        if provided.is_empty() {
            continue;
        }
        let instance = composition.add(&format!("alga:standard-{number}"), adapter.component)?;
        for name in &provided {
            composition.connect((&instance, name), (&guest, name))?;
        }
        satisfied.extend(provided);
    }
    let is_unknown = |name: &&String| PACKAGES.iter().any(|package| name.starts_with(package));
    let mut unknown = guest.imports.iter().filter(is_unknown);
    if let Some(unknown) = unknown.find(|name| !satisfied.contains(name)) {
        return Err(unsupported(unknown));
    }
    if satisfied.is_empty() {
        return Ok(None);
    }
    let component = composition.export(&guest, &guest.exports)?;
    Ok(Some(Adapted { component, satisfied }))
}

/// Returns whether these bytes are one of the adapters.
pub(crate) fn is_adapter(bytes: &[u8]) -> bool {
    ADAPTERS.iter().any(|adapter| adapter.component == bytes)
}

fn unsupported(name: &str) -> ComposeError {
    let known: Vec<&str> = ADAPTERS
        .iter()
        .flat_map(|adapter| adapter.interfaces)
        .copied()
        .collect();
    ComposeError(format!(
        "it imports {name}, for which there is no adapter; there are some for {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_refused_with_the_known_ones_and_a_component_of_none_is_left_as_it_is() {
        let importing = |name: &str| wat::parse_str(format!("(component (import {name:?} (instance)))")).unwrap();
        for name in [
            "wasi:keyvalue/store@0.2.0",
            "wasi:config/runtime@0.2.0-draft",
            "wasi:logging/logging@0.2.0",
        ] {
            let error = adapt_standard(&importing(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("0.2.0-draft2"), "{error}");
        }
        assert_eq!(adapt_standard(&importing("wasi:io/error@0.2.0")).unwrap(), None);
    }

    /// A component that imports an interface, and exports it and others again.
    const REEXPORTS: &str = r#"(component
        (import "wasi:logging/logging" (instance $in
            (type $levels (enum "trace" "debug" "info" "warn" "error" "critical"))
            (export "level" (type $level (eq $levels)))
            (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
        (alias export $in "log" (func $log))
        (instance $own (export "log" (func $log)))
        (export "own:logging/logging" (instance $in))
        (export "alga:log/logger@1.0.0" (instance $own)))"#;

    #[test]
    fn exports_of_a_guest_remain_its_own_whatever_their_names() {
        let adapted = adapt_standard(&wat::parse_str(REEXPORTS).unwrap()).unwrap().unwrap();
        assert_eq!(adapted.satisfied, ["wasi:logging/logging"]);
        let composed = Composition::default().add("alga:a", &adapted.component).unwrap();
        assert_eq!(composed.exports, ["own:logging/logging", "alga:log/logger@1.0.0"]);
        // The adapter's import is the host's interface, not the guest's export of that name.
        assert_eq!(composed.imports, ["alga:log/logger@1.0.0"]);
        assert_eq!(adapt_standard(&adapted.component).unwrap(), None);
    }

    #[test]
    fn a_component_whose_types_are_not_those_of_the_version_is_refused() {
        let text = r#"(component (import "wasi:logging/logging" (instance (export "log" (func (param "a" u8))))))"#;
        let error = adapt_standard(&wat::parse_str(text).unwrap()).unwrap_err().to_string();
        assert!(error.contains("log"), "{error}");
    }

    #[test]
    fn each_adapter_exports_the_interfaces_of_its_list() {
        for adapter in ADAPTERS {
            let mut exports = Composition::default().add("alga:a", adapter.component).unwrap().exports;
            exports.sort_unstable();
            let mut listed = adapter.interfaces.to_vec();
            listed.sort_unstable();
            assert_eq!(exports, listed);
        }
    }
}
