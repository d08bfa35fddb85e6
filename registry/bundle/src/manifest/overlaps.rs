//! Detects endpoints that match the same requests. The more specific endpoint gets them, in
//! whatever order they are declared; the overlap is reported to the author.

use super::{Endpoint, Manifest};

/// The maximum number of reported overlaps.
const REPORTED: usize = 50;

impl Manifest {
    /// Returns a sentence for each pair of endpoints that match the same requests, naming the one
    /// that gets them.
    #[must_use]
    pub fn overlaps(&self) -> Vec<String> {
        let endpoints = &self.api.endpoints;
        let pairs = endpoints.iter().enumerate().flat_map(|(index, one)| {
            let others = endpoints.iter().skip(index + 1);
            others
                .filter(|other| overlap(one, other))
                .map(move |other| (one, other))
        });
        let sentences = pairs.map(|(one, other)| {
            let (winner, loser) = if literal_first(one) <= literal_first(other) { (one, other) } else { (other, one) };
            let method = one.method.as_str();
            let (winner, loser) = (&winner.path, &loser.path);
            format!("{method} {winner} and {method} {loser} match the same requests; they go to {winner}, which is more specific")
        });
        sentences.take(REPORTED).collect()
    }
}

/// Returns whether a request exists that both endpoints match.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    let is_name = |segment: &str| segment.starts_with(':');
    let fits = |(one, other): (&str, &str)| one == other || is_name(one) || is_name(other);
    one.method == other.method
        && one.path.split('/').count() == other.path.split('/').count()
        && one.path.split('/').zip(other.path.split('/')).all(fits)
}

/// Returns the precedence of an endpoint: from left to right, a literal segment comes before
/// `:name`.
fn literal_first(endpoint: &Endpoint) -> Vec<bool> {
    endpoint
        .path
        .split('/')
        .map(|segment| segment.starts_with(':'))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::Manifest;

    #[test]
    fn overlapping_endpoints_are_named_with_the_one_that_wins() {
        let json = br#"{"name":"a.b","publisher":"a","version":"1.0.0","api":{"endpoints":[
            {"method":"GET","path":"/hello/:name"},{"method":"GET","path":"/hello/delete"},
            {"method":"POST","path":"/hello/delete"},{"method":"GET","path":"/:a/b/c"},{"method":"GET","path":"/x/:b/c"},
            {"method":"GET","path":"/x/:b/d"}]}}"#;
        let overlaps = Manifest::parse(json, &[]).unwrap().overlaps();
        assert_eq!(
            overlaps,
            [
                "GET /hello/delete and GET /hello/:name match the same requests; they go to /hello/delete, which is more specific",
                "GET /x/:b/c and GET /:a/b/c match the same requests; they go to /x/:b/c, which is more specific",
            ]
        );
    }
}
