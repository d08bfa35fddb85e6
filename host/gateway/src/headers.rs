//! What crosses the gateway. Both directions are lists of what may pass; everything else stays behind.

use alga_execute::OneOrMany;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// From the client to the guest. Never credentials, never hop-by-hop, never a name that the platform itself sets.
const TO_GUEST: [&str; 9] = [
    "accept",
    "accept-language",
    "accept-encoding",
    "content-type",
    "user-agent",
    "if-none-match",
    "if-modified-since",
    "x-idempotency-key",
    "x-request-id",
];

/// From the guest to the client, and `x-ext-*`. Never `set-cookie`.
const TO_CLIENT: [&str; 9] = [
    "content-type",
    "content-language",
    "content-disposition",
    "cache-control",
    "etag",
    "last-modified",
    "location",
    "vary",
    "retry-after",
];

const OWN_PREFIX: &str = "x-ext-";

type Pairs<'a> = Vec<(Cow<'a, str>, OneOrMany<'a>)>;

/// The client's headers that the guest gets, with tenant and extension as the platform knows them.
pub(crate) fn for_guest<'a>(client: &'a HeaderMap, tenant: &'a str, extension: &'a str) -> Pairs<'a> {
    let allowed = TO_GUEST.iter().filter_map(|name| {
        let value = client.get(*name)?.to_str().ok()?;
        Some((Cow::Borrowed(*name), OneOrMany::One(Cow::Borrowed(value))))
    });
    let ours = [("x-alga-tenant", tenant), ("x-alga-extension", extension)];
    allowed
        .chain(ours.map(|(name, value)| (Cow::Borrowed(name), OneOrMany::One(Cow::Borrowed(value)))))
        .collect()
}

/// The guest's headers that the client gets.
pub(crate) fn for_client(guest: &Pairs<'_>, is_cacheable: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in guest {
        let name = name.to_ascii_lowercase();
        if !TO_CLIENT.contains(&name.as_str()) && !name.starts_with(OWN_PREFIX) {
            continue;
        }
        let Ok(name) = HeaderName::try_from(name) else { continue };
        for value in values.iter() {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name.clone(), value);
            }
        }
    }
    limit_caching(&mut headers, is_cacheable);
    headers
}

/// Shared caches keep only what the manifest says is the same for everybody; without a word nobody keeps anything.
fn limit_caching(headers: &mut HeaderMap, is_cacheable: bool) {
    let said: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase)
        .collect();
    let is_private = said
        .iter()
        .all(|value| value.contains("private") || value.contains("no-store"))
        && !said.iter().any(|value| value.contains("public"));
    if said.is_empty() || (!is_private && !is_cacheable) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&'static str, &'static str)]) -> Pairs<'static> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), OneOrMany::One((*value).into())))
            .collect()
    }

    #[test]
    fn credentials_and_forged_platform_headers_never_reach_the_guest() {
        let mut client = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-alga-tenant",
            "x-alga-admin",
            "x-forwarded-for",
            "connection",
            "te",
        ] {
            client.insert(name, HeaderValue::from_static("canary"));
        }
        client.insert("accept", HeaderValue::from_static("text/html"));
        let guest = for_guest(&client, "acme", "ext");
        assert!(guest.iter().all(|(_, value)| *value != OneOrMany::One("canary".into())));
        assert_eq!(guest.len(), 3);
    }

    #[test]
    fn cookies_and_unknown_headers_never_reach_the_client() {
        let guest = pairs(&[
            ("set-cookie", "a=b"),
            ("transfer-encoding", "chunked"),
            ("x-alga-tenant", "x"),
            ("x-ext-a", "1"),
            ("etag", "\"2\""),
        ]);
        let names: Vec<_> = for_client(&guest, false).keys().map(ToString::to_string).collect();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&"x-ext-a".to_owned()) && names.contains(&"etag".to_owned()));
    }

    #[test]
    fn only_a_cacheable_endpoint_may_say_public() {
        let guest = pairs(&[("cache-control", "Public, max-age=60")]);
        assert_eq!(for_client(&guest, false)["cache-control"], "no-store");
        assert_eq!(for_client(&guest, true)["cache-control"], "Public, max-age=60");
        assert_eq!(
            for_client(&pairs(&[("cache-control", "private, max-age=60")]), false)["cache-control"],
            "private, max-age=60"
        );
        assert_eq!(for_client(&pairs(&[]), true)["cache-control"], "no-store");
        let implicitly_shared = pairs(&[("cache-control", "max-age=60, must-revalidate")]);
        assert_eq!(for_client(&implicitly_shared, false)["cache-control"], "no-store");
    }
}
