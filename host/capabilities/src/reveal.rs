//! `alga:secrets/reveal`: secrets in plaintext, for extensions that a tenant trusts with them.

use crate::release::not_set;
use crate::secret_source::{FETCHES, SecretSource, SecretUnavailable};
use crate::{ExecutionContext, HostDependencies, Permit, Release, StoreData};
use alga_bundle::{Capability, Manifest};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:secrets/reveal-imports@1.0.0",
    imports: { default: async },
});

use alga::secrets::reveal;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:secrets.reveal",
    interface: "alga:secrets/reveal",
    version: (1, 0, 0),
    granted_by_default: false,
    promise: "secrets of the install in plaintext: the extension sees them",
};

/// Reports whether the manifest requests access to secrets in plaintext. An extension without that
/// access can use secrets in request headers only.
#[must_use]
pub fn may_reveal(manifest: &Manifest) -> bool {
    let mut declared = manifest.capabilities.iter().chain(&manifest.optional_capabilities);
    declared.any(|name| name.as_str() == CAPABILITY.name)
}

#[derive(Clone)]
pub(crate) struct Service {
    source: Arc<dyn SecretSource>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            source: Arc::clone(&host_dependencies.secrets),
        }
    }
}

pub(crate) struct State {
    permit: Arc<Permit>,
    release: Arc<Release>,
    service: Service,
    fetched: usize,
}

impl State {
    pub(crate) fn begin(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            service: service.clone(),
            fetched: 0,
        }
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    reveal::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl reveal::Host for State {
    async fn reveal(&mut self, name: String) -> Result<Vec<u8>, reveal::Error> {
        self.release.secret(&name).map_err(reveal::Error::Denied)?;
        if self.fetched >= FETCHES {
            return Err(reveal::Error::Other(
                "an execution fetches at most 32 secrets".to_owned(),
            ));
        }
        self.fetched += 1;
        match self.service.source.open(&self.permit.identity, &name).await {
            // The guest's memory is wiped at the end of the execution, and `plaintext` here; the
            // copy in between is freed without being wiped.
            Ok(Some(plaintext)) => Ok(plaintext.to_vec()),
            Ok(None) => Err(reveal::Error::Missing(not_set(&name))),
            Err(SecretUnavailable) => Err(reveal::Error::Unavailable),
        }
    }
}
