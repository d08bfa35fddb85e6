//! Finds the function for a method and a path. Routes are tried in the order they were added.

use crate::{Error, Method, Request, Response, Result};

type Handler = fn(&Request) -> Result<Response>;

/// Methods and paths, each with its function.
///
/// A segment `:name` matches one segment and is read with [`Request::param`].
///
/// ```
/// use alga::prelude::*;
///
/// fn greet(request: &Request) -> Result<Response> {
///     Ok(Response::text(format!("Hello, {}!", request.param("name")?)))
/// }
///
/// let router = Router::new().get("/hello/:name", greet);
/// ```
#[derive(Default)]
pub struct Router {
    routes: Vec<(Method, &'static str, Handler)>,
}

impl Router {
    /// A router without routes: everything is 404.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    #[must_use]
    pub fn route(mut self, method: Method, pattern: &'static str, handler: Handler) -> Self {
        self.routes.push((method, pattern, handler));
        self
    }

    /// Adds a route for GET.
    #[must_use]
    pub fn get(self, pattern: &'static str, handler: Handler) -> Self {
        self.route(Method::Get, pattern, handler)
    }

    /// Adds a route for POST.
    #[must_use]
    pub fn post(self, pattern: &'static str, handler: Handler) -> Self {
        self.route(Method::Post, pattern, handler)
    }

    /// Adds a route for PUT.
    #[must_use]
    pub fn put(self, pattern: &'static str, handler: Handler) -> Self {
        self.route(Method::Put, pattern, handler)
    }

    /// Adds a route for DELETE.
    #[must_use]
    pub fn delete(self, pattern: &'static str, handler: Handler) -> Self {
        self.route(Method::Delete, pattern, handler)
    }

    /// Answers with the first route that matches.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none does, otherwise what the function says.
    pub fn handle(&self, mut request: Request) -> Result<Response> {
        for (method, pattern, handler) in &self.routes {
            if method_is(method, request.method())
                && let Some(params) = matches(pattern, request.path())
            {
                request.set_params(params);
                return handler(&request);
            }
        }
        Err(Error::NotFound(format!("no route for {}", request.path())))
    }
}

fn method_is(one: &Method, other: &Method) -> bool {
    match (one, other) {
        (Method::Other(one), Method::Other(other)) => one == other,
        _ => core::mem::discriminant(one) == core::mem::discriminant(other),
    }
}

/// The values of the `:name` segments, if the path fits the pattern.
fn matches(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let actual = segments.next()?;
        match expected.strip_prefix(':') {
            Some(name) if !actual.is_empty() => params.push((name.to_owned(), actual.to_owned())),
            None if expected == actual => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_named_segment_matches_exactly_one_segment() {
        assert_eq!(matches("/a/:id", "/a/7"), Some(vec![("id".into(), "7".into())]));
        for path in ["/a", "/a/", "/a/7/b", "/b/7"] {
            assert_eq!(matches("/a/:id", path), None, "{path}");
        }
    }
}
