//! Uses every function of `alga:secrets/reveal`.
#![no_main]

use alga::prelude::*;
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(reveal())
}

fn reveal() -> Result<serde_json::Value> {
    let secret = secrets::reveal("api-key")?;
    let refused: Vec<String> = [secrets::reveal("undeclared"), secrets::reveal("not-set")]
        .into_iter()
        .map(|revealed| error_text(revealed, "revealed"))
        .collect();
    let text = secrets::reveal_text("api-key")?;
    let misfit = secrets::reveal_json::<u64>("api-key")
        .err()
        .map(|error| error.to_string());
    // As many as an execution may reveal, including those above.
    let more = (0..40).filter(|_| secrets::reveal("api-key").is_ok()).count();
    // Only its length and its ends: a secret must not occur in a test's output either.
    Ok(
        serde_json::json!({ "bytes": secret.len(), "first": secret.first(), "last": secret.last(), "is_text": text.as_bytes() == secret, "misfit": misfit, "more": more, "refused_calls": refused }),
    )
}
