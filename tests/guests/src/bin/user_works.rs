//! Uses every function of `alga:user`.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let user = user::current().map(|user| {
        serde_json::json!({
            "id": user.id, "email": user.email, "name": user.name, "kind": format!("{:?}", user.kind), "client_id": user.client_id,
            "client_name": user.client_name, "additional_fields": user.additional_fields,
        })
    });
    Response::json(&user)
}
