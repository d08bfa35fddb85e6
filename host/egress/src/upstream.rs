//! Responses in place of the network, for tests of extensions.

use crate::{EgressError, RequestBody};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A response that is being made.
pub type UpstreamFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, EgressError>> + Send + 'a>>;

/// Responds to outbound requests in place of the network. Every check before the connection, and
/// every limit of the response, is as it is with the network.
pub trait Upstream: Send + Sync {
    /// Responds to a request that passed every check.
    fn respond(&self, request: Request<RequestBody>) -> UpstreamFuture<'_>;
}

/// The body of a response, before its limits.
pub(crate) enum Received {
    Network(Incoming),
    Upstream(Full<Bytes>),
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Network(body) => Pin::new(body).poll_frame(context),
            Self::Upstream(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Network(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}
