//! Uses the SDK's router: responds with the route that matched, and the segments as the SDK decodes
//! them.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new()
        .get("/admin/:name", |request| told("/admin/:name", request))
        .get("/admin/delete", |request| told("/admin/delete", request))
        .get("/:name/b/:other", |request| told("/:name/b/:other", request))
        .get("/x/:name/c", |request| told("/x/:name/c", request))
        .handle(request)
}

fn told(route: &str, request: &Request) -> Result<Response> {
    let name = match request.param("name") {
        Err(Error::Internal(_)) => "",
        other => other?,
    };
    Response::json(&serde_json::json!({ "route": route, "name": name, "path": request.path() }))
}
