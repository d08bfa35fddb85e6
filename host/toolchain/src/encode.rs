//! Core module to component.

use wit_component::ComponentEncoder;

/// The module carries no or wrong component type information.
#[derive(Debug, thiserror::Error)]
#[error("this module is not an extension: {reason}\nhint: an extension has one `#[alga::handler]` function")]
pub struct EncodeError {
    reason: String,
}

/// Wraps a core module built with the SDK into a component that imports only what the module imports.
///
/// # Errors
/// When the module was not built with WIT bindings.
pub fn encode_component(module: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| EncodeError {
        reason: format!("{error:#}"),
    })
}
