//! `alga:ui-proxy`: calls to routes of the host application that the manifest declares. A guest
//! specifies a route's name and parameters; each parameter becomes one encoded path segment or one
//! query value, so that a guest's text cannot change the path.

use crate::product_client::{Call, ProductError, ProductResponse, percent_encoded};
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, Permit, ProductClient, Release, StoreData};
use alga_bundle::{Capability, ProxyRoute};
use alga_egress::Traffic;
use http::Method;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:ui-proxy/imports@1.0.0",
    imports: { default: async },
});

use alga::ui_proxy::routes;

/// Calls of routes of the host application. A host application also calls endpoints for the pages
/// of an install that has it.
pub const CAPABILITY: Capability = Capability {
    name: "cap:ui.proxy",
    interface: "alga:ui-proxy/routes",
    version: (1, 0, 0),
    granted_by_default: false,
    used_by_pages: true,
    sends: true,
    promise: "routes of the host application that the manifest declares",
};

/// Maximum parameters of a call.
const PARAMETERS: usize = 16;
/// Maximum bytes of a parameter's name or value.
const PARAMETER_BYTES: usize = 1024;

#[derive(Clone)]
pub(crate) struct Service {
    platform: Option<ProductClient>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            platform: host_dependencies.ui_proxy.clone(),
        }
    }
}

pub(crate) struct State {
    calls: TracedCalls,
    permit: Arc<Permit>,
    release: Arc<Release>,
    traffic: Traffic,
    service: Service,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            traffic: execution_context.traffic.clone(),
            service: service.clone(),
        }
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    routes::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl routes::Host for State {
    async fn call(
        &mut self,
        route: String,
        parameters: Vec<(String, String)>,
        body: Option<Vec<u8>>,
    ) -> Result<routes::Answer, routes::Error> {
        self.calls.function("call");
        let declared = self
            .release
            .manifest()
            .ui_proxy
            .iter()
            .find(|declared| declared.name == route);
        let declared = declared.ok_or_else(|| undeclared(&route))?;
        let target = target(declared, &parameters)?;
        let method = Method::from_bytes(declared.method.as_str().as_bytes())
            .map_err(|_| invalid("the route's method is not valid"))?;
        if body.is_some() && method == Method::GET {
            return Err(invalid("a GET route accepts no body"));
        }
        let platform = self.service.platform.as_ref().ok_or(routes::Error::Unavailable)?;
        let call = Call {
            method,
            target: &target,
            body,
            idempotency_key: None,
        };
        let response = platform
            .call(&self.permit, &self.traffic, call)
            .await
            .map_err(|error| match error {
                ProductError::Unavailable => routes::Error::Unavailable,
                ProductError::TooMuch(rule) => invalid(rule),
            })?;
        route_response(response)
    }
}

fn route_response(response: ProductResponse) -> Result<routes::Answer, routes::Error> {
    let text =
        || String::from_utf8_lossy(response.body.get(..response.body.len().min(1024)).unwrap_or_default()).into_owned();
    match response.status.as_u16() {
        status @ 200..=299 => Ok(routes::Answer {
            status,
            content_type: response.content_type,
            body: response.body.to_vec(),
        }),
        401 | 403 => Err(routes::Error::Denied(
            "the host application refused the request".to_owned(),
        )),
        404 => Err(routes::Error::NotFound(text())),
        400..=499 => Err(routes::Error::InvalidInput(text())),
        _ => Err(routes::Error::Unavailable),
    }
}

fn undeclared(route: &str) -> routes::Error {
    let name: String = route.chars().take(64).collect();
    let line = serde_json::json!({ "name": name, "method": "GET", "path": "/api/…" });
    routes::Error::Denied(format!("add {line} to \"uiProxy\" in manifest.json"))
}

fn invalid(rule: &str) -> routes::Error {
    routes::Error::InvalidInput(rule.to_owned())
}

/// Builds path and query: each `:name` is replaced by its parameter, and the remaining parameters
/// become the query.
fn target(route: &ProxyRoute, parameters: &[(String, String)]) -> Result<String, routes::Error> {
    let fits = |text: &String| text.len() <= PARAMETER_BYTES;
    if parameters.len() > PARAMETERS || !parameters.iter().all(|(name, value)| fits(name) && fits(value)) {
        return Err(invalid("a call has at most 16 parameters of 1024 bytes"));
    }
    // The manifest is validated by the same rule, but a stored manifest may predate the rule.
    if !route.is_of_the_product() {
        return Err(routes::Error::Denied("extensions may not call this route".to_owned()));
    }
    let mut path = String::new();
    let mut in_path = Vec::new();
    for segment in route.path.split('/').skip(1) {
        path.push('/');
        let Some(name) = segment.strip_prefix(':') else {
            path.push_str(segment);
            continue;
        };
        let value = parameters
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str());
        match value {
            // Some servers resolve these to another path, encoded or not.
            None | Some("" | "." | "..") => return Err(invalid("a parameter of the path is missing, empty, or dots")),
            Some(value) if value.contains(['/', '\\', '\0']) => {
                return Err(invalid("a parameter of the path has no slashes"));
            }
            Some(value) => path.push_str(&percent_encoded(value)),
        }
        in_path.push(name);
    }
    let rest = parameters.iter().filter(|(name, _)| !in_path.contains(&name.as_str()));
    let query: Vec<String> = rest
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    if !query.is_empty() {
        path.push('?');
        path.push_str(&query.join("&"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, parameters: &[(&str, &str)]) -> Option<String> {
        let route = serde_json::from_value(serde_json::json!({ "name": "r", "method": "GET", "path": path })).unwrap();
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        target(&route, &parameters).ok()
    }

    #[test]
    fn a_route_parameter_is_escaped_and_stays_one_segment_or_query_value() {
        assert_eq!(
            of("/api/tickets/:id", &[("id", "7")]).as_deref(),
            Some("/api/tickets/7")
        );
        assert_eq!(
            of("/api/tickets/:id", &[("id", "a b?c#d&e%2f")]).as_deref(),
            Some("/api/tickets/a%20b%3Fc%23d%26e%252f")
        );
        assert_eq!(
            of("/api/t", &[("q", "a&b=c"), ("é", "")]).as_deref(),
            Some("/api/t?q=a%26b%3Dc&%C3%A9=")
        );
        for bad in ["", ".", "..", "../admin", "a/b", "a\\b", "a\0"] {
            assert_eq!(of("/api/tickets/:id", &[("id", bad)]), None, "{bad}");
        }
        assert_eq!(of("/api/tickets/:id", &[]), None);
        let long = "a".repeat(PARAMETER_BYTES);
        assert!(of("/api/t", &[("q", long.as_str()); PARAMETERS]).is_some());
        assert_eq!(of("/api/t", &[("q", "a"); PARAMETERS + 1]), None);
        assert_eq!(of("/api/t", &[("q", (long + "a").as_str())]), None);
    }

    #[test]
    fn route_parameters_cannot_reach_the_host_applications_internal_api() {
        for (path, value) in [
            ("/api/internal/x", "x"),
            ("/API/Internal/:id", "x"),
            ("/api/:area/x", "internal"),
            ("/:api/internal/x", "api"),
            ("/:id", "x"),
        ] {
            let given = [("area", value), ("api", value), ("id", value)];
            assert_eq!(of(path, &given), None, "{path}");
        }
        assert!(of("/api/internals/:id", &[("id", "1")]).is_some());
    }
}
