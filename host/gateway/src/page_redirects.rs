//! Requests for pages of extensions at a gateway, which has no bundles: redirects to the runners.

use crate::upstream::{Upstream, UpstreamError};
use alga_errors::{Code, Problem};
use alga_http::Refusal;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

/// Builds the route `/ext-ui/…`, which redirects browsers to the runners at this base URL.
///
/// # Errors
/// Returns [`UpstreamError`] if the URL is not `http[s]://host[:port]`.
pub fn page_redirects(base_url: &str) -> Result<Router, UpstreamError> {
    let runners: Upstream = base_url.parse()?;
    Ok(Router::new()
        .route("/ext-ui/{*path}", get(redirect))
        .with_state(runners))
}

/// Redirects a browser permanently: the URL has the content hash, so its content never changes.
async fn redirect(State(runners): State<Upstream>, request: Request) -> Result<Response, Refusal> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let location = HeaderValue::try_from(runners.uri(target)?.to_string());
    let location = location.map_err(|_| Problem::new(Code::BadRequest, "the path is not valid"))?;
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
