//! Which endpoint of a manifest a request is for.

use alga_bundle::{Endpoint, Manifest, Method};
use alga_errors::{Code, Problem};

/// The endpoint that method and path name.
pub(crate) fn find<'a>(manifest: &'a Manifest, method: &http::Method, path: &str) -> Result<&'a Endpoint, Problem> {
    let on_path = || {
        manifest
            .api
            .endpoints
            .iter()
            .filter(|endpoint| matches(&endpoint.path, path))
    };
    if let Some(endpoint) = on_path().find(|endpoint| answers(endpoint.method, method)) {
        return Ok(endpoint);
    }
    let methods: Vec<&str> = on_path().map(|endpoint| endpoint.method.as_str()).collect();
    if methods.is_empty() {
        let declared: Vec<_> = manifest
            .api
            .endpoints
            .iter()
            .map(|endpoint| format!("{} {}", endpoint.method.as_str(), endpoint.path))
            .collect();
        let problem = Problem::new(Code::NotFound, "the extension declares no such endpoint");
        return Err(problem.with_hint(format!("its endpoints: {}", declared.join(", "))));
    }
    Err(Problem::new(
        Code::MethodNotAllowed,
        format!("this endpoint answers {}", methods.join(", ")),
    ))
}

/// HEAD is answered by what answers GET.
fn answers(declared: Method, asked: &http::Method) -> bool {
    let asked = if asked == http::Method::HEAD {
        "GET"
    } else {
        asked.as_str()
    };
    declared.as_str() == asked
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.split('/').all(|expected| match segments.next() {
        Some(actual) if expected.starts_with(':') => !actual.is_empty(),
        Some(actual) => actual == expected,
        None => false,
    });
    all && segments.next().is_none()
}

/// A path that everybody between the client and the guest reads in the same way.
pub(crate) fn check_path(path: &str) -> Result<(), Problem> {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2f", "%5c", "%00", "%2e", "\\"];
    let dotted = path.split('/').any(|segment| matches!(segment, "." | ".."));
    let doubled = path.contains("//");
    if dotted || doubled || hidden.iter().any(|spelling| lower.contains(spelling)) {
        return Err(Problem::new(
            Code::BadRequest,
            "the path has a segment that could be read in two ways",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let json = br#"{"name":"a.b","publisher":"a","version":"1.0.0","api":{"endpoints":[
            {"method":"GET","path":"/x"},{"method":"GET","path":"/x/:id"},{"method":"DELETE","path":"/x/:id"}]}}"#;
        Manifest::parse(json, &[]).unwrap()
    }

    #[test]
    fn only_declared_methods_and_paths_are_found() {
        let find = |method: &str, path: &str| {
            let manifest = manifest();
            find(&manifest, &method.parse().unwrap(), path)
                .map(|endpoint| endpoint.path.clone())
                .map_err(|problem| problem.code())
        };
        assert_eq!(find("GET", "/x/7").unwrap(), "/x/:id");
        assert_eq!(find("HEAD", "/x").unwrap(), "/x");
        assert_eq!(find("POST", "/x").unwrap_err(), Code::MethodNotAllowed);
        for path in ["/", "/x/", "/x/7/8", "/y", ""] {
            assert_eq!(find("GET", path).unwrap_err(), Code::NotFound, "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "/a/../b",
            "/./a",
            "/a//b",
            "/a%2Fb",
            "/a%5cb",
            "/%2e%2e/a",
            "/a%00",
            "/a\\b",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
        assert!(check_path("/a/b.c/%20").is_ok());
    }
}
