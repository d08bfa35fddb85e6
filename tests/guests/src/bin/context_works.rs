//! Uses every function of `alga:context`.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let identity = context::current();
    let remaining_ms = context::remaining().as_millis();
    Response::json(&serde_json::json!({
        "tenant": identity.tenant_id,
        "has_request_id": !identity.request_id.is_empty(),
        "has_install": identity.install_id.is_some(),
        "has_version": identity.version_id.is_some(),
        "trigger": format!("{:?}", context::trigger()),
        "greeting": context::config("greeting"),
        "unset": context::config("unset"),
        "config": context::all_config(),
        "time_is_left": remaining_ms > 0 && remaining_ms <= 30_000,
    }))
}
