//! `alga:context`: the identity, trigger and configuration of an execution. All values come from
//! the [`Permit`](crate::Permit).

pub(crate) use crate::permit_state::{Service, State};
use crate::{StoreData, Trigger};
use alga_bundle::Capability;
use std::time::Instant;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:context/imports@1.0.0" });

use alga::context::execution;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:context.read",
    interface: "alga:context/execution",
    version: (1, 0, 0),
    granted_by_default: true,
    used_by_pages: false,
    sends: false,
    promise: "request id, tenant, extension, install, version, trigger, configuration, remaining time",
};

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    execution::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl execution::Host for State {
    fn current(&mut self) -> execution::Identity {
        self.calls.function("current");
        let identity = &self.permit.identity;
        execution::Identity {
            request_id: identity.request.to_string(),
            tenant_id: identity.tenant.to_string(),
            extension_id: identity.extension.to_string(),
            install_id: Some(identity.install.to_string()),
            version_id: identity.version.as_ref().map(ToString::to_string),
        }
    }

    fn why(&mut self) -> execution::Trigger {
        self.calls.function("why");
        match &self.permit.trigger {
            Trigger::Http => execution::Trigger::Http,
            Trigger::Schedule(id) => execution::Trigger::Schedule(id.clone()),
            Trigger::Event(id) => execution::Trigger::Event(id.clone()),
        }
    }

    fn config(&mut self, key: String) -> Option<String> {
        self.calls.function("config");
        self.permit.config.get(&key).cloned()
    }

    fn all_config(&mut self) -> Vec<(String, String)> {
        self.calls.function("all-config");
        self.permit
            .config
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    fn remaining_ms(&mut self) -> u64 {
        self.calls.function("remaining-ms");
        let remaining = self.permit.deadline.saturating_duration_since(Instant::now());
        u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)
    }
}
