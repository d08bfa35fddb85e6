//! Calls to the product that extensions run in. Where it is and by which credential it knows us is the operator's configuration; who calls is
//! the permit's; what a guest gives is a body, never a target.

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

/// Bytes of a body in either direction.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The product.
#[derive(Clone)]
pub struct ProductClient {
    egress: Arc<Egress>,
    place: Destination,
    base: Arc<str>,
    credential: Option<HeaderValue>,
    timeout: Duration,
}

/// A setting of the product's place that is not one.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The address.
    #[error("the base is not an http or https URL with a host name: {0}")]
    Base(String),
    /// The credential.
    #[error("the credential is not a header's value")]
    Credential,
}

/// What the product answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

/// One call.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query below the base; made by the host of what manifest and WIT say.
    pub(crate) target: &'a str,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) idempotency_key: Option<&'a str>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductError {
    /// The product did not answer, or not as it should. Trying again may help.
    Unavailable,
    /// The execution has used up what it may ask, or asks for too much. Trying again does not help.
    TooMuch(&'static str),
}

impl ProductClient {
    /// A product at this base. `egress` is the platform's own: extensions' requests go another way.
    ///
    /// # Errors
    /// When the base or the credential is not one.
    pub fn new(
        egress: Arc<Egress>,
        base: &str,
        credential: Option<&Zeroizing<String>>,
        timeout: Duration,
    ) -> Result<Self, PlatformError> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| PlatformError::Base(base.to_owned()))?;
        let place = Destination::of(&uri).map_err(|refused| PlatformError::Base(refused.to_string()))?;
        let credential = credential.map(|text| {
            let mut value = HeaderValue::from_str(text).map_err(|_| PlatformError::Credential)?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            egress,
            place,
            base: base.into(),
            credential: credential.transpose()?,
            timeout,
        })
    }

    /// Calls the product on behalf of an execution. Redirects are answers.
    pub(crate) async fn call(
        &self,
        permit: &Permit,
        traffic: &Traffic,
        call: Call<'_>,
    ) -> Result<Answer, ProductError> {
        if call.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES) {
            return Err(ProductError::TooMuch("a call of the product carries at most 1 MiB"));
        }
        let request = self.request(permit, call).ok_or(ProductError::Unavailable)?;
        let deadline = permit.deadline.min(std::time::Instant::now() + self.timeout);
        let tenant = permit.identity.tenant.clone();
        let permitted = self.egress.permit_platform(tenant, &self.place);
        let permitted = permitted.map_err(|refused| log_and_map(permit, &refused))?;
        let sent = self
            .egress
            .send(&permitted, request, traffic, Timeouts::until(deadline));
        let answer = sent.await.map_err(|refused| log_and_map(permit, &refused))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|error| {
            tracing::warn!(target: "alga::platform", request = %permit.identity.request, %error, "the product's answer is not taken");
            ProductError::Unavailable
        })?;
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Answer {
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

/// What a guest has used up is its own business; everything else is the operator's, at most once for each request that an execution may send.
fn log_and_map(permit: &Permit, refused: &EgressError) -> ProductError {
    if let EgressError::TooMany(rule) | EgressError::TooLarge(rule) = refused {
        return ProductError::TooMuch(rule);
    }
    tracing::warn!(target: "alga::platform", request = %permit.identity.request, error = %refused, "the product did not answer");
    ProductError::Unavailable
}

/// Names as AlgaPSA's product reads them.
fn who_calls(headers: &mut HeaderMap, permit: &Permit) -> Option<()> {
    let identity = &permit.identity;
    let mut say = |name: &'static str, value: &str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
        Some(())
    };
    say("x-request-id", identity.request.as_str())?;
    say("x-alga-tenant", identity.tenant.as_str())?;
    say("x-alga-extension", identity.extension.as_str())?;
    say("x-ext-install-id", identity.install.as_str())?;
    if let Some(version) = &identity.version {
        say("x-ext-version-id", version.as_str())?;
    }
    if let Some(user) = &permit.user {
        // A user whose id is no header is nobody: the product would otherwise take the call for one without a user, which may do more.
        say("x-user-id", &user.id)?;
        say("x-user-type", user_type(user.kind))?;
        say("x-user-email", &user.email).unwrap_or_default();
    }
    Some(())
}

pub(crate) fn user_type(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Internal => "internal",
        UserKind::Client => "client",
    }
}

/// Writes one segment of a path or one part of a query (RFC 3986, 2.3): nothing in it can end it.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}
