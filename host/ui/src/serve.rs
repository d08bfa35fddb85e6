//! The routes.

use crate::assets::{Asset, Stored};
use crate::negotiate::{Part, accepted, is_known, part};
use crate::releases::Releases;
use crate::security::{FrameAncestors, confine, policy};
use crate::target::{PREFIX, Page, Target};
use alga_errors::{Code, Problem};
use alga_http::Refusal;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HOST, LOCATION, RANGE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use std::sync::Arc;

/// A URL with a content hash never has other content.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Fields of a response, with those of other layers.
const FIELDS: usize = 24;

/// Dependencies of the routes.
pub struct UiDependencies {
    /// Releases with pages.
    pub releases: Releases,
    /// Origins that may embed pages.
    pub ancestors: FrameAncestors,
    /// Domain below which each install has a host of its own: `{install}.{root}`.
    pub root: Option<String>,
}

/// Builds the routes.
pub fn router(dependencies: UiDependencies) -> Router {
    let handle = any(|State(ui): State<Arc<UiDependencies>>, request: Request| async move {
        ui.handle(&request.into_parts().0).await
    });
    Router::new()
        .route("/ext-ui", handle.clone())
        .route("/ext-ui/", handle.clone())
        .route("/ext-ui/{*path}", handle)
        .with_state(Arc::new(dependencies))
}

impl UiDependencies {
    /// Responds to any request below the prefix. Every response confines a page that a browser
    /// might make of it.
    async fn handle(&self, request: &Parts) -> Response {
        let name = name(request);
        if let Some(found) = self.releases.found(&name).filter(|_| is_read(&request.method)) {
            let mut response = represent(&found.asset, &request.headers).await;
            confine(response.headers_mut(), found.policy.clone());
            return response;
        }
        let target = Target::parse(request.uri.path());
        let response = self.respond(request, target.as_ref(), name).await;
        let mut response = response.unwrap_or_else(|problem| Refusal(problem).into_response());
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        let policy = policy(&request.headers, target.as_ref(), &self.ancestors);
        confine(response.headers_mut(), policy);
        response
    }

    async fn respond(&self, request: &Parts, target: Option<&Target>, name: String) -> Result<Response, Problem> {
        if !is_read(&request.method) {
            return Err(Problem::new(Code::MethodNotAllowed, "a page is read with GET or HEAD"));
        }
        let target = target.ok_or_else(not_found)?;
        let page = Page {
            extension: target.extension.clone(),
            content_hash: target.content_hash,
            install: self.install(&request.headers)?,
        };
        let assets = self.releases.find(&page).await?.ok_or_else(not_found)?;
        let Some(path) = &target.path else {
            return below_slash(target, &request.uri);
        };
        let asset = assets.find(path).ok_or_else(not_found)?;
        let policy = policy(&request.headers, Some(target), &self.ancestors);
        self.releases.insert(name, &assets, asset, policy);
        Ok(represent(asset, &request.headers).await)
    }

    /// Returns the install that the host names, if installs have hosts.
    fn install(&self, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let Some(root) = &self.root else {
            return Ok(None);
        };
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let install = name.strip_suffix(root.as_str()).and_then(|rest| rest.strip_suffix('.'));
        let install = install.filter(|install| !install.is_empty() && !install.contains('.'));
        install.map(|install| Some(install.to_owned())).ok_or_else(not_found)
    }
}

/// Returns the name by which a file that was found is cached: the host, which is in the policy and
/// may name an install, and the path.
fn name(request: &Parts) -> String {
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    [host.unwrap_or_default(), request.uri.path()].join("\0")
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns the representation that a request asks for.
async fn represent(asset: &Asset, request: &HeaderMap) -> Response {
    // A range is one of the file itself, whatever the client accepts.
    let stored = match request.contains_key(RANGE) {
        true => &asset.whole,
        false => asset.encoded(accepted(request)).await,
    };
    let mut response = if is_known(request, &stored.tag) {
        with_capacity(StatusCode::NOT_MODIFIED.into_response())
    } else {
        match part(request, stored.bytes.len(), &stored.tag) {
            Part::Unsatisfiable => return unsatisfiable(stored),
            Part::Whole => whole(asset, stored),
            Part::Bytes(range) => {
                let content = format!("bytes {}-{}/{}", range.start(), range.end(), stored.bytes.len());
                let mut response = with_capacity(Response::new(Body::from(stored.bytes.slice(range))));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                response.headers_mut().insert(CONTENT_TYPE, asset.kind.clone());
                response
                    .headers_mut()
                    .extend(HeaderValue::try_from(content).map(|content| (CONTENT_RANGE, content)));
                response
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, stored.tag.clone());
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    // Scripts of modules and fonts are requested with CORS from the page's opaque origin.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if asset.varies() {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    response
}

/// Reserves capacity for the fields of all layers, so that they are not copied when more are added.
fn with_capacity(mut response: Response) -> Response {
    response.headers_mut().reserve(FIELDS);
    response
}

fn whole(asset: &Asset, stored: &Stored) -> Response {
    let mut response = with_capacity(Response::new(Body::from(stored.bytes.clone())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, asset.kind.clone());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(encoding) = stored.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

fn unsatisfiable(stored: &Stored) -> Response {
    let problem = Problem::new(Code::RangeNotSatisfiable, "the range is outside of the file");
    let mut response = Refusal(problem).into_response();
    let content = HeaderValue::try_from(format!("bytes */{}", stored.bytes.len()));
    response
        .headers_mut()
        .extend(content.map(|content| (CONTENT_RANGE, content)));
    response
}

/// Redirects to the page with a slash at the end, from which relative URLs are resolved.
fn below_slash(target: &Target, uri: &Uri) -> Result<Response, Problem> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{PREFIX}{}/{}/{query}", target.extension, target.content_hash);
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    let location = HeaderValue::try_from(location).map_err(Problem::internal)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Returns the same error for a page that does not exist, is disabled, or is revoked.
fn not_found() -> Problem {
    Problem::new(Code::NotFound, "there is no such page")
}
