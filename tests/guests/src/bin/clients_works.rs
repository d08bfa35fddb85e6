//! Uses every function of `alga:psa/clients`.
#![no_main]

use alga::prelude::*;
use alga::psa::clients::{self, Client, Filter};
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(read())
}

fn shown(client: &Client) -> serde_json::Value {
    serde_json::json!([
        client.id,
        client.name,
        client.kind,
        client.is_inactive,
        client.default_currency_code,
        client.account_manager_id,
        client.account_manager_name,
        client.billing_email
    ])
}

fn read() -> Result<serde_json::Value> {
    let filter = |search: Option<String>| Filter {
        search,
        include_inactive: true,
    };
    let listed = clients::list(&filter(Some("Ac".into())), 1, 25)?;
    let one = clients::get("c-1")?;
    let refused: Vec<String> = [
        clients::list(&filter(None), 0, 25),
        clients::list(&filter(None), 1, 101),
        clients::list(&filter(Some("a".repeat(201))), 1, 25),
        clients::list(&filter(Some("forbidden".into())), 1, 25),
        clients::list(&filter(Some("another shape".into())), 1, 25),
    ]
    .into_iter()
    .map(|listing| error_text(listing, "listed"))
    .collect();
    Ok(serde_json::json!({
        "listed": listed.items.iter().map(shown).collect::<Vec<_>>(), "total": listed.total_count, "one": one.as_ref().map(shown),
        "none": clients::get("c-9")?.is_none(), "refused_calls": refused,
    }))
}
