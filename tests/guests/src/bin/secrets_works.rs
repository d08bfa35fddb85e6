//! Uses every function of `alga:secrets/store`, and tries to read the secret that it attached.
#![no_main]

use alga::prelude::*;
use alga_test_guests::platform::secrets::store;
use alga_test_guests::wasi::http::types::{Fields, OutgoingRequest};
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(attach())
}

fn attach() -> Result<serde_json::Value> {
    let origin = context::config("greeting").unwrap_or_default();
    let client = http::Client::new();
    let declared: Vec<_> = secrets::declared()?.into_iter().map(|secret| secret.name).collect();
    let authorization = |request: http::RequestBuilder| -> Result<serde_json::Value> {
        Ok(request.send()?.json::<serde_json::Value>()?["headers"]["authorization"].clone())
    };
    let bearer = authorization(
        client
            .get(&format!("{origin}/digest"))
            .bearer_secret(secrets::open("api-key")?),
    )?;
    let basic = authorization(
        client
            .get(&format!("{origin}/digest"))
            .basic_secret("alga", secrets::open("api-key")?),
    )?;
    let header = client
        .get(&format!("{origin}/digest"))
        .header_secret("x-api-key", secrets::open("api-key")?);
    let header = header.send()?.json::<serde_json::Value>()?["headers"]["x-api-key"].clone();
    let elsewhere = client.get(&origin).bearer_secret(secrets::open("elsewhere")?).send();
    let refused: Vec<String> = [secrets::open("undeclared"), secrets::open("not-set")]
        .into_iter()
        .map(|opened| error_text(opened, "opened"))
        .collect();
    let not_a_header = [
        "host",
        "content-length",
        "a b",
        "origin",
        "x-request-id",
        "content-type",
    ]
    .map(is_refused);
    Ok(serde_json::json!({
        "declared": declared,
        "bearer": bearer,
        "basic": basic,
        "header": header,
        "elsewhere": elsewhere.err().map(|error| error.to_string().replace(&origin, "ORIGIN")),
        "refused_calls": refused,
        "what_the_guest_sees": mark(),
        "not_a_header": not_a_header,
        "more_than_eight": (0..9).map(|_| secrets::open("api-key")).collect::<Vec<_>>().last().map(Result::is_err),
    }))
}

/// Returns the header of a request with a secret, as the guest sees it.
fn mark() -> Option<String> {
    let request = OutgoingRequest::new(Fields::new());
    let secret = store::open("api-key").ok()?;
    secret.attach(&request, &store::Placement::Bearer).ok()?;
    let values = request.headers().get("authorization");
    values
        .into_iter()
        .next()
        .and_then(|value| String::from_utf8(value).ok())
}

fn is_refused(header: &str) -> bool {
    let request = OutgoingRequest::new(Fields::new());
    store::open("api-key").is_ok_and(|secret| {
        secret
            .attach(&request, &store::Placement::Header(header.to_owned()))
            .is_err()
    })
}
