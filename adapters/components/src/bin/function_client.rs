//! `alga:http/client` over `wasi:http/outgoing-handler`.
#![no_main]

use alga::http::{Client, Pending, Response as Received, wait_any};
use alga_adapter_components::method;
use bindings::alga::http::types::Field;
use bindings::exports::alga::http::client::{Error, Guest, Request, Response};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/deps/alga-http", "wit/function.wit"],
        world: "alga:function/client-adapter",
        generate_all,
    });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

/// Exchanges that have not ended, by their numbers.
#[derive(Default)]
struct Exchanges {
    next: u32,
    pending: BTreeMap<u32, Pending>,
}

thread_local! {
    static EXCHANGES: RefCell<Exchanges> = RefCell::default();
}

impl From<alga::Error> for Error {
    fn from(error: alga::Error) -> Self {
        match error {
            alga::Error::Denied(text) => Self::Denied(text),
            alga::Error::BadRequest(text) | alga::Error::TooLarge(text) => Self::InvalidInput(text),
            alga::Error::Unavailable(text) => Self::Unavailable(text),
            other => Self::Other(other.to_string()),
        }
    }
}

impl Guest for Adapter {
    fn send(request: Request) -> Result<Response, Error> {
        whole(start(request)?.response()?)
    }

    fn start(request: Request) -> Result<u32, Error> {
        let pending = start(request)?;
        Ok(EXCHANGES.with_borrow_mut(|exchanges| {
            exchanges.next += 1;
            exchanges.pending.insert(exchanges.next, pending);
            exchanges.next
        }))
    }

    fn wait(exchanges: Vec<u32>, timeout_ms: Option<u32>) -> Option<u32> {
        EXCHANGES.with_borrow(|known| {
            let known = exchanges
                .into_iter()
                .filter_map(|number| Some((number, known.pending.get(&number)?)));
            let (numbers, pending): (Vec<_>, Vec<_>) = known.unzip();
            let timeout = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
            wait_any(&pending, timeout).map(|index| numbers[index])
        })
    }

    fn finish(exchange: u32) -> Result<Response, Error> {
        let pending = EXCHANGES.with_borrow_mut(|exchanges| exchanges.pending.remove(&exchange));
        let pending = pending.ok_or_else(|| Error::InvalidInput(format!("there is no exchange {exchange}")))?;
        whole(pending.response()?)
    }

    fn abandon(exchange: u32) {
        EXCHANGES.with_borrow_mut(|exchanges| exchanges.pending.remove(&exchange));
    }
}

fn start(request: Request) -> Result<Pending, Error> {
    let invalid = || Error::InvalidInput(format!("`{}` is not a method", request.method));
    let method = method::parse(&request.method).ok_or_else(invalid)?;
    let fields = request.fields.iter();
    let sent = fields.fold(Client::new().request(method, &request.url), |sent, field| {
        sent.header(&field.name, &field.value)
    });
    Ok(sent.body(request.body).start()?)
}

/// Reads a response.
fn whole(response: Received) -> Result<Response, Error> {
    let fields = response.headers().into_iter();
    Ok(Response {
        status: response.status(),
        fields: fields
            .map(|(name, value)| Field {
                name,
                value: String::from_utf8_lossy(&value).into_owned(),
            })
            .collect(),
        body: response.bytes()?,
    })
}
