//! Generates a component that exports given interfaces of a guest.

use crate::Denied;
use crate::module::Functions;
use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{InterfaceId, Resolve, SizeAlign, WorldId, WorldItem, WorldKey};

/// Returns the adapter for the listed interfaces that a guest imports, or `None` if it imports none
/// of them.
pub(crate) fn denying(guest: &[u8], denied: &[Denied<'_>]) -> Result<Option<Vec<u8>>> {
    let DecodedWasm::Component(mut resolve, world) = wit_component::decode(guest)? else {
        bail!("it is a WIT package, not a component");
    };
    let imported = imported(&resolve, world, denied);
    if imported.is_empty() {
        return Ok(None);
    }
    let exports: String = imported.iter().map(|(name, ..)| format!("export {name};\n")).collect();
    let text = format!("package alga:deny;\nworld deny {{\n{exports}}}\n");
    let package = resolve.push_str("deny.wit", &text)?;
    let world = resolve.select_world(&[package], Some("deny"))?;
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let mut functions = Functions::new(&resolve, &sizes);
    for (key, item) in &resolve
        .worlds
        .get(world)
        .context("the generated world is missing")?
        .exports
    {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let reason = imported
            .iter()
            .find(|(_, imported, _)| imported == id)
            .map_or("not granted", |(_, _, reason)| reason);
        add_interface(&mut functions, &resolve, key, *id, reason)?;
    }
    let mut module = functions.finish()?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(Some(
        ComponentEncoder::default().validate(true).module(&module)?.encode()?,
    ))
}

/// Returns the listed interfaces that a guest imports, each with its full name and the reason.
fn imported<'a>(resolve: &Resolve, world: WorldId, denied: &[Denied<'a>]) -> Vec<(String, InterfaceId, &'a str)> {
    let mut found = Vec::new();
    let imports = resolve.worlds.get(world).into_iter().flat_map(|world| &world.imports);
    for (key, item) in imports {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let name = resolve.name_world_key(key);
        let bare = name.split('@').next().unwrap_or_default();
        if let Some(denied) = denied.iter().find(|denied| denied.interface == bare) {
            found.push((name, *id, denied.reason));
        }
    }
    found
}

fn add_interface(
    functions: &mut Functions<'_>,
    resolve: &Resolve,
    key: &WorldKey,
    id: InterfaceId,
    reason: &str,
) -> Result<()> {
    let name = resolve.name_world_key(key);
    let interface = resolve
        .interfaces
        .get(id)
        .context("an interface of the guest is missing")?;
    for function in interface.functions.values() {
        functions.add(&format!("{name}#{}", function.name), function, reason)?;
    }
    Ok(())
}
