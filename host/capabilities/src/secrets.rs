//! `alga:secrets/store`: secrets that requests carry and guests do not see. A secret is opened
//! here, attached to a request as a placeholder, and written into the request by the
//! [`SecretInjector`]. Its plaintext is in the host's memory from `open` to the end of the
//! execution, and is then wiped.

use crate::release::not_set;
pub(crate) use crate::secret_fetcher::Service;
use crate::secret_fetcher::{FetchError, SecretFetcher};
use crate::secret_injector::{Form, SecretInjector};
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, Permit, Place, Release, StoreData};
use alga_bundle::Capability;
use http::HeaderName;
use std::sync::Arc;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

/// A secret that the guest has opened.
#[expect(
    unreachable_pub,
    reason = "the generated bindings re-export the types of their resources"
)]
pub struct OpenSecret {
    name: String,
    plaintext: zeroize::Zeroizing<Vec<u8>>,
}

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:secrets/imports@1.0.0",
    imports: { "alga:secrets/store.open": async | trappable, default: trappable },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "alga:secrets/store.secret": OpenSecret,
    },
});

use alga::secrets::store;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:secrets.get",
    interface: "alga:secrets/store",
    version: (1, 0, 0),
    granted_by_default: false,
    used_by_pages: false,
    sends: false,
    promise: "secrets of the install on requests to the hosts that they are bound to; the extension does not see them",
};

/// Maximum secrets that are open at the same time in one execution.
const OPEN: usize = 8;
/// Request headers that many servers echo in responses: a secret in one of them would return to the
/// guest.
const REFLECTED: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "content-type",
    "idempotency-key",
    "origin",
    "range",
    "referer",
    "traceparent",
    "tracestate",
];

pub(crate) struct State {
    calls: TracedCalls,
    permit: Arc<Permit>,
    release: Arc<Release>,
    secret_injector: SecretInjector,
    fetcher: SecretFetcher,
    opened: usize,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            secret_injector: execution_context.secret_injector.clone(),
            fetcher: service.fetcher(),
            opened: 0,
        }
    }
}

/// View of the state, with the table of resources that holds the requests.
pub(crate) struct View<'a> {
    state: &'a mut State,
    table: &'a mut ResourceTable,
    hooks: &'a mut crate::ambient::Hooks,
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

pub(crate) fn link(linker: &mut Linker<StoreData>, _: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    store::add_to_linker::<StoreData, HasView>(linker, |host| {
        let host = host.called(Place::secrets);
        View {
            state: &mut host.states.secrets,
            table: &mut host.table,
            hooks: &mut host.ambient.hooks,
        }
    })
}

impl store::Host for View<'_> {
    fn names(&mut self) -> wasmtime::Result<Result<Vec<store::Declared>, store::Error>> {
        self.state.calls.function("names");
        let fields = self.state.release.manifest().secrets.iter();
        let declared = fields.map(|field| store::Declared {
            name: field.name.clone(),
            hosts: field.hosts.iter().map(ToString::to_string).collect(),
        });
        Ok(Ok(declared.collect()))
    }

    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<OpenSecret>, store::Error>> {
        self.state.calls.function("open");
        if let Err(line) = self.state.release.secret(&name) {
            return Ok(Err(store::Error::Denied(line)));
        }
        if self.state.opened >= OPEN {
            return Ok(Err(store::Error::InvalidInput(
                "an execution opens at most 8 secrets".to_owned(),
            )));
        }
        let plaintext = match self.state.fetcher.fetch(&self.state.permit.identity, &name).await {
            Ok(Some(plaintext)) => plaintext,
            Ok(None) => return Ok(Err(store::Error::Missing(not_set(&name)))),
            Err(FetchError::TooMany(rule)) => return Ok(Err(store::Error::InvalidInput(rule.to_owned()))),
            Err(FetchError::Unavailable) => return Ok(Err(store::Error::Unavailable)),
        };
        self.state.opened += 1;
        Ok(Ok(self.table.push(OpenSecret { name, plaintext })?))
    }
}

impl store::HostSecret for View<'_> {
    fn attach(
        &mut self,
        secret: Resource<OpenSecret>,
        request: Resource<HostOutgoingRequest>,
        placement: store::Placement,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        self.state.calls.function("attach");
        let secret = self.table.get(&secret)?;
        let (name, form) = match &placement {
            store::Placement::Header(name) => (name.as_str(), Form::Raw),
            store::Placement::Bearer => ("authorization", Form::Bearer),
            store::Placement::Basic(user) => ("authorization", Form::Basic(user)),
        };
        let invalid = |rule: &str| Ok(Err(store::Error::InvalidInput(rule.to_owned())));
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return invalid("the header name is not valid");
        };
        if crate::ambient::forbidden_header_filter()(&header) || header == http::header::CONTENT_LENGTH {
            return invalid("an extension cannot set this header");
        }
        if is_reflected(&header) {
            return invalid("servers echo this header in responses: a secret in it would be exposed");
        }
        let field = match self.state.release.secret(&secret.name) {
            Ok(field) => field,
            Err(line) => return Ok(Err(store::Error::Denied(line))),
        };
        let placeholder = match self
            .state
            .secret_injector
            .attach(&secret.name, &secret.plaintext, &form, &field.hosts)
        {
            Ok(placeholder) => placeholder,
            Err(unattachable) => return invalid(unattachable.0),
        };
        let request = self.table.get_mut(&request)?;
        let mut headers = (*request.headers).clone();
        headers.insert(header, placeholder);
        request.headers = FieldMap::new_immutable(self.hooks, headers);
        Ok(Ok(()))
    }

    fn drop(&mut self, secret: Resource<OpenSecret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        self.state.opened = self.state.opened.saturating_sub(1);
        Ok(())
    }
}

/// Reports whether servers may echo the header: one of [`REFLECTED`], or a request, correlation or
/// trace id under any name.
fn is_reflected(header: &HeaderName) -> bool {
    let name = header.as_str();
    REFLECTED.contains(&name)
        || name.ends_with("request-id")
        || name.ends_with("correlation-id")
        || name.ends_with("trace-id")
}
