//! Responses in place of the network, for tests of extensions.

use crate::{EgressError, RequestBody};
use bytes::Bytes;
use http::{Request, Response};
use std::pin::Pin;

/// A response that is being made.
pub type UpstreamFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, EgressError>> + Send + 'a>>;

/// Responds to outbound requests in place of the network. Every check before the connection, and
/// every limit of the response, is as it is with the network.
pub trait Upstream: Send + Sync {
    /// Responds to a request that passed every check.
    fn respond(&self, request: Request<RequestBody>) -> UpstreamFuture<'_>;
}
