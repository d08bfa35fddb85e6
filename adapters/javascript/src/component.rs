//! Makes a component of a snapshot: types, imports and exports as `wit-component` encodes them for
//! a module with the engine's interface, and the snapshot and the imported engine in its place.

use crate::engine::Engine;
use crate::interface::Interface;
use crate::memory::memory_module;
use crate::splice::splice;
use crate::{BuildError, Snapshot};
use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId, WorldKey};

/// Makes a component that imports the engine and the interfaces of the snapshot.
///
/// The same snapshot gives the same bytes.
///
/// # Errors
/// Returns [`BuildError::Internal`] if the engine and the WIT of this version do not match.
pub fn component(engine: &Engine, snapshot: &Snapshot) -> Result<Vec<u8>, BuildError> {
    encode(engine, snapshot).map_err(BuildError::internal)
}

fn encode(engine: &Engine, snapshot: &Snapshot) -> Result<Vec<u8>> {
    let interface = Interface::of(engine.module())?;
    let (resolve, world, left_out) = world_of(engine, snapshot)?;
    let mut skeleton = interface.skeleton(&left_out);
    wit_component::embed_component_metadata(&mut skeleton, &resolve, world, StringEncoding::UTF8)?;
    let encoded = ComponentEncoder::default().module(&skeleton)?.encode()?;
    let memory = memory_module(&interface, snapshot, &left_out);
    let component = splice(&encoded, engine, &interface, &memory, &left_out)?;
    wasmparser::Validator::new()
        .validate_all(&component)
        .context("the component is not valid")?;
    Ok(component)
}

/// Returns the world of the engine without the interfaces that the snapshot does not import, and
/// the names of those.
fn world_of(engine: &Engine, snapshot: &Snapshot) -> Result<(Resolve, WorldId, Vec<String>)> {
    let (_, bindings) = wit_component::metadata::decode(engine.built)?;
    let (mut resolve, world) = (bindings.resolve, bindings.world);
    let imports = resolve.worlds.get(world).map(|world| world.imports.keys().cloned());
    let all: Vec<WorldKey> = imports.context("the engine has no world")?.collect();
    let mut left_out = Vec::new();
    for key in all {
        let name = resolve.name_world_key(&key);
        let has_functions = match &key {
            WorldKey::Interface(id) => resolve
                .interfaces
                .get(*id)
                .is_some_and(|interface| !interface.functions.is_empty()),
            WorldKey::Name(_) => true,
        };
        let interface = name.split('@').next().unwrap_or(&name);
        if has_functions && !snapshot.imports.iter().any(|import| import == interface) {
            if let Some(world) = resolve.worlds.get_mut(world) {
                world.imports.shift_remove(&key);
            }
            left_out.push(name);
        }
    }
    Ok((resolve, world, left_out))
}
