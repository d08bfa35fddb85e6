//! Middleware that every request and every response of every router passes through.

use crate::refusal::{Refused, plain_refusal, write};
use crate::request_totals::{RequestTotals, place_of};
use crate::span::{of_request, over_body};
use crate::traced;
use alga_bundle::RequestId;
use alga_errors::{Code, Problem};
use alga_traces::Traces;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tower::{Layer, Service};
use tracing::Span;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Bytes of a framework's error text that are read.
const EXPLANATION_BYTES: usize = 4 * 1024;

/// Wraps a router. Each request gets a valid `x-request-id` (the client's own, if valid), and each
/// response repeats it. Each error response, also one of the framework, is
/// `{error, message, requestId, hint?}` with `no-store`. Wrapping a router twice has no further
/// effect.
pub fn edge<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(Edge::default())
}

/// Wraps a router as [`edge`] does, counts its requests and refusals, and traces them if there is a
/// collector for traces.
pub fn observed_edge<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    totals: Arc<RequestTotals>,
    traces: Option<Traces>,
) -> Router<S> {
    router.layer(Edge {
        totals: Some(totals),
        traces,
    })
}

/// Returns the id of a request that has passed through [`edge`], or a new one.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> RequestId {
    only_id(headers).map_or_else(RequestId::unique, |(id, _)| id)
}

/// Returns the client's own id, if it sent exactly one and that is valid.
fn only_id(headers: &HeaderMap) -> Option<(RequestId, &HeaderValue)> {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    Some((only.to_str().ok()?.parse().ok()?, only))
}

/// Builds the error response for a request that never reaches a router, in the common form.
#[must_use]
pub fn refuse(problem: &Problem, headers: &HeaderMap) -> Response {
    let id = request_id(headers);
    let mut response = Response::default();
    write(&mut response, problem, id.as_str());
    response.headers_mut().insert(REQUEST_ID, as_value(&id));
    response
}

/// Converts an id to a header value; all characters of an id are valid there.
fn as_value(id: &RequestId) -> HeaderValue {
    HeaderValue::from_str(id.as_str()).unwrap_or(HeaderValue::from_static("invalid"))
}

/// The layer that [`edge`] adds. It is a hand-written service, because a function as a layer costs
/// each request a copy of the router and two allocations.
#[derive(Clone, Default)]
struct Edge {
    totals: Option<Arc<RequestTotals>>,
    traces: Option<Traces>,
}

impl<S> Layer<S> for Edge {
    type Service = EdgeService<S>;

    fn layer(&self, inner: S) -> EdgeService<S> {
        EdgeService {
            inner,
            edge: self.clone(),
        }
    }
}

#[derive(Clone)]
struct EdgeService<S> {
    inner: S,
    edge: Edge,
}

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for EdgeService<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Passing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let own = only_id(request.headers()).map(|(_, value)| value.clone());
        let id = own.unwrap_or_else(|| {
            let id = as_value(&RequestId::unique());
            request.headers_mut().insert(REQUEST_ID, id.clone());
            id
        });
        let span = of_request(&request, &id);
        let traces = self.edge.traces.as_ref();
        let traced = traces.and_then(|traces| traced::begin(traces, &mut request));
        let counted = self.edge.totals.clone().map(|totals| Counted {
            totals,
            route: request.extensions().get::<MatchedPath>().cloned(),
            method: place_of(request.method()),
            started: Instant::now(),
        });
        let response = span.in_scope(|| self.inner.call(request));
        let step = Step::Routed { response };
        Passing {
            step,
            id,
            span,
            traced,
            counted,
        }
    }
}

/// A request that is counted when its response begins.
struct Counted {
    totals: Arc<RequestTotals>,
    route: Option<MatchedPath>,
    method: usize,
    started: Instant,
}

impl Counted {
    fn count(&self, response: &Response, refused: Option<Code>) {
        let Self { totals, route, .. } = self;
        totals.count(route.as_ref(), self.method, response.status(), self.started.elapsed());
        if let Some(code) = refused {
            totals.refused(code);
        }
    }
}

type Rewriting = Pin<Box<dyn Future<Output = Response> + Send>>;

pin_project! {
    /// The pending response to a request, first from the router, then rewritten if necessary.
    struct Passing<F> {
        #[pin]
        step: Step<F>,
        id: HeaderValue,
        span: Span,
        traced: Option<alga_traces::Span>,
        counted: Option<Counted>,
    }
}

pin_project! {
    #[project = StepNow]
    enum Step<F> {
        Routed { #[pin] response: F },
        Rewritten { response: Rewriting },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Passing<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let _entered = this.span.enter();
        let id = this.id.to_str().unwrap_or_default();
        let mut response = loop {
            match this.step.as_mut().project() {
                StepNow::Routed { response } => {
                    let response = ready!(response.poll(context))?;
                    if !is_plain_refusal(&response) {
                        break response;
                    }
                    let response: Rewriting = Box::pin(rewritten(response));
                    this.step.set(Step::Rewritten { response });
                }
                StepNow::Rewritten { response } => break ready!(response.as_mut().poll(context)),
            }
        };
        let refused = response.extensions_mut().remove::<Refused>().map(|Refused(problem)| {
            write(&mut response, &problem, id);
            problem.code()
        });
        let refused = refused.or_else(|| response.extensions_mut().remove().map(|Reported(code)| code));
        if let Some(counted) = this.counted.take() {
            counted.count(&response, refused);
        }
        let mut traced = this.traced.take();
        if let Some(span) = &mut traced {
            traced::responded(span, &response, refused);
        }
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        headers.insert(REQUEST_ID, this.id.clone());
        Poll::Ready(Ok(over_body(this.span, traced, response)))
    }
}

/// Reports whether a response is an error of the framework: its body is text or empty. An
/// extension's own 404 passes through the gateway, which marks the responses that it forwards.
fn is_plain_refusal(response: &Response) -> bool {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    is_error
        && response.extensions().get::<PassedOn>().is_none()
        && response.extensions().get::<Refused>().is_none()
        && !response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// Marks a forwarded error response of an extension, which the edge leaves as it is.
#[derive(Debug, Clone, Copy)]
pub struct PassedOn;

/// The error of a response that has a body of its own, in the form that its route promises. The
/// edge counts and traces it like that of a [`crate::Refusal`].
#[derive(Debug, Clone, Copy)]
pub struct Reported(pub Code);

/// Returns the framework's error as a refusal.
async fn rewritten(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let text = to_bytes(body, EXPLANATION_BYTES).await.unwrap_or_default();
    let problem = plain_refusal(head.status, String::from_utf8_lossy(&text).trim());
    let mut response = Response::from_parts(head, Body::empty());
    response.extensions_mut().insert(Refused(problem.into()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;
    use alga_errors::Code;
    use axum::routing::{get, post};
    use http::StatusCode;
    use tower::ServiceExt;

    async fn ask(method: &str, path: &str, id: &[&str]) -> (StatusCode, HeaderMap, String) {
        let router = edge(
            Router::new()
                .route("/fine", get(|| async { "fine" }))
                .route("/sent", post(|body: String| async move { body }))
                .route(
                    "/busy",
                    get(|| async { Refusal(Problem::new(Code::Overloaded, "busy").retry_after_seconds(7)) }),
                )
                .route(
                    "/{name}/x",
                    get(|axum::extract::Path(name): axum::extract::Path<String>| async move { name }),
                ),
        );
        let mut request = http::Request::builder().method(method).uri(path);
        for id in id {
            request = request.header("x-request-id", *id);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn errors_of_all_layers_have_the_same_json_form() {
        for (method, path, status, code) in [
            ("GET", "/nothing", 404, "not_found"),
            ("DELETE", "/fine", 405, "method_not_allowed"),
            ("GET", "/%ff/x", 400, "bad_request"),
            ("GET", "/busy", 503, "overloaded"),
        ] {
            let (got, headers, body) = ask(method, path, &["r-1"]).await;
            assert_eq!(got.as_u16(), status, "{path}");
            assert!(
                body.starts_with(&format!("{{\"error\":\"{code}\",\"message\":\"")),
                "{path}: {body}"
            );
            assert!(body.contains("\"requestId\":\"r-1\""), "{path}: {body}");
            assert_eq!(headers["x-request-id"], "r-1", "{path}");
            assert_eq!(headers["cache-control"], "no-store", "{path}");
        }
        assert_eq!(ask("DELETE", "/fine", &[]).await.1["allow"], "GET,HEAD");
        assert_eq!(ask("GET", "/busy", &[]).await.1["retry-after"], "7");
    }

    #[tokio::test]
    async fn an_invalid_request_id_is_replaced_and_a_valid_one_is_preserved() {
        assert_eq!(ask("GET", "/fine", &["A-1"]).await.1["x-request-id"], "A-1");
        for bad in [&["a b"][..], &["a", "b"], &[""], &[]] {
            let (_, headers, _) = ask("GET", "/fine", bad).await;
            let id = headers["x-request-id"].to_str().unwrap();
            assert!(id.len() == 32 && !bad.contains(&id), "{bad:?}");
        }
    }
}
