//! `alga:user`: the calling user, as authenticated by the gateway and stored in the
//! [`Permit`](crate::Permit).

use crate::StoreData;
use crate::permit::UserKind;
pub(crate) use crate::permit_state::{Service, State};
use alga_bundle::Capability;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:user/imports@1.0.0" });

use alga::user::identity;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:user.read",
    interface: "alga:user/identity",
    version: (1, 0, 0),
    granted_by_default: true,
    used_by_pages: false,
    sends: false,
    promise: "the calling user, if there is one",
};

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    identity::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl identity::Host for State {
    fn current(&mut self) -> Option<identity::User> {
        self.calls.function("current");
        let user = self.permit.user.as_ref()?;
        Some(identity::User {
            id: user.id.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            kind: match user.kind {
                UserKind::Internal => identity::Kind::Internal,
                UserKind::Client => identity::Kind::Client,
            },
            client_id: user.client_id.clone(),
            client_name: user.client_name.clone(),
            additional_fields: user
                .additional_fields
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        })
    }
}
