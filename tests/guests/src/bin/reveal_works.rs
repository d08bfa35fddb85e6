//! Uses every function of `alga:secrets/reveal`.
#![no_main]

use alga::prelude::*;
use alga_test_guests::told;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    told(reveal())
}

fn reveal() -> Result<serde_json::Value> {
    let secret = secrets::reveal("api-key")?;
    let refused: Vec<String> = [secrets::reveal("undeclared"), secrets::reveal("not-set")]
        .into_iter()
        .map(|revealed| {
            revealed
                .err()
                .map_or_else(|| "revealed".to_owned(), |error| error.to_string())
        })
        .collect();
    let text = secrets::reveal_text("api-key")?;
    let misfit = secrets::reveal_json::<u64>("api-key")
        .err()
        .map(|error| error.to_string());
    // As many as an execution may fetch, those above included.
    let more = (0..40).filter(|_| secrets::reveal("api-key").is_ok()).count();
    // Its length and its ends: the answer of a test is no place for a secret either.
    Ok(
        serde_json::json!({ "bytes": secret.len(), "first": secret.first(), "last": secret.last(), "is_text": text.as_bytes() == secret, "misfit": misfit, "more": more, "refused_calls": refused }),
    )
}
