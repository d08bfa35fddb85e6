//! Routes of the product that the extension runs in (`alga:ui-proxy`, granted by `cap:ui.proxy`).
//!
//! Routes are declared in the manifest: `"uiProxy": [{ "name": "ticket", "method": "GET", "path": "/api/tickets/:id" }]`. The host adds who calls.
//!
//! ```no_run
//! # #[derive(serde::Deserialize)] struct Ticket { title: String }
//! # fn example() -> alga::Result<()> {
//! let ticket: Ticket = alga::ui_proxy::route("ticket").parameter("id", "17").call()?.json()?;
//! # Ok(()) }
//! ```

use crate::bindings::alga::ui_proxy::routes;
use crate::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

/// A call that is being put together.
#[derive(Debug)]
#[must_use = "a route is called with `call`"]
pub struct RouteCall {
    route: String,
    parameters: Vec<(String, String)>,
}

/// Begins a call of a route by its name in the manifest.
pub fn route(name: &str) -> RouteCall {
    RouteCall {
        route: name.to_owned(),
        parameters: Vec::new(),
    }
}

impl RouteCall {
    /// Fills in a `:name` of the path; what is no name of the path goes into the query.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Calls the route without a body.
    ///
    /// # Errors
    /// [`Error::Denied`] with the line to add when the manifest does not name it; otherwise as the product answers.
    pub fn call(self) -> Result<Answer> {
        Ok(Answer(routes::call(&self.route, &self.parameters, None)?))
    }

    /// Calls the route with a value as JSON.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_with<T: Serialize + ?Sized>(self, body: &T) -> Result<Answer> {
        let body = serde_json::to_vec(body)?;
        Ok(Answer(routes::call(&self.route, &self.parameters, Some(&body))?))
    }
}

/// What the product answered.
#[derive(Debug)]
pub struct Answer(routes::Answer);

impl Answer {
    /// 200 to 299.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The media type of the body.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.0.content_type.as_deref()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.0.body)
            .map_err(|error| Error::Unavailable(format!("the product's answer is not the JSON expected: {error}")))
    }
}

impl From<routes::Error> for Error {
    fn from(error: routes::Error) -> Self {
        match error {
            routes::Error::Denied(text) => Self::Denied(text),
            routes::Error::NotFound(text) => Self::NotFound(text),
            routes::Error::InvalidInput(text) => Self::Invalid(text),
            routes::Error::Unavailable => Self::Unavailable("the product did not answer".into()),
            routes::Error::Other(text) => Self::Internal(text),
        }
    }
}
