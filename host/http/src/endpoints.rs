//! Matches requests to the endpoints of a manifest.

use alga_bundle::{Endpoint, Manifest, Method};
use alga_errors::{Code, Problem};
use matchit::Router;

/// Endpoints of a manifest, ready to be matched. The most specific endpoint wins, whatever the
/// order in the manifest: from left to right, a literal segment wins over `:name`.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// One router for each method; the value is the endpoint's index in the manifest.
    methods: Vec<(Method, Router<usize>)>,
}

const METHODS: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

impl Endpoints {
    /// Builds the routers for this manifest.
    ///
    /// # Errors
    /// Returns [`Code::Internal`] if an endpoint violates the rules of a manifest.
    pub fn new(manifest: &Manifest) -> Result<Self, Problem> {
        let mut methods = METHODS.map(|method| (method, Router::new()));
        for (index, endpoint) in manifest.api.endpoints.iter().enumerate() {
            for (method, router) in &mut methods {
                if *method == endpoint.method {
                    router
                        .insert(pattern(&endpoint.path), index)
                        .map_err(Problem::internal)?;
                }
            }
        }
        Ok(Self {
            methods: methods.into(),
        })
    }

    /// Returns the endpoint for a method and a canonical path.
    ///
    /// # Errors
    /// Returns [`Code::MethodNotAllowed`] if the path has other methods, otherwise
    /// [`Code::NotFound`].
    pub fn find<'a>(&self, manifest: &'a Manifest, method: &http::Method, path: &str) -> Result<&'a Endpoint, Problem> {
        let found = self
            .index(method, path)
            .and_then(|index| manifest.api.endpoints.get(index));
        found.ok_or_else(|| self.refused(manifest, path))
    }

    /// Returns the methods of a path, without `OPTIONS` and `HEAD`.
    #[must_use]
    pub fn methods(&self, path: &str) -> Vec<&'static str> {
        let has_path = |router: &Router<usize>| router.at(path).is_ok();
        let methods = self.methods.iter().filter(|(_, router)| has_path(router));
        methods.map(|(method, _)| method.as_str()).collect()
    }

    /// Returns the place of an endpoint in the manifest for a method and a canonical path.
    #[must_use]
    pub fn index(&self, method: &http::Method, path: &str) -> Option<usize> {
        let asked = if *method == http::Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        let (_, router) = self.methods.iter().find(|(method, _)| method.as_str() == asked)?;
        router.at(path).ok().map(|matched| *matched.value)
    }

    fn refused(&self, manifest: &Manifest, path: &str) -> Problem {
        let methods = self.methods(path);
        if !methods.is_empty() {
            return Problem::new(
                Code::MethodNotAllowed,
                format!("this endpoint allows only {}", methods.join(", ")),
            );
        }
        let endpoints = manifest.api.endpoints.iter();
        let declared: Vec<_> = endpoints
            .map(|endpoint| format!("{} {}", endpoint.method.as_str(), endpoint.path))
            .collect();
        Problem::new(Code::NotFound, "the extension declares no such endpoint")
            .with_hint(format!("its endpoints: {}", declared.join(", ")))
    }
}

/// Converts a path of a manifest to the router's syntax. Parameters are named by their position:
/// the author's names for them make no difference.
fn pattern(path: &str) -> String {
    let segment = |(position, segment): (usize, &str)| match segment.strip_prefix(':') {
        Some(_) => format!("{{p{position}}}"),
        None => segment.to_owned(),
    };
    path.split('/').enumerate().map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn manifest(endpoints: &[(&str, &str)]) -> Manifest {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(method, path)| json!({ "method": method, "path": path }))
            .collect();
        let json = json!({ "name": "a.b", "publisher": "a", "version": "1.0.0", "api": { "endpoints": endpoints } });
        Manifest::parse(json.to_string().as_bytes(), &[]).unwrap()
    }

    fn find(endpoints: &[(&str, &str)], method: &str, path: &str) -> Result<String, Code> {
        let manifest = manifest(endpoints);
        let found = Endpoints::new(&manifest)
            .unwrap()
            .find(&manifest, &method.parse().unwrap(), path)
            .cloned();
        found.map(|endpoint| endpoint.path).map_err(|problem| problem.code())
    }

    #[test]
    fn only_declared_methods_and_paths_are_found() {
        let endpoints = [("GET", "/x"), ("GET", "/x/:id"), ("DELETE", "/x/:id"), ("GET", "/")];
        assert_eq!(find(&endpoints, "GET", "/x/7").as_deref(), Ok("/x/:id"));
        assert_eq!(find(&endpoints, "HEAD", "/x").as_deref(), Ok("/x"));
        assert_eq!(find(&endpoints, "GET", "/").as_deref(), Ok("/"));
        assert_eq!(find(&endpoints, "POST", "/x"), Err(Code::MethodNotAllowed));
        for path in ["/x/", "/x/7/8", "/y", "", "/X"] {
            assert_eq!(find(&endpoints, "GET", path), Err(Code::NotFound), "{path}");
        }
    }

    #[test]
    fn the_most_specific_endpoint_wins_regardless_of_declaration_order() {
        let mut endpoints = vec![
            ("GET", "/hello/:name"),
            ("GET", "/hello/delete"),
            ("GET", "/:a/b/:c"),
            ("GET", "/x/:b/c"),
            ("POST", "/hello/other"),
        ];
        for _ in 0..2 {
            for (path, expected) in [
                ("/hello/delete", "/hello/delete"),
                ("/hello/you", "/hello/:name"),
                ("/x/b/c", "/x/:b/c"),
                ("/y/b/c", "/:a/b/:c"),
                // GET has no /hello/other of its own: another method's path does not hide it.
                ("/hello/other", "/hello/:name"),
            ] {
                assert_eq!(find(&endpoints, "GET", path).as_deref(), Ok(expected), "{path}");
            }
            endpoints.reverse();
        }
    }

    /// Matches as the documentation promises, written as plainly as possible.
    fn reference<'a>(patterns: &'a [String], path: &str) -> Option<&'a String> {
        let matches = |pattern: &str| {
            let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
            pattern.len() == path.len()
                && pattern
                    .iter()
                    .zip(&path)
                    .all(|(expected, actual)| expected == actual || (expected.starts_with(':') && !actual.is_empty()))
        };
        let literal_first = |pattern: &&String| {
            pattern
                .split('/')
                .map(|segment| segment.starts_with(':'))
                .collect::<Vec<_>>()
        };
        patterns
            .iter()
            .filter(|pattern| matches(pattern))
            .min_by_key(literal_first)
    }

    proptest! {
        #[test]
        fn the_router_matches_the_reference_implementation(
            shapes in proptest::collection::btree_set(proptest::collection::vec(0_u8..3, 1..5), 1..12),
            path in proptest::collection::vec(0_u8..2, 1..5),
        ) {
            let written = |segment: &u8| ["a", "b", ":p"][usize::from(*segment)];
            let join = |segments: &[u8]| format!("/{}", segments.iter().map(written).collect::<Vec<_>>().join("/"));
            let patterns: Vec<String> = shapes.iter().map(|shape| join(shape)).collect();
            let endpoints: Vec<_> = patterns.iter().map(|pattern| ("GET", pattern.as_str())).collect();
            let path = join(&path);
            prop_assert_eq!(find(&endpoints, "GET", &path).ok(), reference(&patterns, &path).cloned());
        }
    }
}
