//! The smallest useful extension, on one page: two routes, configuration and JSON.

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new()
        .get("/hello", |_| greet("world"))
        .get("/hello/:name", |request| greet(request.param("name")?))
        .handle(request)
}

/// Greets with the word from the install's configuration, which can differ per tenant.
fn greet(name: &str) -> Result<Response> {
    let word = context::config("greeting").unwrap_or_else(|| "Hello".to_owned());
    Response::json(&serde_json::json!({ "message": format!("{word}, {name}!") }))
}
