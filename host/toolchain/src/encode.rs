//! Converts a core module to a component.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER as PREVIEW1_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// Reason why a module cannot become a component.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The module has missing or wrong component type information.
    #[error("this module is not an extension: {0}\nhint: an extension has one `#[alga::handler]` function")]
    NotAnExtension(String),
    /// The module imports something that is not a WIT interface: a dependency was built for another
    /// host.
    #[error("the module imports `{name}` of `{module}`, which is not a WIT interface\nhint: {hint}")]
    Foreign {
        /// Module name of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// Probable origin of the import, and the fix.
        hint: &'static str,
    },
}

/// Returns whether these bytes are a core module, as compilers produce it, and not a component.
#[must_use]
pub fn is_module(bytes: &[u8]) -> bool {
    Parser::is_core_wasm(bytes)
}

/// Wraps a core module into a component that imports only what the module imports. The module has
/// component type information, as WIT bindings of any language add it. Imports of WASI preview 1
/// are satisfied by an adapter inside the component: standard output and error, clocks and
/// randomness work, there are no files, arguments or sockets.
///
/// # Errors
/// [`EncodeError::Foreign`] for an import that is not a WIT interface, otherwise
/// [`EncodeError::NotAnExtension`] if the module was not built with WIT bindings.
pub fn encode_component(module: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let encode = || {
        let mut encoder = ComponentEncoder::default();
        encoder
            .validate(true)
            .module(module)?
            .adapter(PREVIEW1, PREVIEW1_ADAPTER)?
            .encode()
    };
    encode()
        .map_err(|error| foreign_import(module).unwrap_or_else(|| EncodeError::NotAnExtension(format!("{error:#}"))))
}

/// Returns the first import that cannot be a WIT interface: interfaces have a `:` in their names,
/// and imports that tools add begin with `$` or `[`.
fn foreign_import(module: &[u8]) -> Option<EncodeError> {
    let imports = Parser::new(0).parse_all(module).filter_map(|payload| match payload {
        Ok(Payload::ImportSection(section)) => Some(section),
        _ => None,
    });
    let mut imports = imports.flat_map(wasmparser::SectionLimited::into_imports).flatten();
    let is_foreign = |name: &str| !name.contains(':') && !name.starts_with(['$', '[']) && name != PREVIEW1;
    let import = imports.find(|import| is_foreign(import.module))?;
    Some(EncodeError::Foreign {
        module: import.module.to_owned(),
        name: import.name.escape_default().to_string(),
        hint: hint(import.module),
    })
}

fn hint(module: &str) -> &'static str {
    if module.starts_with("__wbindgen") || module == "wbg" {
        return "a dependency was built for browsers with wasm-bindgen; `cargo tree --invert wasm-bindgen --target wasm32-unknown-unknown` shows which. \
                Turn its feature off (chrono: `default-features = false`, or `wasmbind`; uuid, getrandom: `js`), and get the time from `alga::time`";
    }
    match module {
        "env" => {
            "a dependency calls a C library or a function that is not linked; `cargo tree` shows which dependencies have a `-sys` crate"
        }
        _ => "a dependency declares it with `#[link(wasm_import_module = …)]` for another host; remove the dependency",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_from_another_host_is_reported_with_its_likely_origin() {
        for (module, hint) in [
            ("__wbindgen_placeholder__", "wasm-bindgen"),
            ("wbg", "chrono"),
            ("env", "C library"),
            ("other", "another host"),
        ] {
            // (module (import "<module>" "f" (func)))
            let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02".to_vec();
            let length = u8::try_from(module.len()).unwrap();
            bytes.extend([length + 6, 1, length]);
            bytes.extend(module.as_bytes());
            bytes.extend([1, b'f', 0, 0]);
            let error = encode_component(&bytes).unwrap_err().to_string();
            assert!(error.contains(module) && error.contains(hint), "{error}");
        }
    }
}
