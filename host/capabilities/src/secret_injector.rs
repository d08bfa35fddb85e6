//! Injection of secrets into the requests of an execution. The guest's request carries a
//! placeholder; the host replaces it with the secret before sending, and only for a host that the
//! secret is bound to.
//!
//! A placeholder is a header value with the flag `sensitive`, which a guest has no means to set: a
//! value that the guest writes itself is never a placeholder, whatever its text.

use alga_bundle::EgressPattern;
use alga_egress::Destination;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Maximum attachments of one execution, because each holds a copy of its secret.
const ATTACHMENTS: usize = 64;
use alga_limits::HEADER_SECRET_BYTES as VALUE_BYTES;
/// Minimum bytes of a secret that is searched for in response headers: a shorter one would match
/// unrelated values.
const MIN_REDACTABLE_BYTES: usize = 8;
const MARK: &str = "alga-secret-";

/// The format of a secret in its header.
pub(crate) enum Form<'a> {
    Raw,
    Bearer,
    Basic(&'a str),
}

/// Reason why a secret was not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unattachable(pub(crate) &'static str);

/// The secrets that requests of one execution carry.
#[derive(Clone, Default)]
pub(crate) struct SecretInjector(Arc<Mutex<Vec<Attached>>>);

struct Attached {
    name: String,
    value: HeaderValue,
    plaintext: Zeroizing<Vec<u8>>,
    hosts: Vec<EgressPattern>,
}

impl SecretInjector {
    /// Stores the header value of a secret and returns the placeholder for it.
    pub(crate) fn attach(
        &self,
        name: &str,
        secret: &[u8],
        form: &Form<'_>,
        hosts: &[EgressPattern],
    ) -> Result<HeaderValue, Unattachable> {
        let value = value_of(secret, form)?;
        let mut attachments = self.attachments();
        let same = attachments
            .iter()
            .position(|attached| attached.name == name && attached.value == value);
        let index = same.unwrap_or(attachments.len());
        if index >= ATTACHMENTS {
            return Err(Unattachable(
                "an execution attaches secrets in at most 64 different ways",
            ));
        }
        if same.is_none() {
            attachments.push(Attached {
                name: name.to_owned(),
                value,
                plaintext: Zeroizing::new(secret.to_vec()),
                hosts: hosts.to_vec(),
            });
        }
        let mut placeholder =
            HeaderValue::from_str(&format!("{MARK}{index}")).map_err(|_| Unattachable("invalid placeholder"))?;
        placeholder.set_sensitive(true);
        Ok(placeholder)
    }

    /// Replaces placeholders with their secrets.
    ///
    /// The error is the name of a secret that is not bound to this destination; the request must
    /// then not be sent.
    pub(crate) fn reveal_to(&self, destination: &Destination, headers: &mut HeaderMap) -> Result<(), String> {
        if headers.values().all(|value| !value.is_sensitive()) {
            return Ok(());
        }
        let attachments = self.attachments();
        let Destination { is_tls, host, port } = destination;
        for value in headers.values_mut().filter(|value| value.is_sensitive()) {
            let attached = index_of(value).and_then(|index| attachments.get(index));
            let attached = attached.ok_or("a placeholder without a secret")?;
            if !attached
                .hosts
                .iter()
                .any(|pattern| pattern.allows(*is_tls, host, *port))
            {
                return Err(attached.name.clone());
            }
            *value = attached.value.clone();
        }
        Ok(())
    }

    /// Removes the response headers that contain a secret, so that a server that echoes request
    /// headers does not reveal it to the guest.
    pub(crate) fn redact_response_headers(&self, headers: &mut HeaderMap) {
        let attachments = self.attachments();
        if attachments.is_empty() {
            return;
        }
        let revealing: Vec<HeaderName> = headers
            .iter()
            .filter(|(_, value)| attachments.iter().any(|attached| attached.is_in(value.as_bytes())))
            .map(|(name, _)| name.clone())
            .collect();
        for name in revealing {
            headers.remove(name);
        }
    }

    fn attachments(&self) -> MutexGuard<'_, Vec<Attached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    /// Reports whether `text` contains the secret, or its encoded form after the authentication
    /// scheme.
    fn is_in(&self, text: &[u8]) -> bool {
        let written = self.value.as_bytes();
        let written = written.rsplit(|byte| *byte == b' ').next().unwrap_or(written);
        let holds = |part: &[u8]| part.len() >= MIN_REDACTABLE_BYTES && memmem::find(text, part).is_some();
        holds(&self.plaintext) || (written != self.plaintext.as_slice() && holds(written))
    }
}

fn index_of(placeholder: &HeaderValue) -> Option<usize> {
    placeholder.to_str().ok()?.strip_prefix(MARK)?.parse().ok()
}

/// Returns the header value, in memory that is wiped when its last clone is dropped.
fn value_of(secret: &[u8], form: &Form<'_>) -> Result<HeaderValue, Unattachable> {
    if secret.len() > VALUE_BYTES {
        return Err(Unattachable("a secret in a header has at most 8192 bytes"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(VALUE_BYTES * 2));
    match form {
        Form::Raw => bytes.extend_from_slice(secret),
        Form::Bearer => {
            bytes.extend_from_slice(b"Bearer ");
            bytes.extend_from_slice(secret);
        }
        Form::Basic(user) => {
            if user.len() > 256 || user.contains(':') {
                return Err(Unattachable("a user name has at most 256 bytes and no colon"));
            }
            let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + 1 + secret.len()));
            pair.extend_from_slice(user.as_bytes());
            pair.push(b':');
            pair.extend_from_slice(secret);
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_slice()));
            bytes.extend_from_slice(b"Basic ");
            bytes.extend_from_slice(encoded.as_bytes());
        }
    }
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Wiped(bytes)));
    let mut value = value.map_err(|_| Unattachable("the secret has bytes that a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::AUTHORIZATION;

    fn destination(uri: &str) -> Destination {
        Destination::of(&uri.parse().unwrap()).unwrap()
    }

    fn with(value: HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn a_placeholder_is_replaced_by_its_secret_only_for_declared_hosts() {
        let secret_injector = SecretInjector::default();
        let hosts = ["api.example.com".parse().unwrap()];
        let placeholder = secret_injector
            .attach("token", b"s3cret", &Form::Bearer, &hosts)
            .unwrap();
        assert!(!placeholder.as_bytes().windows(6).any(|part| part == b"s3cret"));
        let mut headers = with(placeholder.clone());
        secret_injector
            .reveal_to(&destination("https://api.example.com/"), &mut headers)
            .unwrap();
        assert_eq!(headers[AUTHORIZATION].as_bytes(), b"Bearer s3cret");
        assert!(headers[AUTHORIZATION].is_sensitive() && !format!("{headers:?}").contains("s3cret"));
        for elsewhere in [
            "https://evil.example.com/",
            "http://api.example.com/",
            "https://api.example.com:8443/",
        ] {
            assert_eq!(
                secret_injector.reveal_to(&destination(elsewhere), &mut with(placeholder.clone())),
                Err("token".to_owned()),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn a_forged_copy_of_a_placeholder_is_not_replaced_by_the_secret() {
        let secret_injector = SecretInjector::default();
        let hosts = ["api.example.com".parse().unwrap()];
        let placeholder = secret_injector.attach("token", b"s3cret", &Form::Raw, &hosts).unwrap();
        let mut forged = with(HeaderValue::from_bytes(placeholder.as_bytes()).unwrap());
        secret_injector
            .reveal_to(&destination("https://api.example.com/"), &mut forged)
            .unwrap();
        assert_eq!(forged[AUTHORIZATION].as_bytes(), placeholder.as_bytes());
    }

    #[test]
    fn response_headers_that_contain_a_secret_are_removed() {
        let secret_injector = SecretInjector::default();
        secret_injector
            .attach("t", b"s3cret-value", &Form::Basic("user"), &[])
            .unwrap();
        secret_injector.attach("short", b"a", &Form::Raw, &[]).unwrap();
        let pair = STANDARD.encode("user:s3cret-value");
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-said", "you said s3cret-value!"), ("x-pair", &pair), ("etag", "a")] {
            headers.insert(name, value.parse().unwrap());
        }
        secret_injector.redact_response_headers(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["etag"]);
    }

    #[test]
    fn a_secret_that_is_no_valid_header_value_is_rejected() {
        let attach =
            |secret: &[u8], form: &Form<'_>| SecretInjector::default().attach("s", secret, form, &[]).map(|_| ());
        assert!(attach(b"a\r\nb: c", &Form::Raw).is_err() && attach(&[0], &Form::Bearer).is_err());
        assert!(attach(&vec![b'a'; VALUE_BYTES + 1], &Form::Raw).is_err());
        assert!(attach(b"a", &Form::Basic("u:v")).is_err() && attach(b"a\r\n", &Form::Basic("u")).is_ok());
    }
}
