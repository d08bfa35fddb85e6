//! `secrets` over `alga:secrets`: values are revealed to the guest, and names are those of the
//! manifest.
#![no_main]

use alga::__private::bindings::alga::secrets::reveal::{self, Error};
use bindings::exports::alga::extension::secrets::{Guest, SecretError};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "secrets-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn get(key: String) -> Result<String, SecretError> {
        let value = reveal::reveal(&key).map_err(|error| match error {
            Error::Denied(_) => SecretError::Denied,
            Error::Missing(_) => SecretError::Missing,
            Error::Unavailable | Error::Other(_) => SecretError::Internal,
        })?;
        String::from_utf8(value).map_err(|_| SecretError::Internal)
    }

    fn list_keys() -> Vec<String> {
        // The old interface has no error: without the capability, there are no keys.
        let declared = alga::secrets::declared().unwrap_or_default();
        declared.into_iter().map(|secret| secret.name).collect()
    }
}
