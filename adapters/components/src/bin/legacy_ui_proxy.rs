//! `ui-proxy` over `alga:ui-proxy/routes`: the route is the name of one that the manifest declares.
#![no_main]

use alga::__private::bindings::alga::ui_proxy::routes::{self, Error};
use bindings::exports::alga::extension::ui_proxy::{Guest, ProxyError};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "ui-proxy-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn call_route(route: String, payload: Option<Vec<u8>>) -> Result<Vec<u8>, ProxyError> {
        let response = routes::call(&route, &[], payload.as_deref()).map_err(|error| match error {
            Error::Denied(_) => ProxyError::Denied,
            Error::NotFound(_) => ProxyError::RouteNotFound,
            Error::InvalidInput(_) => ProxyError::BadRequest,
            Error::Unavailable | Error::Other(_) => ProxyError::Internal,
        })?;
        match response.status {
            200..=299 => Ok(response.body),
            401 | 403 | 429 => Err(ProxyError::Denied),
            404 => Err(ProxyError::RouteNotFound),
            400..=499 => Err(ProxyError::BadRequest),
            _ => Err(ProxyError::Internal),
        }
    }
}
