//! Uses the SDK's router: responds with the route that matched, and the segments as the SDK decodes
//! them.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new()
        .get("/admin/:name", |request| report("/admin/:name", request))
        .get("/admin/delete", |request| report("/admin/delete", request))
        .get("/:name/b/:other", |request| report("/:name/b/:other", request))
        .get("/x/:name/c", |request| report("/x/:name/c", request))
        .handle(request)
}

fn report(route: &str, request: &Request) -> Result<Response> {
    let name = match request.param("name") {
        Err(Error::Internal(_)) => "",
        other => other?,
    };
    Response::json(&serde_json::json!({ "route": route, "name": name, "path": request.path() }))
}
