//! Routes of the host application (AlgaPSA) that the extension runs in (`alga:ui-proxy`, granted by
//! `cap:ui.proxy`).
//!
//! Routes are declared in the manifest:
//! `"uiProxy": [{ "name": "ticket", "method": "GET", "path": "/api/tickets/:id" }]`. The host adds
//! the caller's identity.
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

/// Builder of a call.
#[derive(Debug)]
#[must_use = "a route is called with `call`"]
pub struct RouteCall {
    route: String,
    parameters: Vec<(String, String)>,
}

/// Starts building a call of a route, by its name in the manifest.
pub fn route(name: &str) -> RouteCall {
    RouteCall {
        route: name.to_owned(),
        parameters: Vec::new(),
    }
}

impl RouteCall {
    /// Sets a `:name` segment of the path; a name that is not in the path is added to the query.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Calls the route without a body.
    ///
    /// # Errors
    /// Returns [`Error::Denied`] with the line to add if the manifest does not declare the route,
    /// or if the host application refuses the call; [`Error::NotFound`], [`Error::Invalid`] or
    /// [`Error::Unavailable`] according to its response.
    pub fn call(self) -> Result<RouteResponse> {
        Ok(RouteResponse(routes::call(&self.route, &self.parameters, None)?))
    }

    /// Calls the route with a value as JSON.
    ///
    /// # Errors
    /// Returns the errors of [`call`](Self::call).
    pub fn call_with<T: Serialize + ?Sized>(self, body: &T) -> Result<RouteResponse> {
        let body = serde_json::to_vec(body)?;
        Ok(RouteResponse(routes::call(&self.route, &self.parameters, Some(&body))?))
    }
}

/// Successful response of the host application.
#[derive(Debug)]
pub struct RouteResponse(routes::Answer);

impl RouteResponse {
    /// Returns the status code, 200 to 299.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns the media type of the body, if the response declares one.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.0.content_type.as_deref()
    }

    /// Returns the body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.body
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the body is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.0.body).map_err(|error| {
            Error::Unavailable(format!(
                "the host application's response is not the expected JSON: {error}"
            ))
        })
    }
}

impl From<routes::Error> for Error {
    fn from(error: routes::Error) -> Self {
        match error {
            routes::Error::Denied(text) => Self::Denied(text),
            routes::Error::NotFound(text) => Self::NotFound(text),
            routes::Error::InvalidInput(text) => Self::Invalid(text),
            routes::Error::Unavailable => Self::Unavailable("the host application did not respond".into()),
            routes::Error::Other(text) => Self::Internal(text),
        }
    }
}
