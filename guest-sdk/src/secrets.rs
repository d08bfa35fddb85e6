//! Secrets set by the tenant (`alga:secrets/store`, granted by `cap:secrets.get`).
//!
//! A secret is declared in the manifest with the hosts that it may be sent to,
//! `"secrets": [{ "name": "api-key", "hosts": ["api.example.com"] }]`. The extension opens it and
//! attaches it to a request, without ever seeing its value.
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! let key = alga::secrets::open("api-key")?;
//! let client = alga::http::Client::new();
//! let response = client.get("https://api.example.com/").bearer_secret(key).send()?;
//! # Ok(()) }
//! ```
//!
//! Signing and decrypting need the secret itself: see [`reveal`], granted by `cap:secrets.reveal`.

use crate::bindings::alga::secrets::reveal as clear;
use crate::bindings::alga::secrets::store;
use crate::bindings::wasi::http::types::OutgoingRequest;
use crate::{Error, Result};
use serde::de::DeserializeOwned;

pub use store::Declared;

/// Handle of an open secret.
#[derive(Debug)]
pub struct Secret {
    handle: store::Secret,
    name: String,
}

/// Opens a secret by name.
///
/// # Errors
/// Returns [`Error::Denied`] with the line to add if it is not declared, [`Error::NotFound`] if the
/// tenant has not set it.
pub fn open(name: &str) -> Result<Secret> {
    Ok(Secret {
        handle: store::open(name)?,
        name: name.to_owned(),
    })
}

/// Returns the secrets that the manifest declares, whether or not they are set.
///
/// # Errors
/// Returns [`Error::Denied`] if the capability is optional and not granted.
pub fn declared() -> Result<Vec<Declared>> {
    Ok(store::names()?)
}

/// Returns the secret in plaintext. Drop it as soon as possible: it is in the extension's memory.
///
/// # Errors
/// Returns the errors of [`open`].
pub fn reveal(name: &str) -> Result<Vec<u8>> {
    Ok(clear::reveal(name)?)
}

/// Returns the secret as text.
///
/// # Errors
/// Returns the errors of [`open`], and [`Error::Invalid`] if it is not UTF-8.
pub fn reveal_text(name: &str) -> Result<String> {
    let bytes = reveal(name)?;
    String::from_utf8(bytes).map_err(|_| Error::Invalid(format!("the secret `{name}` is not UTF-8")))
}

/// Parses the secret as JSON, for credentials that the tenant has set in that form.
///
/// # Errors
/// Returns the errors of [`open`], and [`Error::Invalid`] if it is not the JSON of a `T`; the text
/// contains no part of the secret.
pub fn reveal_json<T: DeserializeOwned>(name: &str) -> Result<T> {
    let bytes = reveal(name)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let position = format!("line {} column {}", error.line(), error.column());
        Error::Invalid(format!(
            "the secret `{name}` does not match the expected JSON at {position}"
        ))
    })
}

impl Secret {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn attach_bearer(&self, request: &OutgoingRequest) -> Result<()> {
        Ok(self.handle.attach(request, &store::Placement::Bearer)?)
    }

    pub(crate) fn attach_basic(&self, request: &OutgoingRequest, user: &str) -> Result<()> {
        Ok(self.handle.attach(request, &store::Placement::Basic(user.to_owned()))?)
    }

    pub(crate) fn attach_header(&self, request: &OutgoingRequest, name: &str) -> Result<()> {
        Ok(self
            .handle
            .attach(request, &store::Placement::Header(name.to_owned()))?)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Denied(text) => Self::Denied(text),
            store::Error::Missing(text) => Self::NotFound(text),
            store::Error::InvalidInput(text) => Self::Invalid(text),
            store::Error::Unavailable => Self::Unavailable("the secret store did not respond".into()),
            store::Error::Other(text) => Self::Internal(text),
        }
    }
}

impl From<clear::Error> for Error {
    fn from(error: clear::Error) -> Self {
        match error {
            clear::Error::Denied(text) => Self::Denied(text),
            clear::Error::Missing(text) => Self::NotFound(text),
            clear::Error::Unavailable => Self::Unavailable("the secret store did not respond".into()),
            clear::Error::Other(text) => Self::Internal(text),
        }
    }
}
