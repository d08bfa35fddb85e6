//! The imports and exports of a component, read from its bytes.

mod requirements;

use crate::limits::{COMPONENT_BYTES, NAME_BYTES};
use crate::{Capability, CapabilityName, InterfaceName, shipped_engine};
use alga_limits::{Ceilings, ExceededLimit, Requirements};
use requirements::Counter;
use serde::Serialize;
use std::collections::BTreeMap;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReaderError, KnownCustom, Name, NameSectionReader, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

/// The imports, exports and resource requirements of a component. Interfaces that contain only
/// types require no grant and are omitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentFacts {
    /// Imported interfaces with their functions, by name: `alga:storage/kv@1.0.0`.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Exported interfaces and functions.
    pub exports: Vec<String>,
    /// The engine that the component shares with others, by the name of its import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The engine resources that one instance requires.
    #[serde(skip)]
    pub requirements: Requirements,
}

/// The interfaces that receive requests, in WASI 0.2 and 0.3; any patch version.
const HANDLERS: [&str; 2] = ["wasi:http/incoming-handler@0.2.", "wasi:http/handler@0.3."];

/// An error of reading a component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The component has more bytes than [`COMPONENT_BYTES`].
    #[error("the component has {0} bytes, more than the {COMPONENT_BYTES} allowed")]
    TooLarge(usize),
    /// The bytes are a core module.
    #[error("this is a core module, not a component\nhint: build it with `alga build`")]
    NotAComponent,
    /// The component is not valid, or it uses a WebAssembly proposal that is disabled here:
    /// threads, garbage collection, exceptions, 64-bit memory, …
    #[error("the component is not valid, or uses a WebAssembly proposal that is disabled")]
    Invalid(#[from] BinaryReaderError),
    /// The component requires more of the engine than any host provides; see
    /// [`alga_limits::TABLE`].
    #[error("the component has {0}")]
    Exceeds(ExceededLimit),
    /// A name of a function or of a core module has more bytes than [`NAME_BYTES`].
    #[error("a name in the component has {0} bytes, more than the {NAME_BYTES} allowed\nhint: build it without names")]
    LongName(usize),
    /// The component imports a core module that is not an engine of this version.
    #[error(
        "the component imports the core module `{0}`, which is no engine of this host\nhint: build it again, with the `alga` of this host's version"
    )]
    UnknownEngine(String),
    /// The component has an import that is not an interface.
    #[error("the import `{0}` is not an interface; an extension imports interfaces only")]
    NotAnInterface(String),
}

impl ComponentFacts {
    /// Returns whether the component can receive requests.
    #[must_use]
    pub fn exports_handler(&self) -> bool {
        let is_handler = |export: &String| HANDLERS.iter().any(|handler| export.starts_with(handler));
        self.exports.iter().any(is_handler)
    }

    /// Returns whether the component exports or imports an interface of WASI 0.3, whose functions
    /// are asynchronous.
    #[must_use]
    pub fn uses_wasi_0_3(&self) -> bool {
        let is_of_0_3 = |name: &String| name.starts_with("wasi:") && name.contains("@0.3.");
        self.exports.iter().chain(self.imports.keys()).any(is_of_0_3)
    }

    /// The capabilities that its imports need. Imports that no capability grants are omitted: they
    /// do not link.
    pub fn needs<'a>(&'a self, known: &'a [Capability]) -> impl Iterator<Item = CapabilityName> + 'a {
        let satisfying = |import: &'a String| {
            let import = InterfaceName::parse(import);
            known.iter().find(|capability| capability.satisfies(&import))
        };
        self.imports
            .keys()
            .filter_map(satisfying)
            .filter_map(|capability| capability.name.parse().ok())
    }

    /// Validates a component and reads its imports, exports and requirements.
    ///
    /// # Errors
    /// Returns [`ComponentError`] if the bytes are not a component that this platform runs.
    pub fn read(bytes: &[u8]) -> Result<Self, ComponentError> {
        if bytes.len() > COMPONENT_BYTES {
            return Err(ComponentError::TooLarge(bytes.len()));
        }
        if !Parser::is_component(bytes) {
            return Err(ComponentError::NotAComponent);
        }
        let mut validator = Validator::new_with_features(features());
        let (mut names, mut counter, mut counted) = (Names::default(), Counter::default(), None);
        let mut open_modules = 0_usize;
        let mut facts = None;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            names.note(&payload, open_modules)?;
            check_names(&payload)?;
            counted = counted.or(counter.payload(&payload)?);
            match payload {
                Payload::Version { .. } => open_modules += 1,
                Payload::End(_) => open_modules = open_modules.saturating_sub(1),
                _ => {}
            }
            match validator.payload(&payload)? {
                ValidPayload::Func(function, body) => function.into_validator(Default::default()).validate(&body)?,
                ValidPayload::End(types) if open_modules == 0 => facts = Some(names.facts(types.as_ref())?),
                _ => {}
            }
        }
        let mut facts = facts.ok_or(ComponentError::NotAComponent)?;
        facts.requirements = counted.unwrap_or_default();
        Ceilings::default()
            .check(&facts.requirements)
            .map_err(ComponentError::Exceeds)?;
        Ok(facts)
    }
}

/// Checks the names of a core module and of its functions, as far as they can be read: the engine
/// uses those before an error, too.
fn check_names(payload: &Payload<'_>) -> Result<(), ComponentError> {
    let Payload::CustomSection(section) = payload else {
        return Ok(());
    };
    let KnownCustom::Name(names) = section.as_known() else {
        return Ok(());
    };
    match longest_name(names) {
        longest if longest > NAME_BYTES => Err(ComponentError::LongName(longest)),
        _ => Ok(()),
    }
}

fn longest_name(names: NameSectionReader<'_>) -> usize {
    let mut longest = 0;
    for name in names.into_iter().map_while(Result::ok) {
        let own = match name {
            Name::Module { name, .. } => name.len(),
            Name::Function(functions) => {
                let functions = functions.into_iter().map_while(Result::ok);
                functions.map(|function| function.name.len()).max().unwrap_or(0)
            }
            _ => 0,
        };
        longest = longest.max(own);
    }
    longest
}

/// Returns the only list of WebAssembly proposals that extensions may use. The compiler validates
/// every component against it before wasmtime reads it, because wasmtime enables more proposals by
/// default.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        .union(WasmFeatures::COMPONENT_MODEL)
        // Of WASI 0.3, which not every host runs.
        .union(WasmFeatures::CM_ASYNC)
        .union(WasmFeatures::MULTI_MEMORY)
        .union(WasmFeatures::TAIL_CALL)
        .union(WasmFeatures::EXTENDED_CONST)
        // References to host values need a garbage collector, which the engine does not have.
        .difference(WasmFeatures::GC_TYPES)
}

/// The imports and exports of the outermost component, collected while its payloads are parsed.
#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    fn note(&mut self, payload: &Payload<'_>, open_modules: usize) -> Result<(), ComponentError> {
        match payload {
            Payload::ComponentImportSection(section) if open_modules == 1 => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if open_modules == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn facts(&self, types: TypesRef<'_>) -> Result<ComponentFacts, ComponentError> {
        let (mut imports, mut engine) = (BTreeMap::new(), None);
        for name in &self.imports {
            if is_module(types, name) {
                if shipped_engine(name).is_none() || engine.is_some() {
                    return Err(ComponentError::UnknownEngine(name.escape_default().to_string()));
                }
                engine = Some(name.clone());
                continue;
            }
            let functions = functions_of(types, name)?;
            if !functions.is_empty() {
                imports.insert(name.clone(), functions);
            }
        }
        Ok(ComponentFacts {
            imports,
            exports: self.exports.clone(),
            engine,
            requirements: Requirements::default(),
        })
    }
}

fn is_module(types: TypesRef<'_>, import: &str) -> bool {
    let item = types.component_item_for_import(import);
    matches!(item.map(|item| item.ty), Some(ComponentEntityType::Module(_)))
}

fn functions_of(types: TypesRef<'_>, import: &str) -> Result<Vec<String>, ComponentError> {
    match types.component_item_for_import(import).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(id)) => {
            let exports = types.get(id).into_iter().flat_map(|instance| instance.exports.iter());
            let functions = exports.filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
            Ok(functions.map(|(name, _)| name.clone()).collect())
        }
        Some(ComponentEntityType::Type { created, .. }) if !matches!(created, ComponentAnyTypeId::Resource(_)) => {
            Ok(Vec::new())
        }
        _ => Err(ComponentError::NotAnInterface(import.escape_default().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ComponentFacts, ComponentError> {
        ComponentFacts::read(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn interfaces_with_functions_are_imports_and_types_alone_are_not() {
        let facts = read(
            r#"(component
                (import "a:b/types@1.0.0" (instance (type (record (field "x" u8))) (export "r" (type (eq 0)))))
                (import "a:b/calls@1.0.0" (instance (export "f" (func)) (export "g" (func)))))"#,
        )
        .unwrap();
        assert_eq!(
            facts.imports,
            BTreeMap::from([("a:b/calls@1.0.0".to_owned(), vec!["f".to_owned(), "g".to_owned()])])
        );
    }

    #[test]
    fn imports_inside_nested_components_do_not_count_as_the_components_own() {
        let facts = read(r#"(component (component (import "a:b/c@1.0.0" (instance (export "f" (func))))))"#).unwrap();
        assert!(facts.imports.is_empty());
    }

    #[test]
    fn a_name_that_backtraces_would_repeat_is_bounded() {
        let with = |bytes: usize| {
            let name = "n".repeat(bytes);
            let named = [
                format!(r#"(component (core module (func (@name "{name}"))))"#),
                format!(r#"(component (core module (@name "{name}")))"#),
            ];
            named.map(|text| read(&text))
        };
        assert!(with(NAME_BYTES).iter().all(Result::is_ok));
        for refused in with(NAME_BYTES + 1) {
            assert!(matches!(refused, Err(ComponentError::LongName(_))), "{refused:?}");
        }
    }

    #[test]
    fn components_that_the_engine_cannot_run_are_refused_when_read() {
        for (text, word) in [
            ("(module)", "core module"),
            (
                "(component (core module $m (memory 65536)) (core instance (instantiate $m)))",
                "MEMORY_CEILING_MB",
            ),
            ("(component (core module (memory i64 1)))", "valid"),
            ("(component (core module (memory 1 1 shared)))", "valid"),
            ("(component (core module (tag)))", "valid"),
            ("(component (core module (type (struct))))", "valid"),
            (r#"(component (import "f" (func)))"#, "not an interface"),
            (r#"(component (import "m" (core module)))"#, "no engine of this host"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(ComponentFacts::read(b"\0asm").is_err());
        assert!(ComponentFacts::read(&vec![0; COMPONENT_BYTES + 1]).is_err());
    }
}
