//! Uses every function of `alga:psa/invoicing`, twice with one key, and with invalid drafts.
#![no_main]

use alga::prelude::*;
use alga::psa::invoicing::{self, DiscountKind};
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(make())
}

fn make() -> Result<serde_json::Value> {
    let mut draft = invoicing::draft("c-1", "key-1").line("s-1", 2.5, "Support", 12_000.0);
    draft.invoice_date = Some("2026-11-21".into());
    draft.due_date = Some("2026-12-21".into());
    draft.po_number = Some("PO 7".into());
    if let Some(line) = draft.items.first_mut() {
        line.discount = Some(DiscountKind::Fixed);
    }
    let (first, again) = (invoicing::create(&draft)?, invoicing::create(&draft)?);
    let base = || invoicing::draft("c-1", "key-2").line("s-1", 1.0, "a", 1.0);
    let changed = |change: fn(&mut invoicing::Draft)| {
        let mut draft = base();
        change(&mut draft);
        draft
    };
    let wrong = [
        changed(|draft| draft.items.clear()),
        changed(|draft| draft.items[0].quantity = 0.0),
        changed(|draft| draft.items[0].rate = f64::NAN),
        changed(|draft| draft.items[0].description = "d".repeat(501)),
        changed(|draft| draft.due_date = Some("21.12.2026".into())),
        changed(|draft| draft.po_number = Some("p".repeat(129))),
        changed(|draft| draft.idempotency_key.clear()),
        changed(|draft| draft.client_id = "unknown".into()),
    ];
    let refused: Vec<String> = wrong
        .iter()
        .map(|draft| error_text(invoicing::create(draft), "made"))
        .collect();
    Ok(serde_json::json!({
        "invoice": [first.id, first.number, first.status], "amounts": [first.subtotal, first.tax, first.total], "one_invoice_for_one_key": first.number == again.number,
        "refused_calls": refused,
    }))
}
