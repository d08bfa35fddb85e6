//! Routing by method and path. The most specific route wins, regardless of the order in which
//! routes were added: from left to right, a literal segment wins over `:name`. The gateway applies
//! the same rule to the endpoints of a manifest.

use crate::message::{Params, decode_segment};
use crate::{Error, Method, Request, Response, Result};

type Handler = fn(&Request) -> Result<Response>;

/// Table of methods and paths, each with its handler function.
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
    /// Creates a router without routes, which returns [`Error::NotFound`] for every request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route for a method.
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

    /// Calls the function of the most specific route that matches.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if no route matches; otherwise the error that the function
    /// returns.
    pub fn handle(&self, mut request: Request) -> Result<Response> {
        let routes = self
            .routes
            .iter()
            .filter(|(method, ..)| method_is(method, request.method()));
        let patterns = routes.map(|(_, pattern, handler)| (*pattern, *handler));
        match most_specific(patterns, request.path()) {
            Some((handler, params)) => {
                request.set_params(params);
                handler(&request)
            }
            None => Err(Error::NotFound(format!("no route for {}", request.path()))),
        }
    }
}

/// Selects the matching pattern that has a literal segment at the first position where the patterns
/// differ; of equally specific patterns, the first.
fn most_specific<'a, T>(patterns: impl Iterator<Item = (&'a str, T)>, path: &str) -> Option<(T, Params)> {
    let literal_first =
        |pattern: &str| -> Vec<bool> { pattern.split('/').map(|segment| segment.starts_with(':')).collect() };
    let matching =
        patterns.filter_map(|(pattern, value)| Some((literal_first(pattern), value, matches(pattern, path)?)));
    let (_, value, params) = matching.min_by(|(one, ..), (other, ..)| one.cmp(other))?;
    Some((value, params))
}

fn method_is(one: &Method, other: &Method) -> bool {
    match (one, other) {
        (Method::Other(one), Method::Other(other)) => one == other,
        _ => core::mem::discriminant(one) == core::mem::discriminant(other),
    }
}

/// Returns the `:name` segments if the path matches the pattern. Literal segments are compared
/// after decoding: `/größe` and `/gr%C3%B6%C3%9Fe` are the same path.
fn matches(pattern: &str, path: &str) -> Option<Params> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let actual = segments.next()?;
        match expected.strip_prefix(':') {
            Some(name) if !actual.is_empty() => params.push((name.to_owned(), decode_segment(actual))),
            None if decode_segment(expected) == Some(decode_segment(actual)?) => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::{matches, most_specific};

    #[test]
    fn a_named_segment_matches_exactly_one_segment() {
        assert_eq!(matches("/a/:id", "/a/7"), Some(vec![("id".into(), Some("7".into()))]));
        for path in ["/a", "/a/", "/a/7/b", "/b/7"] {
            assert_eq!(matches("/a/:id", path), None, "{path}");
        }
        assert!(matches("/größe", "/gr%C3%B6%C3%9Fe").is_some());
        assert!(matches("/a", "/%ff").is_none());
    }

    #[test]
    fn the_most_specific_route_wins_regardless_of_declaration_order() {
        let mut patterns = ["/hello/:name", "/hello/delete", "/:a/b/:c", "/x/:b/c"];
        for _ in 0..2 {
            let find = |path: &str| {
                most_specific(patterns.iter().map(|pattern| (*pattern, *pattern)), path)
                    .unwrap()
                    .0
            };
            assert_eq!(find("/hello/delete"), "/hello/delete");
            assert_eq!(find("/hello/you"), "/hello/:name");
            assert_eq!(find("/x/b/c"), "/x/:b/c");
            assert_eq!(find("/y/b/c"), "/:a/b/:c");
            patterns.reverse();
        }
    }
}
