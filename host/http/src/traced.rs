//! The span of a request in its trace, with the names of OpenTelemetry's semantic conventions for
//! servers of HTTP.

use alga_errors::Code;
use alga_traces::{Span, Traces, method_name};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;

/// Routes that are not traced: probes, scrapes, a stream that lasts for as long as its client reads
/// it, and a profile that lasts for the seconds its client asked for.
const UNTRACED: [&str; 5] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/live/{tenant}",
    "/v1/profile/{tenant}",
];

/// Begins the span of a request; its place is an extension of the request.
pub(crate) fn begin(traces: &Traces, request: &mut Request) -> Option<Span> {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if route.is_some_and(|route| UNTRACED.contains(&route)) {
        return None;
    }
    let method = method_name(request.method());
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let mut span = traces.begin(request.headers(), name);
    span.set("http.request.method", method);
    if let Some(route) = route {
        span.set_text("http.route", route);
    }
    span.set_text("url.path", request.uri().path());
    request.extensions_mut().insert(span.place());
    Some(span)
}

/// Adds the result of a request. A failure of the server exports its trace.
pub(crate) fn responded(span: &mut Span, response: &Response, refused: Option<Code>) {
    let status = response.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if let Some(code) = refused {
        span.set("alga.error", code.as_str());
    }
    if status.is_server_error() {
        span.fail(refused.map_or(status.as_str().to_owned(), |code| code.as_str().to_owned()));
        // A process that is busy has other things to do than to export what it refuses.
        if !matches!(refused, Some(Code::Overloaded | Code::Draining)) {
            span.export();
        }
    }
}
