//! HTTP client for the host application (AlgaPSA). The operator configures its URL and its
//! credential, and the permit identifies the caller. A guest supplies a body, but never chooses the
//! target.

use crate::Permit;
use crate::permit::UserKind;
use alga_egress::{BodyError, Destination, Egress, EgressError, Timeouts, Traffic};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Maximum bytes of a body in either direction.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Client for one API of the host application.
#[derive(Clone)]
pub struct ProductClient {
    egress: Arc<Egress>,
    destination: Destination,
    base: Arc<str>,
    credential: Option<HeaderValue>,
    timeout: Duration,
}

/// Error for an invalid setting of a [`ProductClient`].
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The base URL is invalid.
    #[error("the base URL is not an http or https URL with a host name: {0}")]
    Base(String),
    /// The credential is invalid.
    #[error("the credential is not a valid header value")]
    Credential,
}

/// The host application's response.
pub(crate) struct ProductResponse {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

/// One call to the host application.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query below the base URL, built by this host from the manifest and the WIT
    /// interface.
    pub(crate) target: &'a str,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) idempotency_key: Option<&'a str>,
}

/// Reason why a call returned no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductError {
    /// The host application did not respond, or not correctly. A retry may succeed.
    Unavailable,
    /// The execution has exhausted its limits, or the call is too large. A retry does not succeed.
    TooMuch(&'static str),
}

impl ProductClient {
    /// Creates a client for the API at `base`. `egress` is a client for the platform's own
    /// requests, separate from the one for the requests of extensions.
    ///
    /// # Errors
    /// Returns [`PlatformError::Base`] if `base` is not an http or https URL with a host name, and
    /// [`PlatformError::Credential`] if the credential is not a valid header value.
    pub fn new(
        egress: Arc<Egress>,
        base: &str,
        credential: Option<&Zeroizing<String>>,
        timeout: Duration,
    ) -> Result<Self, PlatformError> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| PlatformError::Base(base.to_owned()))?;
        let destination = Destination::of(&uri).map_err(|refused| PlatformError::Base(refused.to_string()))?;
        let credential = credential.map(|text| {
            let mut value = HeaderValue::from_str(text).map_err(|_| PlatformError::Credential)?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            egress,
            destination,
            base: base.into(),
            credential: credential.transpose()?,
            timeout,
        })
    }

    /// Calls the host application on behalf of an execution. Redirects are returned, not followed.
    pub(crate) async fn call(
        &self,
        permit: &Permit,
        traffic: &Traffic,
        call: Call<'_>,
    ) -> Result<ProductResponse, ProductError> {
        if call.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES) {
            return Err(ProductError::TooMuch(
                "a call to the host application carries at most 1 MiB",
            ));
        }
        let request = self.request(permit, call).ok_or(ProductError::Unavailable)?;
        let deadline = permit.deadline.min(std::time::Instant::now() + self.timeout);
        let tenant = permit.identity.tenant.clone();
        let permitted = self.egress.permit_platform(tenant, &self.destination);
        let permitted = permitted.map_err(|refused| log_and_map(permit, &refused))?;
        let sent = self
            .egress
            .send(&permitted, request, traffic, Timeouts::until(deadline));
        let response = sent.await.map_err(|refused| log_and_map(permit, &refused))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|error| {
            tracing::warn!(target: "alga::platform", request = %permit.identity.request, %error, "failed to read the host application's response");
            ProductError::Unavailable
        })?;
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(ProductResponse {
            status: head.status,
            content_type: content_type.map(ToOwned::to_owned),
            body: body.to_bytes(),
        })
    }

    fn request(
        &self,
        permit: &Permit,
        call: Call<'_>,
    ) -> Option<Request<http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>>> {
        let has_body = call.body.is_some();
        let body = Full::new(Bytes::from(call.body.unwrap_or_default()));
        let mut request = Request::new(body.map_err(|never| match never {}).boxed_unsync());
        *request.method_mut() = call.method;
        *request.uri_mut() = format!("{}{}", self.base, call.target).parse().ok()?;
        let headers = request.headers_mut();
        who_calls(headers, permit)?;
        headers.insert(ACCEPT, JSON);
        if has_body {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if let Some(key) = call.idempotency_key {
            headers.insert(
                HeaderName::from_static("x-idempotency-key"),
                HeaderValue::from_str(key).ok()?,
            );
        }
        if let Some(credential) = &self.credential {
            headers.insert(HeaderName::from_static("x-runner-auth"), credential.clone());
        }
        Some(request)
    }
}

/// Maps an error of a call. Limits that the guest exceeded are reported to the guest; every other
/// error is logged for the operator, at most once per request that an execution may send.
fn log_and_map(permit: &Permit, refused: &EgressError) -> ProductError {
    if let EgressError::TooMany(rule) | EgressError::TooLarge(rule) = refused {
        return ProductError::TooMuch(rule);
    }
    tracing::warn!(target: "alga::platform", request = %permit.identity.request, error = %refused, "a call to the host application failed");
    ProductError::Unavailable
}

/// Sets the headers that identify the caller, under the names that AlgaPSA expects. Returns `None`
/// if a value cannot be sent as a header.
fn who_calls(headers: &mut HeaderMap, permit: &Permit) -> Option<()> {
    let identity = &permit.identity;
    let mut insert = |name: &'static str, value: &str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
        Some(())
    };
    insert("x-request-id", identity.request.as_str())?;
    insert("x-alga-tenant", identity.tenant.as_str())?;
    insert("x-alga-extension", identity.extension.as_str())?;
    insert("x-ext-install-id", identity.install.as_str())?;
    if let Some(version) = &identity.version {
        insert("x-ext-version-id", version.as_str())?;
    }
    if let Some(user) = &permit.user {
        // If the user id cannot be sent as a header, the call fails: the host application would
        // treat it as a call without a user, which may have more rights.
        insert("x-user-id", &user.id)?;
        insert("x-user-type", user_type(user.kind))?;
        insert("x-user-email", &user.email).unwrap_or_default();
    }
    Some(())
}

pub(crate) fn user_type(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Internal => "internal",
        UserKind::Client => "client",
    }
}

/// Percent-encodes one path segment or one part of a query: everything but the unreserved
/// characters (RFC 3986, 2.3), so that it contains no delimiter.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}
