//! Handles requests and sends some as whole values (`alga:http`), and responds with what happened.
#![no_main]

use bindings::alga::http::client::{self, Error};
use bindings::alga::http::types::{Field, Request};
use bindings::exports::alga::http::handler::{self, Response};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/deps/alga-http", "../../adapters/components/wit/function.wit"],
        world: "alga:function/guest",
        generate_all,
    });
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl handler::Guest for Component {
    fn handle(request: Request) -> Result<Response, String> {
        let text = match request.url.as_str() {
            "/fails" => return Err("a secret reason".to_owned()),
            "/fetch" => fetch(&request),
            _ => format!("{} {} {}", request.method, request.url, request.body.len()),
        };
        Ok(Response {
            status: 201,
            fields: vec![
                field("content-type", "text/plain"),
                field("x-ext-a", "1"),
                field("x-ext-a", "2"),
            ],
            body: text.into_bytes(),
        })
    }
}

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn of(method: &str, url: &str, body: &[u8]) -> Request {
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        fields: vec![field("x-own", "yes")],
        body: body.to_vec(),
    }
}

fn fetch(request: &Request) -> String {
    let origin = request.fields.iter().find(|field| field.name == "x-ext-origin");
    let origin = origin.map(|field| field.value.clone()).unwrap_or_default();
    let echo = format!("{origin}/echo");
    let seen = |response: Result<client::Response, Error>| {
        response.map(|response| (response.status, !response.body.is_empty()))
    };
    let mut lines = vec![
        format!("get {:?}", seen(client::send(&of("GET", &echo, b"")))),
        format!("post {:?}", seen(client::send(&of("POST", &echo, b"content")))),
        format!("method {:?}", seen(client::send(&of("a b", &echo, b"")))),
        format!("relative {:?}", seen(client::send(&of("GET", "/relative", b"")))),
        format!(
            "elsewhere {:?}",
            seen(client::send(&of("GET", "https://elsewhere.example/", b"")))
        ),
        format!("pause {:?}", client::wait(&[], Some(1))),
        format!("nothing {:?}", client::wait(&[7], None)),
        format!("finish {:?}", seen(client::finish(7))),
    ];
    let exchanges = [1, 2, 3].map(|_| client::start(&of("GET", &echo, b"")));
    if let [Ok(one), Ok(two), Ok(three)] = exchanges {
        client::abandon(two);
        let first = client::wait(&[one, two, three], None);
        let (first, other) = if first == Some(one) { (one, three) } else { (three, one) };
        lines.push(format!("first {:?}", seen(client::finish(first))));
        lines.push(format!("other {}", client::wait(&[other], Some(60_000)) == Some(other)));
        lines.push(format!("other {:?}", seen(client::finish(other))));
        lines.push(format!("again {:?}", seen(client::finish(other)).is_err()));
    } else {
        lines.push(format!("start {exchanges:?}"));
    }
    lines.join("\n")
}
