//! Composes adapters with a component that has HTTP messages as whole values, `alga:http`.

use crate::composition::Composition;
use crate::{Adapted, ComposeError};

/// Export of a guest.
const HANDLER: &str = "alga:http/handler@1.0.0";
/// Export of the adapter of the handler.
const INCOMING_HANDLER: &str = "wasi:http/incoming-handler@0.2.12";
/// Import of a guest.
const CLIENT: &str = "alga:http/client@1.0.0";
const HANDLER_ADAPTER: &[u8] = include_bytes!("../../components/dist/function_handler.wasm");
const CLIENT_ADAPTER: &[u8] = include_bytes!("../../components/dist/function_client.wasm");

/// Composes a component that exports `alga:http/handler`, imports `alga:http/client`, or both, with
/// their adapters. Returns `None` for any other one.
///
/// The result depends on the component alone: the same bytes give the same result.
///
/// # Errors
/// Returns [`ComposeError`] if the bytes are not a component, if it exports both kinds of handlers,
/// or if its types are not those of `alga:http`.
pub fn adapt_function(guest: &[u8]) -> Result<Option<Adapted>, ComposeError> {
    let mut composition = Composition::default();
    let guest = composition.add("alga:guest", guest)?;
    let is_incoming = |name: &String| name.starts_with("wasi:http/incoming-handler@");
    let has_handler = guest.exports.iter().any(|name| name == HANDLER);
    let has_client = guest.imports.iter().any(|name| name == CLIENT);
    if has_handler && guest.exports.iter().any(is_incoming) {
        return Err(ComposeError(format!(
            "it exports both {HANDLER} and wasi:http/incoming-handler; remove one of them"
        )));
    }
    let mut satisfied = Vec::new();
    if has_client {
        let client = composition.add("alga:function-client", CLIENT_ADAPTER)?;
        composition.connect((&client, CLIENT), (&guest, CLIENT))?;
        satisfied.push(CLIENT.to_owned());
    }
    let component = if has_handler {
        let handler = composition.add("alga:function-handler", HANDLER_ADAPTER)?;
        composition.connect((&guest, HANDLER), (&handler, HANDLER))?;
        satisfied.push(HANDLER.to_owned());
        composition.export(&handler, &[INCOMING_HANDLER.to_owned()])?
    } else if has_client {
        composition.export(&guest, &guest.exports)?
    } else {
        return Ok(None);
    };
    Ok(Some(Adapted { component, satisfied }))
}

/// Returns whether these bytes are one of the adapters.
pub(crate) fn is_adapter(bytes: &[u8]) -> bool {
    [HANDLER_ADAPTER, CLIENT_ADAPTER].contains(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_with_two_handlers_is_refused_and_one_of_another_world_is_left_as_it_is() {
        let both = r#"(component
            (instance $own)
            (export "alga:http/handler@1.0.0" (instance $own))
            (export "wasi:http/incoming-handler@0.2.12" (instance $own)))"#;
        let error = adapt_function(&wat::parse_str(both).unwrap()).unwrap_err().to_string();
        assert!(error.contains("exports both"), "{error}");
        assert_eq!(adapt_function(&wat::parse_str("(component)").unwrap()).unwrap(), None);
    }
}
