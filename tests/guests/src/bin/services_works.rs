//! Uses every function of `alga:psa/services`.
#![no_main]

use alga::prelude::*;
use alga::psa::services::{self, BillingMethod, Filter, ItemKind, Service};
use alga_test_guests::report;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(read())
}

fn shown(service: &Service) -> serde_json::Value {
    serde_json::json!([
        service.id,
        service.name,
        format!("{:?}", service.kind),
        format!("{:?}", service.billing_method),
        service.service_type_id,
        service.service_type_name,
        service.default_rate,
        service.unit_of_measure,
        service.is_active,
        service.sku,
    ])
}

fn read() -> Result<serde_json::Value> {
    let filter = Filter {
        search: Some("Sup".into()),
        kind: Some(ItemKind::Service),
        is_active: Some(true),
        billing_method: Some(BillingMethod::Hourly),
    };
    let listed = services::list(&filter, 1, 25)?;
    let refused = [
        services::list(&services::any(), 10_001, 25),
        services::list(&services::any(), 1, 0),
    ]
    .map(|listing| listing.err().map(|error| error.to_string()));
    Ok(serde_json::json!({
        "listed": listed.items.iter().map(shown).collect::<Vec<_>>(), "total": listed.total_count,
        "one": services::get("s-1")?.as_ref().map(shown), "none": services::get("s-9")?.is_none(), "refused_calls": refused,
    }))
}
