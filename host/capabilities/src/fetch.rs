//! `wasi:http/outgoing-handler`: outbound requests of the extension, through [`alga_egress`]. This
//! standard interface, which the `fetch` of every language uses, is the only one for outbound HTTP,
//! so its limits apply to every request.

use crate::ambient::{BODY_CHUNK_BYTES, forbidden_header_filter};
use crate::guest_log::{GuestLog, Level};
use crate::secret_injector::SecretInjector;
use crate::{ExecutionContext, HostDependencies, Permit, Place, Release, StoreData};
use alga_bundle::Capability;
use alga_egress::{AuthorizedDestination, BodyError, Caller, Egress, EgressError, Timeouts, Traffic};
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::{
    Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks,
};

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:http.fetch",
    interface: "wasi:http/outgoing-handler",
    version: (0, 2, 12),
    granted_by_default: false,
    used_by_pages: false,
    sends: true,
    promise: "requests to the hosts that the manifest declares and the install allows",
};

/// The same for components of WASI 0.3.
pub(crate) const ASYNC_CAPABILITY: Capability = Capability {
    interface: "wasi:http/client",
    version: (0, 3, 0),
    ..CAPABILITY
};

#[derive(Clone)]
pub(crate) struct Service {
    egress: Arc<Egress>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            egress: Arc::clone(&host_dependencies.egress),
        }
    }
}

pub(crate) struct State {
    permit: Arc<Permit>,
    release: Arc<Release>,
    guest_log: GuestLog,
    traffic: Traffic,
    secret_injector: SecretInjector,
    service: Service,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            guest_log: execution_context.guest_log.clone(),
            traffic: execution_context.traffic.clone(),
            secret_injector: execution_context.secret_injector.clone(),
            service: service.clone(),
        }
    }

    /// Authorizes a request before any byte of it is sent. Checks, in order: 1. the destination,
    /// 2. the secrets that the request carries.
    fn check(&self, request: &mut Request<WasiBody>) -> Result<AuthorizedDestination, HttpError> {
        // 1.
        let identity = &self.permit.identity;
        let caller = Caller::Install(identity.tenant.clone(), identity.install.clone());
        let declared = &self.release.manifest().egress;
        let permitted = self
            .service
            .egress
            .authorize(caller, request.uri(), declared, &self.permit.egress);
        let permitted = permitted.map_err(|refused| {
            self.guest_log
                .push_host_note(Level::Warn, &format!("a request was not sent: {refused}"));
            to_guest(&refused)
        })?;
        // 2.
        let revealed = self
            .secret_injector
            .reveal_to(permitted.destination(), request.headers_mut());
        revealed.map_err(|secret| {
            let pattern = permitted.destination().pattern();
            let cure = format!("add \"{pattern}\" to the \"hosts\" of the secret \"{secret}\" in manifest.json");
            self.guest_log.push_host_note(
                Level::Warn,
                &format!("a request was not sent: its secret is not bound to this host; {cure}"),
            );
            HttpError::HttpRequestDenied
        })?;
        Ok(permitted)
    }
}

/// Returns the timeouts that a guest asks for, as far as they are allowed. A timeout of 0 would
/// always expire, so the minimum is one millisecond.
fn patience(most: Timeouts, options: Option<RequestOptions>) -> Timeouts {
    let asked = options.unwrap_or_default();
    let at_most = |asked: Option<Duration>, most: Duration| {
        asked.map_or(most, |asked| asked.max(Duration::from_millis(1)).min(most))
    };
    Timeouts {
        connect: at_most(asked.connect_timeout, most.connect),
        response: at_most(asked.first_byte_timeout, most.response),
        between: at_most(asked.between_bytes_timeout, most.between),
        deadline: most.deadline,
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, _: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<StoreData, WasiHttp>(linker, |host| http_view(host.called(Place::fetch)))
}

/// Links the client of WASI 0.3.
pub(crate) fn link_async(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    client::add_to_linker::<StoreData, WasiHttp>(linker, |host| http_view(host.called_async_client()))
}

/// Returns the view whose hooks send requests.
fn http_view(host: &mut StoreData) -> WasiHttpCtxView<'_> {
    WasiHttpCtxView {
        hooks: &mut host.states.fetch,
        table: &mut host.table,
        ctx: &mut host.ambient.http,
    }
}

type Sent = wasmtime_wasi_http::Result<(Response<WasiBody>, Box<Transmission>)>;
type Transmission = dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send;

impl WasiHttpHooks for State {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        forbidden_header_filter()(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        forbidden_header_filter()
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<Transmission>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let permitted = match self.check(&mut request) {
            Ok(permitted) => permitted,
            Err(error) => return Box::new(std::future::ready(Err(error))),
        };
        let patience = patience(Timeouts::until(self.permit.deadline), options);
        let egress = Arc::clone(&self.service.egress);
        let (traffic, guest_log, secret_injector) = (
            self.traffic.clone(),
            self.guest_log.clone(),
            self.secret_injector.clone(),
        );
        let request = request.map(|body| body.map_err(|error| -> BodyError { Box::new(error) }).boxed_unsync());
        Box::new(async move {
            let mut response = egress
                .send(&permitted, request, &traffic, patience)
                .await
                .map_err(|refused| {
                    let host = &permitted.destination().host;
                    guest_log.push_host_note(Level::Warn, &format!("a request to {host} failed: {refused}"));
                    to_guest(&refused)
                })?;
            secret_injector.redact_response_headers(response.headers_mut());
            let response = response.map(|body| body.map_err(|refused| to_guest(&refused)).boxed_unsync());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<Transmission>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

/// Maps an error to the closest `wasi:http` error code. The details are in the execution's log.
fn to_guest(refused: &EgressError) -> HttpError {
    match refused {
        EgressError::Target(_) => HttpError::HttpRequestUriInvalid,
        EgressError::Undeclared(_)
        | EgressError::NotAllowed(_)
        | EgressError::NotAllowedByOperator(_)
        | EgressError::InternalName(_) => HttpError::HttpRequestDenied,
        EgressError::Address { .. } => HttpError::DestinationIpProhibited,
        EgressError::Field(_) | EgressError::Length => HttpError::HttpRequestHeaderSectionSize(None),
        EgressError::ResponseHeader(_) => HttpError::HttpResponseHeaderSectionSize(None),
        EgressError::TooLarge(_) => HttpError::HttpRequestBodySize(None),
        EgressError::ResponseTooLarge(_) => HttpError::HttpResponseBodySize(None),
        EgressError::TooMany(_) => HttpError::ConnectionLimitReached,
        EgressError::Unresolved => HttpError::DnsError {
            rcode: None,
            info_code: None,
        },
        EgressError::Connection(_) => HttpError::ConnectionRefused,
        EgressError::Tls(_) => HttpError::TlsCertificateError,
        EgressError::Protocol => HttpError::HttpProtocolError,
        EgressError::ConnectTimeout => HttpError::ConnectionTimeout,
        EgressError::ResponseTimeout => HttpError::HttpResponseTimeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_guests_timeouts_are_at_least_a_millisecond_and_at_most_the_hosts() {
        let most = Timeouts::until(Instant::now());
        let of = |asked: Option<Duration>| {
            let options = RequestOptions {
                connect_timeout: asked,
                first_byte_timeout: asked,
                between_bytes_timeout: asked,
            };
            let timeouts = patience(most, Some(options));
            [timeouts.connect, timeouts.response, timeouts.between]
        };
        let all = [most.connect, most.response, most.between];
        assert_eq!(of(None), all);
        assert_eq!(of(Some(Duration::from_nanos(u64::MAX))), all);
        assert_eq!(of(Some(Duration::ZERO)), [Duration::from_millis(1); 3]);
        assert_eq!(of(Some(Duration::from_millis(7))), [Duration::from_millis(7); 3]);
    }
}
