//! One test's host: executes requests, shows its state.

use crate::idle;
use crate::message::Shown;
use crate::records::MemoryRecords;
use crate::release::{TestHostError, TestRelease};
use crate::script::{Change, Failure, Script, State, TestRequest, TestResponse};
use crate::stubs::{CollectedRecords, NoQuotas, NoReplies, ScriptedSecrets};
use crate::time::ScriptedTime;
use crate::upstream::{Exchange, ScriptedUpstream};
use alga_auth::{ServiceGrant, TokenVerifier};
use alga_bundle::RequestId;
use alga_capabilities::{
    HostDependencies, MetricRegistry, MetricSettings, ProductClient, Services, TimeSource, Trigger, User,
};
use alga_egress::{Destination, Egress, EgressDependencies, OperatorPolicy, SystemResolver};
use alga_errors::{Code, Problem};
use alga_execute::{
    AdmissionLimits, ExecuteService, ExecuteServiceDependencies, ExecutionDefaults, ExecutionMinutes, ExecutionRequest,
    GuestThreads, Quarantine, Quotas, RequestBody, RunShares, Session, Weights,
};
use alga_http::canonical_path;
use alga_http::policy::{ClientContext, request_to_guest, response_to_client};
use alga_limits::BODY_BYTES;
use alga_signing::Ed25519Key;
use alga_traces::{LocalSpans, Traces};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Builder;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// Origin of the host application, which no name server knows (RFC 6761).
const HOST_APPLICATION: &str = "https://host-application.invalid";
/// Ids of what a test has only one of.
const TENANT: &str = "test-tenant";
const EXTENSION: &str = "test-extension";
const INSTALL: &str = "test-install";
const VERSION: &str = "test-version";
/// Header fields with which the gateway names tenant and extension.
const CONTEXT_FIELDS: [(HeaderName, &str); 2] = [
    (HeaderName::from_static("x-alga-tenant"), TENANT),
    (HeaderName::from_static("x-alga-extension"), EXTENSION),
];
/// Longest time that a test lets pass at once: dates stay in the range of their format.
const LONGEST_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
/// Time for a call of the host application.
const HOST_APPLICATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A host of one test. Requests of other tests have other hosts, with which it shares nothing but
/// the compiled component.
pub struct TestHost {
    release: Arc<TestRelease>,
    service: Arc<ExecuteService>,
    session: Arc<Session>,
    config: Arc<BTreeMap<String, String>>,
    user: Option<User>,
    time: ScriptedTime,
    records: MemoryRecords,
    upstream: ScriptedUpstream,
    host_application: ScriptedUpstream,
    metrics: Arc<MetricRegistry>,
    collected: Arc<CollectedRecords>,
    /// Requests of one host run one after another: time passes only while an execution waits, and
    /// each response lists what its own execution has sent.
    turn: Mutex<LocalSpans>,
    traces: Traces,
}

/// An execution's response, complete.
type Executed = Result<(Response<()>, Bytes), Problem>;

impl TestHost {
    /// Creates a host for a script, and compiles the component if that was not done before.
    ///
    /// # Errors
    /// Returns [`TestHostError`] if the script is not valid, or the component cannot be loaded with
    /// its grants.
    pub async fn new(release: Arc<TestRelease>, script: Script) -> Result<Self, TestHostError> {
        check_exchanges(&[&script.http, &script.host_application])?;
        MemoryRecords::check(&script.kv).map_err(TestHostError::Script)?;
        if script.now < Timestamp::UNIX_EPOCH {
            return Err(TestHostError::Script("now: a date is not before 1970".to_owned()));
        }
        let start = SystemTime::from(script.now);
        let time = ScriptedTime::new(start);
        let records = MemoryRecords::new(script.kv.clone(), time.clone());
        let upstream = ScriptedUpstream::new(script.http.clone(), "", time.clone());
        let host_application = upstream.beside(script.host_application.clone(), HOST_APPLICATION);
        let metrics = Arc::new(MetricRegistry::new(MetricSettings::default()));
        let application = host_application_client(&host_application)?;
        let services = Services::new(&HostDependencies {
            records: Arc::new(records.clone()),
            cursor_key: [0; 32],
            egress: Arc::new(egress(OperatorPolicy::parse("*", "", ""), &upstream)?),
            secrets: Arc::new(ScriptedSecrets::of(&script)),
            platform: Some(application.clone()),
            ui_proxy: Some(application),
            metrics: Arc::clone(&metrics),
            time: Some(Arc::new(time.clone())),
        });
        let collected = Arc::new(CollectedRecords::default());
        let (traces, local) = Traces::local();
        let service = Arc::new(service(&release, services, &collected)?);
        let session = service.session(grant(&release, &script)?);
        let session = session.map_err(|error| TestHostError::Script(error.to_string()))?;
        service.load(&session).await.map_err(TestHostError::Component)?;
        Ok(Self {
            release,
            service,
            session,
            config: Arc::new(script.config),
            user: script.user.map(Into::into),
            time,
            records,
            upstream,
            host_application,
            metrics,
            collected,
            turn: Mutex::new(local),
            traces,
        })
    }

    /// Executes a request as the platform does at `/api/ext/{extension}`.
    ///
    /// # Errors
    /// Returns [`TestHostError`] if the request cannot be written as HTTP.
    pub async fn request(self: &Arc<Self>, request: &TestRequest) -> Result<TestResponse, TestHostError> {
        let (headers, body) = request.content.parts().map_err(TestHostError::Script)?;
        let method = match &request.method {
            Some(method) => method.to_uppercase().parse(),
            None if body.is_empty() => Ok(Method::GET),
            None => Ok(Method::POST),
        };
        let method = method.map_err(|_| TestHostError::Script("the method is not valid".to_owned()))?;
        let mut local = self.turn.lock().await;
        let first_span = self.traces.begin(&HeaderMap::new(), "request".to_owned());
        let (id, first) = (RequestId::unique(), self.upstream.sent());
        let is_head = method == Method::HEAD;
        let mut executed = match self.execution(&id, method, &request.path, &headers, body) {
            Ok(mut execution) => {
                execution.http.extensions_mut().insert(first_span.place());
                self.run(execution).await?
            }
            Err(problem) => Err(problem),
        };
        if let Ok((_, body)) = &mut executed
            && is_head
        {
            body.clear();
        }
        // What the execution began was dropped with its runtime, so the trace is complete.
        drop(first_span);
        let request = local.take().pop();
        let trace = request.and_then(|request| request.spans.into_iter().next());
        Ok(TestResponse {
            trace,
            ..self.response(&id, executed, first)
        })
    }

    /// Builds the request of the execution, as the gateway does: only endpoints of the manifest are
    /// reached, with the header fields that a guest may see.
    fn execution(
        &self,
        id: &RequestId,
        method: Method,
        target: &str,
        client: &HeaderMap,
        body: Bytes,
    ) -> Result<ExecutionRequest, Problem> {
        let invalid = |error: String| Problem::new(Code::BadRequest, error);
        if body.len() > BODY_BYTES {
            return Err(Problem::new(Code::PayloadTooLarge, "the body is larger than 10 MiB"));
        }
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let path = canonical_path(path).map_err(|error| invalid(error.to_string()))?;
        let manifest = &self.release.manifest;
        let endpoint = self.release.endpoints.find(manifest, &method, &path)?;
        let target = query.map_or_else(|| path.to_string(), |query| format!("{path}?{query}"));
        let mut http = Request::new(RequestBody::from(body));
        *http.method_mut() = if method == Method::HEAD { Method::GET } else { method };
        *http.uri_mut() = target
            .parse()
            .map_err(|_| invalid("the path or the query is not valid".to_owned()))?;
        for (name, value) in request_to_guest(client) {
            http.headers_mut().append(name.clone(), value.into_owned());
        }
        for (name, value) in CONTEXT_FIELDS {
            http.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let limits = manifest.limits.as_ref();
        let timeout = limits.and_then(|limits| limits.timeout_ms);
        let timeout = endpoint.timeout_ms.into_iter().chain(timeout).min();
        Ok(ExecutionRequest {
            request_id: id.clone(),
            user: self.user.clone(),
            config: Arc::clone(&self.config),
            trigger: Trigger::Http,
            timeout_ms: timeout.map(u64::from),
            memory_mb: limits.and_then(|limits| limits.memory_mb).map(u64::from),
            idempotency_key: None,
            http,
            started: Instant::now(),
        })
    }

    /// Executes on a thread of its own, on which nothing else runs.
    async fn run(self: &Arc<Self>, request: ExecutionRequest) -> Result<Executed, TestHostError> {
        let host = Arc::clone(self);
        let executed = spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let execution = async {
                let response = host.service.execute(&host.session, request).await;
                let (head, body) = response.map_err(|failed| failed.problem)?.into_parts();
                let interrupted =
                    |error| Problem::new(Code::InvalidGuestResponse, "the response was interrupted").caused_by(error);
                let body = body.collect().await.map_err(interrupted)?.to_bytes();
                host.service.ended().await;
                Ok((Response::from_parts(head, ()), body))
            };
            Ok::<_, std::io::Error>(runtime.block_on(idle::run(execution, &host.time)))
        });
        let executed = executed.await.map_err(TestHostError::internal)?;
        executed.map_err(TestHostError::internal)
    }

    fn response(&self, id: &RequestId, executed: Executed, first: usize) -> TestResponse {
        let record = self.collected.collect(id);
        let (status, content, error) = match executed {
            Ok((head, body)) => {
                let context = ClientContext {
                    host: None,
                    is_cacheable: false,
                };
                let headers = response_to_client(head.headers(), head.status(), context);
                (head.status().as_u16(), Shown::of(&headers, &body), None)
            }
            Err(problem) => {
                let failure = Failure {
                    code: problem.code().as_str().to_owned(),
                    message: problem.message().to_owned(),
                };
                (
                    problem.code().status(),
                    Shown::of(&HeaderMap::new(), b""),
                    Some(failure),
                )
            }
        };
        TestResponse {
            status,
            content,
            error,
            sent: self.upstream.sent_after(first),
            trace: None,
            usage: record.as_ref().map(|record| record.usage),
            log: record.map(|record| record.log).unwrap_or_default(),
        }
    }

    /// Changes what surrounds the extension.
    pub(crate) fn change(&self, change: Change) -> Result<(), TestHostError> {
        check_exchanges(&[&change.http, &change.host_application])?;
        if change.advance_ms > LONGEST_MS {
            return Err(TestHostError::Script(format!(
                "advanceMs is at most {LONGEST_MS}, a hundred years"
            )));
        }
        self.time.advance(Duration::from_millis(change.advance_ms));
        self.upstream.add(change.http);
        self.host_application.add(change.host_application);
        if let Some(fails) = change.kv_fails {
            self.records.set_failing(fails);
        }
        Ok(())
    }

    /// Returns the state that the extension has left.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            now: Timestamp::try_from(self.time.now()).unwrap_or(Timestamp::UNIX_EPOCH),
            kv: self.records.values(),
            sent: self.upstream.sent_after(0),
            metrics: series(&alga_metrics::text_of(Arc::clone(&self.metrics))),
        }
    }
}

/// Returns the series of the extension.
fn series(text: &str) -> String {
    let series = text.lines().filter(|line| line.starts_with("alga_extension_"));
    series.flat_map(|line| [line, "\n"]).collect()
}

fn check_exchanges(exchanges: &[&Vec<Exchange>]) -> Result<(), TestHostError> {
    let mut all = exchanges.iter().flat_map(|exchanges| exchanges.iter());
    all.try_for_each(Exchange::check).map_err(TestHostError::Script)
}

fn egress(
    operator: Result<OperatorPolicy, alga_egress::PolicyError>,
    upstream: &ScriptedUpstream,
) -> Result<Egress, TestHostError> {
    let dependencies = EgressDependencies {
        operator: operator.map_err(TestHostError::internal)?,
        resolver: Arc::new(SystemResolver::default()),
        authorities: Vec::new(),
        upstream: Some(Arc::new(upstream.clone())),
    };
    Egress::new(dependencies).map_err(TestHostError::internal)
}

fn host_application_client(upstream: &ScriptedUpstream) -> Result<ProductClient, TestHostError> {
    let destination = Destination::of(&http::Uri::from_static(HOST_APPLICATION)).map_err(TestHostError::internal)?;
    let egress = egress(Ok(OperatorPolicy::only(&destination)), upstream)?;
    let client = ProductClient::new(Arc::new(egress), HOST_APPLICATION, None, HOST_APPLICATION_TIMEOUT);
    client.map_err(TestHostError::internal)
}

fn service(
    release: &TestRelease,
    services: Services,
    collected: &Arc<CollectedRecords>,
) -> Result<ExecuteService, TestHostError> {
    // Nothing has a token of this key: requests arrive as typed calls.
    let key = Ed25519Key::generate()?.public_bytes();
    let (audience, longest, bytes) = (ServiceGrant::AUDIENCE, ServiceGrant::LONGEST, ServiceGrant::BYTES);
    let tokens = TokenVerifier::new(&[key], audience, longest, bytes).map_err(TestHostError::internal)?;
    Ok(ExecuteService::new(ExecuteServiceDependencies {
        engine: release.engine.clone(),
        loader: Arc::clone(&release.loader),
        services: Arc::new(services),
        tokens,
        defaults: ExecutionDefaults::default(),
        records: Arc::clone(collected) as _,
        quarantine: Arc::new(Quarantine::default()),
        minutes: Arc::new(ExecutionMinutes::default()),
        quotas: Quotas::new(Arc::new(NoQuotas), true),
        idempotency: Arc::new(NoReplies),
        admission: AdmissionLimits::default(),
        guest_threads: GuestThreads::start(0, 0).map_err(TestHostError::internal)?,
        shares: RunShares {
            slots: 1,
            weights: Weights::new(BTreeMap::new()),
        },
    }))
}

fn grant(release: &TestRelease, script: &Script) -> Result<ServiceGrant, TestHostError> {
    let invalid = TestHostError::internal;
    let declared = || release.manifest.egress.iter().cloned().collect();
    Ok(ServiceGrant {
        tenant_id: TENANT.parse().map_err(invalid)?,
        extension_id: EXTENSION.parse().map_err(invalid)?,
        install_id: INSTALL.parse().map_err(invalid)?,
        version_id: VERSION.parse().map_err(invalid)?,
        content_hash: release.content_hash,
        grants: release.granted(script.grants.as_ref()),
        egress: script.egress.clone().unwrap_or_else(declared),
        call: None,
    })
}
