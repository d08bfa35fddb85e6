//! Uses `wasi:http/outgoing-handler` in every way that the SDK supports, and towards hosts that are
//! not granted. The origin is in the configuration.
#![no_main]

use alga::prelude::*;
use alga_test_guests::{error_text, report};
use std::time::Duration;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(fetch())
}

fn fetch() -> Result<serde_json::Value> {
    let origin = context::config("greeting").unwrap_or_default();
    let client = http::Client::new();
    let seen: serde_json::Value = client
        .post(&format!("{origin}/echo"))
        .query("q", "a b&c")
        .header("x-custom", "yes")
        .header("accept", "application/json")
        .timeout(Duration::from_secs(5))
        .json(&serde_json::json!({ "hello": "world" }))
        .send()?
        .error_for_status()?
        .json()?;
    let methods: Vec<u16> = [
        client.get(&origin),
        client.put(&origin),
        client.patch(&origin),
        client.delete(&origin),
    ]
    .into_iter()
    .map(|request| request.send().map(|response| response.status()))
    .collect::<Result<_>>()?;
    let deleted: serde_json::Value = client.delete(&format!("{origin}/echo")).send()?.json()?;
    let emptied: serde_json::Value = client.put(&format!("{origin}/echo")).send()?.json()?;
    let large = client
        .post(&format!("{origin}/echo"))
        .body(vec![b'a'; 300_000])
        .send()?
        .json::<serde_json::Value>()?;
    let redirect = client.get(&format!("{origin}/redirect")).send()?;
    let cookies = client.get(&format!("{origin}/cookies")).send()?;
    let refused: Vec<String> = [
        "https://evil.example.com/",
        "https://api.example.com/",
        "http://api.example.com.evil/",
        "http://127.0.0.1/",
        "http://user@api.example.com/",
        "ftp://api.example.com/",
    ]
    .iter()
    .map(|url| error_text(client.get(url).send(), "sent"))
    .collect();
    Ok(serde_json::json!({
        "seen": seen,
        "methods": methods,
        "framing": [framing(&seen), framing(&deleted), framing(&emptied)],
        "large": large["body_bytes"],
        "redirect": [redirect.status().to_string(), redirect.header("location").unwrap_or_default()],
        "cookies": [cookies.header("set-cookie"), cookies.header("x-kept")],
        "error_for_status": client.get(&format!("{origin}/nothing")).send()?.error_for_status().err().map(|error| error.to_string().contains("404")),
        "refused_calls": refused,
    }))
}

/// Returns the framing of a request's body: its declared length, and whether it was chunked.
fn framing(seen: &serde_json::Value) -> serde_json::Value {
    serde_json::json!([seen["headers"]["content-length"], seen["headers"]["transfer-encoding"]])
}
