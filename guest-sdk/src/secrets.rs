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

pub use store::Declared;

/// An open secret.
#[derive(Debug)]
pub struct Secret(store::Secret);

/// Opens a secret.
///
/// # Errors
/// [`Error::Denied`] with the line to add when it is not declared, [`Error::NotFound`] when the tenant has not set it.
pub fn open(name: &str) -> Result<Secret> {
    Ok(Secret(store::open(name)?))
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

impl Secret {
    pub(crate) fn attach_bearer(&self, request: &OutgoingRequest) -> Result<()> {
        Ok(self.0.attach(request, &store::Placement::Bearer)?)
    }

    pub(crate) fn attach_basic(&self, request: &OutgoingRequest, user: &str) -> Result<()> {
        Ok(self.0.attach(request, &store::Placement::Basic(user.to_owned()))?)
    }

    pub(crate) fn attach_header(&self, request: &OutgoingRequest, name: &str) -> Result<()> {
        Ok(self.0.attach(request, &store::Placement::Header(name.to_owned()))?)
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
