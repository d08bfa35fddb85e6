//! `user-v2` over `alga:user/identity`.
#![no_main]

use alga::__private::bindings::alga::user::identity::Kind;
use bindings::exports::alga::extension::user_v2::{Guest, UserDataV2, UserError};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "user-v2-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn get_user() -> Result<UserDataV2, UserError> {
        let user = alga::user::current().ok_or(UserError::NotAvailable)?;
        Ok(UserDataV2 {
            tenant_id: alga::context::current().tenant_id,
            client_name: user.client_name.unwrap_or_default(),
            user_id: user.id,
            user_email: user.email,
            user_name: user.name,
            user_type: match user.kind {
                Kind::Internal => "internal".to_owned(),
                Kind::Client => "client".to_owned(),
            },
            client_id: user.client_id,
            additional_fields: user.additional_fields,
        })
    }
}
