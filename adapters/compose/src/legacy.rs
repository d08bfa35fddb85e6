//! Composes adapters in front of a component of AlgaPSA's runner, the world
//! `alga:extension/runner`.
//!
//! Each interface of that world has an adapter over this platform's interfaces, and the handler has
//! one that exports `wasi:http/incoming-handler`. Only those are composed that the guest imports:
//! it asks for no more capabilities than it uses.

use crate::ComposeError;
use crate::composition::{Composition, Instance};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Export of the old world.
const HANDLER: &str = "handler";
/// Export of the adapter of the handler.
const INCOMING_HANDLER: &str = "wasi:http/incoming-handler@0.2.12";
/// Prefix of the old interfaces. They have no versions.
const INTERFACES: &str = "alga:extension/";
/// Interface that contains only types.
const TYPES: &str = "alga:extension/types";
/// The old world.
const WIT: &str = include_str!("../../components/wit/extension.wit");
/// Types that a handler imports by their names alone.
const SINGLE_TYPES: [&str; 2] = ["execute-request", "execute-response"];
/// A module without anything.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// The adapter of the handler.
const HANDLER_ADAPTER: &[u8] = include_bytes!("../../components/dist/legacy_handler.wasm");

/// Lists the interfaces of the old world and their adapters, built from `adapters/components`.
macro_rules! adapters {
    ($($interface:literal $file:literal)+) => {
        [$((
            concat!("alga:extension/", $interface),
            include_bytes!(concat!("../../components/dist/legacy_", $file, ".wasm")).as_slice(),
        )),+]
    };
}

const ADAPTERS: [(&str, &[u8]); 12] = adapters! {
    "clients" "clients"
    "context" "context"
    "http" "http"
    "invoicing" "invoicing"
    "logging" "logging"
    "scheduler" "scheduler"
    "secrets" "secrets"
    "services" "services"
    "storage" "storage"
    "ui-proxy" "ui_proxy"
    "user" "user"
    "user-v2" "user_v2"
};

/// Composes a component of the old world with its adapters, so that it exports
/// `wasi:http/incoming-handler`. Returns `None` for a component of another world.
///
/// The result depends on the component alone: the same bytes give the same result.
///
/// # Errors
/// Returns [`ComposeError`] if the bytes are not a component, if it exports both handlers, if it
/// imports an interface that the old world does not have, or if its types are not those of the
/// old world.
pub fn adapt_legacy(guest: &[u8]) -> Result<Option<Vec<u8>>, ComposeError> {
    let mut composition = Composition::default();
    let guest = composition.add("alga:guest", guest)?;
    let is_new = |name: &String| name.starts_with("wasi:http/incoming-handler@");
    match (
        guest.exports.iter().any(|name| name == HANDLER),
        guest.exports.iter().any(is_new),
    ) {
        (false, _) => return Ok(None),
        (true, true) => {
            return Err(ComposeError(
                "it exports both `handler`, of the world alga:extension/runner, and wasi:http/incoming-handler; remove one of them"
                    .to_owned(),
            ));
        }
        (true, false) => {}
    }
    let types = composition.add("alga:legacy-types", &types()?)?;
    let handler = composition.add("alga:legacy-handler", HANDLER_ADAPTER)?;
    for name in guest.imports.iter().filter(|name| name.starts_with(INTERFACES)) {
        if name == TYPES {
            continue;
        }
        let adapter = ADAPTERS.iter().find(|(interface, _)| interface == name);
        let (_, adapter) = adapter.ok_or_else(|| unknown(name))?;
        let adapter = composition.add(&format!("alga:legacy-{}", name.trim_start_matches(INTERFACES)), adapter)?;
        provide_types(&mut composition, &types, &adapter)?;
        composition.connect((&adapter, name), (&guest, name))?;
    }
    provide_types(&mut composition, &types, &guest)?;
    provide_types(&mut composition, &types, &handler)?;
    composition.connect((&guest, HANDLER), (&handler, HANDLER))?;
    composition.export(&handler, &[INCOMING_HANDLER.to_owned()]).map(Some)
}

/// Returns whether these bytes are one of the adapters.
pub(crate) fn is_adapter(bytes: &[u8]) -> bool {
    bytes == HANDLER_ADAPTER || ADAPTERS.iter().any(|(_, adapter)| *adapter == bytes)
}

/// Returns a component that exports the types of the old world: a component that is composed
/// imports none of its names.
fn types() -> Result<Vec<u8>, ComposeError> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("extension.wit", WIT).map_err(ComposeError::of)?;
    let world = resolve
        .select_world(&[package], Some("types-adapter"))
        .map_err(ComposeError::of)?;
    let mut module = EMPTY_MODULE.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(ComposeError::of)?;
    let encode = || ComponentEncoder::default().validate(true).module(&module)?.encode();
    encode().map_err(ComposeError::of)
}

fn unknown(name: &str) -> ComposeError {
    let known: Vec<&str> = ADAPTERS.iter().map(|(interface, _)| *interface).collect();
    ComposeError(format!(
        "it imports {name}, which the world alga:extension/runner does not have; it has {}",
        known.join(", ")
    ))
}

/// Satisfies the imports of types: of their interface, and of single ones.
fn provide_types(composition: &mut Composition, types: &Instance, to: &Instance) -> Result<(), ComposeError> {
    let all = composition.alias(types, TYPES)?;
    for name in &to.imports {
        if name == TYPES {
            composition.give(all, (to, name))?;
        } else if SINGLE_TYPES.contains(&name.as_str()) {
            let one = composition.alias_of(all, name)?;
            composition.give(one, (to, name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        adapt_legacy(&wat::parse_str(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn components_of_no_world_or_of_both_are_refused_with_the_reason() {
        let handler = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))"#;
        let both = format!(
            r#"(component {handler} (export "handler" (func $f))
            (instance $new (export "handle" (func $f))) (export "wasi:http/incoming-handler@0.2.12" (instance $new)))"#
        );
        assert!(refused(&both).contains("exports both"), "{}", refused(&both));
        let unknown =
            format!(r#"(component (import "alga:extension/other" (instance)) {handler} (export "handler" (func $f)))"#);
        let error = refused(&unknown);
        assert!(
            error.contains("alga:extension/other") && error.contains("alga:extension/storage"),
            "{error}"
        );
        // A handler of another type than the old world's.
        let other = format!(r#"(component {handler} (export "handler" (func $f)))"#);
        assert!(refused(&other).contains("handler"), "{}", refused(&other));
        assert!(refused("(module)").contains("component"));
        let none = wat::parse_str(format!("(component {handler} (export \"other\" (func $f)))")).unwrap();
        assert!(adapt_legacy(&none).unwrap().is_none());
    }
}
