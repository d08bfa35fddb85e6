//! `http` over `wasi:http/outgoing-handler`: bodies are complete, redirects are not followed.
#![no_main]

use alga::Error;
use alga::http::{Client, Response};
use alga_adapter_components::method;
use bindings::alga::extension::types::HttpHeader;
use bindings::exports::alga::extension::http::{Guest, HttpError, HttpRequest, HttpResponse};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "http-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn fetch(request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let method = method::parse(&request.method).ok_or(HttpError::InvalidUrl)?;
        let headers = request.headers.iter();
        let sent = headers.fold(Client::new().request(method, &request.url), |sent, header| {
            sent.header(&header.name, &header.value)
        });
        let response = sent.body(request.body.unwrap_or_default()).send();
        complete(response.map_err(|error| of(&error))?)
    }
}

fn of(error: &Error) -> HttpError {
    match error {
        Error::BadRequest(_) => HttpError::InvalidUrl,
        Error::Denied(_) => HttpError::NotAllowed,
        Error::Unavailable(_) => HttpError::Transport,
        _ => HttpError::Internal,
    }
}

fn complete(response: Response) -> Result<HttpResponse, HttpError> {
    let headers = response.headers().into_iter();
    Ok(HttpResponse {
        status: response.status(),
        headers: headers
            .map(|(name, value)| HttpHeader {
                name,
                value: String::from_utf8_lossy(&value).into_owned(),
            })
            .collect(),
        body: Some(response.bytes().map_err(|_| HttpError::Internal)?),
    })
}
