//! The generated side of the WIT worlds. Everything else in this crate is written on top of it.
#![expect(missing_docs, reason = "generated from wit/, where the documentation lives")]

wit_bindgen::generate!({
    path: "../wit",
    world: "alga:extension/http-extension",
    pub_export_macro: true,
    default_bindings_module: "alga::__private::bindings",
    generate_all,
});

pub use __export_http_extension_impl;
