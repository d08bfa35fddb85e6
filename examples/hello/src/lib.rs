//! The smallest useful extension: one endpoint, one page of code.

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new()
        .get("/hello", |_| greet("world"))
        .get("/hello/:name", |request| greet(request.param("name")?))
        .handle(request)
}

/// The install's configuration chooses the word, so that two tenants may be greeted differently.
fn greet(name: &str) -> Result<Response> {
    let word = context::config("greeting").unwrap_or_else(|| "Hello".to_owned());
    Response::json(&serde_json::json!({ "message": format!("{word}, {name}!") }))
}
