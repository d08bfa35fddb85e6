//! Reading of header fields that may occur only once.

use alga_errors::{Code, Problem};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

/// Returns the value of a field that may occur once and must be printable ASCII (RFC 9110, 5.5). An
/// unusable field is an error, so that no client assumes that it was honored.
///
/// # Errors
/// Returns [`Code::BadRequest`] for a repeated field, and for a value with other characters.
pub fn one_field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(
            Code::BadRequest,
            format!("the header {name} is sent at most once"),
        ));
    }
    let text = value.to_str().map_err(|_| {
        Problem::new(
            Code::BadRequest,
            format!("the header {name} has characters outside of printable ASCII"),
        )
    })?;
    Ok(Some(text))
}

/// Returns the token of `authorization: Bearer …` (RFC 6750, 2.1; the scheme in any case, RFC 9110,
/// 11.1), or `None` if the field is absent, repeated or of another form: none of these is a
/// credential.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = one_field(headers, &AUTHORIZATION).ok()??;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_repeated_or_non_ascii_field_is_an_error_and_not_the_first_value() {
        let name = HeaderName::from_static("x-idempotency-key");
        let mut headers = HeaderMap::new();
        assert_eq!(one_field(&headers, &name).unwrap(), None);
        headers.append(&name, HeaderValue::from_static("a"));
        assert_eq!(one_field(&headers, &name).unwrap(), Some("a"));
        headers.append(&name, HeaderValue::from_static("b"));
        assert_eq!(one_field(&headers, &name).unwrap_err().code(), Code::BadRequest);
        headers.insert(&name, HeaderValue::from_bytes("für".as_bytes()).unwrap());
        assert_eq!(one_field(&headers, &name).unwrap_err().code(), Code::BadRequest);
    }

    #[test]
    fn only_a_bearer_authorization_header_yields_a_token() {
        let token = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer abc").as_deref(), Some("abc"));
        for other in ["Basic abc", "Bearer", "abc", "Bearerabc"] {
            assert_eq!(token(other), None, "{other}");
        }
    }
}
