//! The cookie of a browser's session, and the check that a request comes from the platform's own
//! pages.

use alga_errors::{Code, Problem};
use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, Uri};

/// Name of the session's cookie. A browser accepts the prefix only with `Secure`, for one host and
/// all of its paths (RFC 6265bis, 4.1.3.2).
pub const SESSION_COOKIE: &str = "__Host-alga-session";
/// Name of the cookie of a browser whose user is signing in at an OpenID provider.
pub const LOGIN_COOKIE: &str = "__Host-alga-login";
/// Header with the session's token against cross-site requests.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-alga-csrf");

/// Returns the session's cookie, if there is exactly one.
#[must_use]
pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, SESSION_COOKIE)
}

/// Returns the cookie of this name, if there is exactly one: another could be a sibling domain's.
#[must_use]
pub fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = fields.flat_map(|field| field.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    values.next().filter(|_| values.next().is_none())
}

/// Refuses a change that another page than the platform's own has sent.
///
/// # Errors
/// Returns `forbidden` if the method is not safe, and the header `origin` is missing or names
/// another host.
pub fn check_same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin = origin.and_then(|origin| origin.parse::<Uri>().ok());
    let authority = origin.as_ref().and_then(|origin| origin.authority());
    let is_own = authority.is_some_and(|authority| Some(authority.as_str()) == host);
    let only_one = |name: HeaderName| headers.get_all(name).iter().count() == 1;
    if is_own && only_one(ORIGIN) && only_one(HOST) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "the request does not come from a page of this platform",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn exactly_one_cookie_of_this_name_is_a_session() {
        let cookie = |fields: &[(&'static str, &'static str)]| session_cookie(&headers(fields)).map(ToOwned::to_owned);
        assert_eq!(
            cookie(&[("cookie", "a=1; __Host-alga-session=s; b=2")]).as_deref(),
            Some("s")
        );
        assert_eq!(
            cookie(&[("cookie", "a=1"), ("cookie", "__Host-alga-session=s")]).as_deref(),
            Some("s")
        );
        for fields in [
            &[("cookie", "__Host-alga-session=s; __Host-alga-session=t")][..],
            &[("cookie", "__Host-alga-session=s"), ("cookie", "__Host-alga-session=s")],
            &[("cookie", "__host-alga-session=s")],
            &[("cookie", "__Host-alga-sessions=s")],
            &[("cookie", "x__Host-alga-session=s")],
            &[],
        ] {
            assert_eq!(cookie(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn a_change_comes_from_this_origin_alone() {
        let check = |method: Method, fields: &[(&'static str, &'static str)]| {
            check_same_origin(&method, &headers(fields)).is_ok()
        };
        assert!(check(Method::GET, &[]));
        assert!(check(Method::POST, &[("host", "a:1"), ("origin", "http://a:1")]));
        for fields in [
            &[("host", "a:1")][..],
            &[("host", "a:1"), ("origin", "null")],
            &[("host", "a:1"), ("origin", "http://a:2")],
            &[("host", "a:1"), ("origin", "http://a")],
            &[("host", "a:1"), ("origin", "http://a:1"), ("origin", "http://b")],
            &[("host", "a:1"), ("host", "b"), ("origin", "http://a:1")],
            &[("origin", "http://a:1")],
        ] {
            assert!(!check(Method::DELETE, fields), "{fields:?}");
        }
    }
}
