//! `wasi:http/outgoing-handler`: requests of the extension, through the [way out](alga_egress). What every language's `fetch` speaks is what is
//! limited: there is no second way.

use crate::ambient::{BODY_CHUNK_BYTES, forbidden_header_filter};
use crate::attachments::Attachments;
use crate::journal::{Journal, Level};
use crate::{Beginning, Host, Permit, Release, Surroundings};
use alga_bundle::Capability;
use alga_egress::{BodyError, Caller, Egress, Patience, Permitted, Refused, Traffic};
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::{
    Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks,
};

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:http.fetch",
    interface: "wasi:http/outgoing-handler",
    version: (0, 2, 12),
    granted_by_default: false,
    promise: "requests to the hosts that the manifest declares and the install allows",
};

#[derive(Clone)]
pub(crate) struct Service {
    egress: Arc<Egress>,
}

impl Service {
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        Self {
            egress: Arc::clone(&surroundings.egress),
        }
    }
}

pub(crate) struct State {
    permit: Arc<Permit>,
    release: Arc<Release>,
    journal: Journal,
    traffic: Traffic,
    attachments: Attachments,
    service: Service,
}

impl State {
    pub(crate) fn begin(beginning: &Beginning<'_>, service: &Service) -> Self {
        Self {
            permit: Arc::clone(beginning.permit),
            release: Arc::clone(beginning.release),
            journal: beginning.journal.clone(),
            traffic: beginning.traffic.clone(),
            attachments: beginning.attachments.clone(),
            service: service.clone(),
        }
    }

    /// Everything that can be said of a request before a byte of it is sent: 1. where it goes, 2. the secrets that it carries.
    fn check(&self, request: &mut Request<WasiBody>) -> Result<Permitted, HttpError> {
        // 1.
        let identity = &self.permit.identity;
        let caller = Caller::Install(identity.tenant.clone(), identity.install.clone());
        let declared = &self.release.manifest().egress;
        let permitted = self
            .service
            .egress
            .permit(caller, request.uri(), declared, &self.permit.egress);
        let permitted = permitted.map_err(|refused| {
            self.journal
                .tell(Level::Warn, &format!("a request was not sent: {refused}"));
            to_guest(&refused)
        })?;
        // 2.
        let revealed = self
            .attachments
            .reveal_to(permitted.destination(), request.headers_mut());
        revealed.map_err(|secret| {
            let pattern = permitted.destination().pattern();
            let cure = format!("add \"{pattern}\" to the \"hosts\" of the secret \"{secret}\" in manifest.json");
            self.journal.tell(
                Level::Warn,
                &format!("a request was not sent: its secret is not for this host; {cure}"),
            );
            HttpError::HttpRequestDenied
        })?;
        Ok(permitted)
    }

    fn patience(&self, options: Option<RequestOptions>) -> Patience {
        let most = Patience::until(self.permit.deadline);
        let asked = options.unwrap_or_default();
        // 0 would be "at once", which no network can do: the least that means something is a millisecond.
        let at_most = |asked: Option<Duration>, most: Duration| {
            asked.map_or(most, |asked| asked.max(Duration::from_millis(1)).min(most))
        };
        Patience {
            connect: at_most(asked.connect_timeout, most.connect),
            answer: at_most(asked.first_byte_timeout, most.answer),
            between: at_most(asked.between_bytes_timeout, most.between),
            deadline: most.deadline,
        }
    }
}

pub(crate) fn link(linker: &mut Linker<Host>, _: fn(&mut Host) -> &mut State) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<Host, WasiHttp>(linker, |host| WasiHttpCtxView {
        hooks: &mut host.states.fetch,
        table: &mut host.table,
        ctx: &mut host.ambient.http,
    })
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
        let patience = self.patience(options);
        let egress = Arc::clone(&self.service.egress);
        let (traffic, journal, attachments) = (self.traffic.clone(), self.journal.clone(), self.attachments.clone());
        let request = request.map(|body| body.map_err(|error| -> BodyError { Box::new(error) }).boxed_unsync());
        Box::new(async move {
            let mut answer = egress
                .send(&permitted, request, &traffic, patience)
                .await
                .map_err(|refused| {
                    let host = &permitted.destination().host;
                    journal.tell(Level::Warn, &format!("a request to {host} got no answer: {refused}"));
                    to_guest(&refused)
                })?;
            attachments.conceal(answer.headers_mut());
            let answer = answer.map(|body| body.map_err(|refused| to_guest(&refused)).boxed_unsync());
            Ok((answer, Box::new(std::future::ready(Ok(()))) as Box<Transmission>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

/// What the standard's codes can say. The rest of it is in the execution's log.
fn to_guest(refused: &Refused) -> HttpError {
    match refused {
        Refused::Target(_) => HttpError::HttpRequestUriInvalid,
        Refused::Undeclared(_) | Refused::NotAllowed(_) | Refused::NotOperated(_) | Refused::InternalName(_) => {
            HttpError::HttpRequestDenied
        }
        Refused::Address { .. } => HttpError::DestinationIpProhibited,
        Refused::Field(_) | Refused::Length => HttpError::HttpRequestHeaderSectionSize(None),
        Refused::AnswerHeader(_) => HttpError::HttpResponseHeaderSectionSize(None),
        Refused::TooLarge(_) => HttpError::HttpRequestBodySize(None),
        Refused::AnswerTooLarge(_) => HttpError::HttpResponseBodySize(None),
        Refused::TooMany(_) => HttpError::ConnectionLimitReached,
        Refused::Unresolved => HttpError::DnsError {
            rcode: None,
            info_code: None,
        },
        Refused::Connection(_) => HttpError::ConnectionRefused,
        Refused::Tls(_) => HttpError::TlsCertificateError,
        Refused::Protocol => HttpError::HttpProtocolError,
        Refused::ConnectTimeout => HttpError::ConnectionTimeout,
        Refused::AnswerTimeout => HttpError::HttpResponseTimeout,
    }
}
