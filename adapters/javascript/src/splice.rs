//! Replaces the skeleton inside a component by the imported engine.
//!
//! ```text
//! core module 0      the skeleton    -> the engine, imported
//!                                       the module with the snapshot's memory: 1
//! core module n      shims           -> n + 1
//!                                       instance of the memory: 0
//!                                       one instance of traps for each interface that is left out
//! core instance n                    -> after those
//! core function n                    -> after the traps
//! ```

use crate::engine::{Engine, bytes_of};
use crate::interface::Interface;
use crate::memory::trap_name;
use anyhow::{Result, bail};
use std::convert::Infallible;
use wasm_encoder::reencode::{Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentImportSection, ComponentTypeRef,
    CoreTypeSection, ExportKind, InstanceSection, ModuleArg, RawSection,
};
use wasmparser::{Parser, Payload};

/// Sections of a component (component model, binary format).
const MODULE: u8 = 1;
const COMPONENT: u8 = 4;
/// Index of the memory's module and of its instance.
const MEMORY_MODULE: u32 = 1;
const MEMORY_INSTANCE: u32 = 0;

/// Replaces the first core module of a component by the engine, and gives it the memory.
pub(crate) fn splice(
    component: &[u8],
    engine: &Engine,
    interface: &Interface,
    memory: &[u8],
    left_out: &[String],
) -> Result<Vec<u8>> {
    let mut result = Component::new();
    let mut shift = Shift {
        instances: u32::try_from(left_out.len())? + 1,
        functions: u32::try_from(interface.imports_of(left_out).count())?,
        arguments: arguments(left_out),
    };
    let (mut depth, mut is_replaced) = (0_usize, false);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ if depth > 1 => {}
            Payload::ModuleSection { .. } if !is_replaced => {
                replace(&mut result, engine, interface, memory, left_out);
                is_replaced = true;
            }
            Payload::ModuleSection { unchecked_range, .. } => {
                let data = bytes_of(component, &unchecked_range);
                result.section(&RawSection { id: MODULE, data });
            }
            Payload::ComponentSection { unchecked_range, .. } => {
                let data = bytes_of(component, &unchecked_range);
                result.section(&RawSection { id: COMPONENT, data });
            }
            // Names of parts whose indices have changed.
            Payload::CustomSection(section) if section.name() == "component-name" => {}
            _ => shift.section(&mut result, &payload, component)?,
        }
    }
    if !is_replaced {
        bail!("the encoded component contains no module");
    }
    Ok(result.finish())
}

/// Returns the additional arguments of the engine's instance.
fn arguments(left_out: &[String]) -> Vec<(String, u32)> {
    let traps = left_out.iter().cloned().zip(MEMORY_INSTANCE + 1..);
    [("env".to_owned(), MEMORY_INSTANCE)].into_iter().chain(traps).collect()
}

/// Writes the import of the engine, the memory and the traps.
fn replace(result: &mut Component, engine: &Engine, interface: &Interface, memory: &[u8], left_out: &[String]) {
    let (mut types, mut imports) = (CoreTypeSection::new(), ComponentImportSection::new());
    types.ty().module(&interface.module_type());
    imports.import(engine.import_name(), ComponentTypeRef::Module(0));
    result.section(&types).section(&imports);
    result.section(&RawSection {
        id: MODULE,
        data: memory,
    });
    let mut instance = InstanceSection::new();
    instance.instantiate(MEMORY_MODULE, std::iter::empty::<(&str, ModuleArg)>());
    result.section(&instance);
    let (mut aliases, mut traps) = (ComponentAliasSection::new(), InstanceSection::new());
    let mut function = 0_u32;
    for name in left_out {
        let mut exports = Vec::new();
        for import in interface.imports_of(std::slice::from_ref(name)) {
            aliases.alias(Alias::CoreInstanceExport {
                instance: MEMORY_INSTANCE,
                kind: ExportKind::Func,
                name: &trap_name(import),
            });
            exports.push((import.name.as_str(), ExportKind::Func, function));
            function += 1;
        }
        traps.export_items(exports);
    }
    result.section(&aliases).section(&traps);
}

/// Moves indices behind what was added.
struct Shift {
    instances: u32,
    functions: u32,
    /// Additional arguments of the engine's instance.
    arguments: Vec<(String, u32)>,
}

impl Shift {
    fn section(&mut self, result: &mut Component, payload: &Payload<'_>, component: &[u8]) -> Result<()> {
        match payload {
            Payload::ComponentCanonicalSection(section) => {
                let mut functions = CanonicalFunctionSection::new();
                self.parse_component_canonical_section(&mut functions, section.clone())?;
                result.section(&functions);
            }
            Payload::ComponentAliasSection(section) => {
                let mut aliases = ComponentAliasSection::new();
                self.parse_component_alias_section(&mut aliases, section.clone())?;
                result.section(&aliases);
            }
            Payload::InstanceSection(section) => {
                let mut instances = InstanceSection::new();
                for instance in section.clone() {
                    self.instance(&mut instances, instance?)?;
                }
                result.section(&instances);
            }
            // Types, imports, exports: they refer to nothing that has moved.
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = bytes_of(component, &range);
                    result.section(&RawSection { id, data });
                }
            }
        }
        Ok(())
    }

    fn instance(&mut self, instances: &mut InstanceSection, instance: wasmparser::Instance<'_>) -> Result<()> {
        match instance {
            wasmparser::Instance::Instantiate { module_index: 0, args } => {
                let moved = args.iter().map(|argument| {
                    let index = self.instances + argument.index;
                    (argument.name, ModuleArg::Instance(index))
                });
                let added = self.arguments.iter();
                let added = added.map(|(name, index)| (name.as_str(), ModuleArg::Instance(*index)));
                instances.instantiate(0, added.chain(moved).collect::<Vec<_>>());
            }
            other => self.parse_instance(instances, other)?,
        }
        Ok(())
    }
}

impl Reencode for Shift {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, wasm_encoder::reencode::Error> {
        Ok(index + self.functions)
    }
}

impl ReencodeComponent for Shift {
    fn module_index(&mut self, index: u32) -> u32 {
        if index == 0 { 0 } else { index + 1 }
    }

    fn instance_index(&mut self, index: u32) -> u32 {
        index + self.instances
    }
}
