//! `alga:secrets/reveal`: secrets in plaintext, for extensions that a tenant trusts with them.

use crate::release::not_set;
pub(crate) use crate::secret_fetcher::Service;
use crate::secret_fetcher::{FetchError, SecretFetcher};
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, Permit, Release, StoreData};
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
    used_by_pages: false,
    sends: false,
    promise: "secrets of the install in plaintext: the extension sees them",
};

/// Reports whether the manifest requests access to secrets in plaintext. An extension without that
/// access can use secrets in request headers only.
#[must_use]
pub fn may_reveal(manifest: &Manifest) -> bool {
    let mut declared = manifest.capabilities.iter().chain(&manifest.optional_capabilities);
    declared.any(|name| name.as_str() == CAPABILITY.name)
}

pub(crate) struct State {
    calls: TracedCalls,
    permit: Arc<Permit>,
    release: Arc<Release>,
    fetcher: SecretFetcher,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            fetcher: service.fetcher(),
        }
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    reveal::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl reveal::Host for State {
    async fn reveal(&mut self, name: String) -> Result<Vec<u8>, reveal::Error> {
        self.calls.function("reveal");
        self.release.secret(&name).map_err(reveal::Error::Denied)?;
        match self.fetcher.fetch(&self.permit.identity, &name).await {
            // The guest's memory is wiped at the end of the execution, and `plaintext` here; the
            // copy in between is freed without being wiped.
            Ok(Some(plaintext)) => Ok(plaintext.to_vec()),
            Ok(None) => Err(reveal::Error::Missing(not_set(&name))),
            Err(FetchError::TooMany(rule)) => Err(reveal::Error::Other(rule.to_owned())),
            Err(FetchError::Unavailable) => Err(reveal::Error::Unavailable),
        }
    }
}
