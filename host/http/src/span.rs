//! The span of a request, which also covers a response body that is sent piece by piece.

use alga_traces::method_name;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;
use tracing::field::Empty;

/// Creates the span of a request. The gateway, the runner and the registry record tenant, extension
/// and install when they have verified them.
pub(crate) fn of_request(request: &Request, id: &HeaderValue) -> Span {
    let span = tracing::info_span!(
        target: "alga::request", "request", request = Empty, operation = Empty, tenant = Empty, extension = Empty, install = Empty
    );
    if !span.is_disabled() {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("no route", MatchedPath::as_str);
        span.record("request", id.to_str().unwrap_or_default());
        // A method may be any text of any length.
        span.record("operation", format_args!("{} {route}", method_name(request.method())));
    }
    span
}

/// Extends the spans of a request, in the log and in its trace, over the body of its response. What
/// sends a body of a known length logs nothing, so that it needs no wrapper for the log.
pub(crate) fn over_body(span: &Span, traced: Option<alga_traces::Span>, response: Response) -> Response {
    let is_logged = !span.is_disabled() && response.body().size_hint().exact().is_none();
    let is_traced = traced.is_some() && !response.body().is_end_stream();
    if !is_logged && !is_traced {
        return response;
    }
    response.map(|body| {
        Body::new(SpannedBody {
            body: Some(body),
            span: span.clone(),
            traced,
        })
    })
}

/// A response body that is polled and dropped inside the span of its request.
struct SpannedBody {
    /// None only while it is dropped.
    body: Option<Body>,
    span: Span,
    /// Ends with the body.
    traced: Option<alga_traces::Span>,
}

impl http_body::Body for SpannedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _entered = this.span.enter();
        match &mut this.body {
            Some(body) => {
                let polled = Pin::new(body).poll_frame(context);
                if let (Poll::Ready(Some(Err(_))), Some(traced)) = (&polled, &mut this.traced) {
                    traced.fail("interrupted");
                    traced.export();
                }
                polled
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for SpannedBody {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        self.body = None;
    }
}
