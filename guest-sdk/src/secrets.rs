//! Secrets that the tenant has set (`alga:secrets/store`, granted by `cap:secrets.get`).
//!
//! A secret is declared in the manifest with the hosts that it may be sent to, `"secrets": [{ "name": "api-key", "hosts": ["api.example.com"] }]`. The
//! extension opens it and attaches it to a request; it never sees it.
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! let key = alga::secrets::open("api-key")?;
//! let answer = alga::http::Client::new().get("https://api.example.com/").bearer_secret(key).send()?;
//! # Ok(()) }
//! ```
//!
//! What cannot be done with a header (signing, decrypting) needs the secret itself: [`reveal`], granted by `cap:secrets.reveal`.

use crate::bindings::alga::secrets::reveal as clear;
use crate::bindings::alga::secrets::store;
use crate::bindings::wasi::http::types::OutgoingRequest;
use crate::{Error, Result};
use serde::de::DeserializeOwned;

pub use store::Declared;

/// An open secret.
#[derive(Debug)]
pub struct Secret {
    handle: store::Secret,
    name: String,
}

/// Opens a secret.
///
/// # Errors
/// [`Error::Denied`] with the line to add when it is not declared, [`Error::NotFound`] when the tenant has not set it.
pub fn open(name: &str) -> Result<Secret> {
    Ok(Secret {
        handle: store::open(name)?,
        name: name.to_owned(),
    })
}

/// The secrets that the manifest declares, set or not.
///
/// # Errors
/// [`Error::Denied`] when the capability is optional and not granted.
pub fn declared() -> Result<Vec<Declared>> {
    Ok(store::names()?)
}

/// The secret in the clear. Keep it no longer than needed: it is in your memory now.
///
/// # Errors
/// As [`open`].
pub fn reveal(name: &str) -> Result<Vec<u8>> {
    Ok(clear::reveal(name)?)
}

/// The secret as text.
///
/// # Errors
/// As [`open`], and [`Error::Invalid`] when it is not UTF-8.
pub fn reveal_text(name: &str) -> Result<String> {
    let bytes = reveal(name)?;
    String::from_utf8(bytes).map_err(|_| Error::Invalid(format!("the secret `{name}` is not text")))
}

/// The secret as a value: credentials that a tenant has pasted as JSON.
///
/// # Errors
/// As [`open`], and [`Error::Invalid`] when it is not JSON of this shape; nothing of the secret is in the text.
pub fn reveal_json<T: DeserializeOwned>(name: &str) -> Result<T> {
    let bytes = reveal(name)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Error::Invalid(format!(
            "the secret `{name}` has another shape than expected, at {place}"
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
            store::Error::Unavailable => Self::Unavailable("what keeps secrets did not answer".into()),
            store::Error::Other(text) => Self::Internal(text),
        }
    }
}

impl From<clear::Error> for Error {
    fn from(error: clear::Error) -> Self {
        match error {
            clear::Error::Denied(text) => Self::Denied(text),
            clear::Error::Missing(text) => Self::NotFound(text),
            clear::Error::Unavailable => Self::Unavailable("what keeps secrets did not answer".into()),
            clear::Error::Other(text) => Self::Internal(text),
        }
    }
}
