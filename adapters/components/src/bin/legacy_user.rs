//! `user` over `alga:user/identity`.
#![no_main]

use alga::__private::bindings::alga::user::identity::Kind;
use bindings::exports::alga::extension::user::{Guest, UserData, UserError};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "user-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn get_user() -> Result<UserData, UserError> {
        let user = alga::user::current().ok_or(UserError::NotAvailable)?;
        Ok(UserData {
            tenant_id: alga::context::current().tenant_id,
            client_name: user.client_name.unwrap_or_default(),
            user_id: user.id,
            user_email: user.email,
            user_name: user.name,
            user_type: match user.kind {
                Kind::Internal => "internal".to_owned(),
                Kind::Client => "client".to_owned(),
            },
        })
    }
}
