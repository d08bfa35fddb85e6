//! The parts of messages on which caching depends (RFC 9111), in the form that
//! `http-cache-semantics` expects: directives in lower case, fields joined, ages and sizes bounded.

use alga_http::policy::may_reach_guest;
use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, PRAGMA, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_cache_semantics::{BeforeRequest, CachePolicy};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

/// Maximum bytes of `cache-control` and of `vary`; with more, a message is not cached.
const DIRECTIVE_BYTES: usize = 512;
/// Maximum number of fields that `vary` names.
const VARY_FIELDS: usize = 8;
/// Maximum time for which a response is used, whatever its extension requests.
pub(super) const LONGEST: Duration = Duration::from_hours(24);
/// Fixed cost of a stored response in bytes.
const ENTRY_BYTES: usize = 16 * 1024;
/// Cost of a header field beside its bytes.
const FIELD_BYTES: usize = 128;

/// Returns the values of `cache-control` or `vary` joined to one, in lower case. `None` if they are
/// no text or too long.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().ok());
    let text = values.collect::<Option<Vec<_>>>()?.join(", ");
    (text.len() <= DIRECTIVE_BYTES).then(|| text.to_ascii_lowercase())
}

fn set(headers: &mut HeaderMap, name: &HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A request as the cache sees it.
pub(super) struct Asked {
    uri: Uri,
    /// Fields that the guest receives.
    headers: HeaderMap,
    control: String,
}

impl Asked {
    /// Returns what of a request counts, or `None` if the request is not cached.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let control = joined(request.headers(), &CACHE_CONTROL)?;
        // Without `max-stale`: a client does not decide that an extension's rules are ignored.
        let directives = control.split(',').map(str::trim);
        let known = directives.filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default();
            matches!(name, "no-cache" | "no-store" | "max-age" | "min-fresh")
        });
        let control = known.collect::<Vec<_>>().join(", ");
        Some(Self {
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            control,
        })
    }

    /// True if the client restricts which stored responses it accepts.
    fn has_control(&self) -> bool {
        !self.control.is_empty() || self.headers.contains_key(PRAGMA)
    }

    /// Returns the request for the policy of a response with this `vary`.
    ///
    /// `None` if the values of its fields are too long.
    fn selecting(&self, vary: &[HeaderName]) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        for name in vary.iter().filter(|name| self.headers.contains_key(*name)) {
            let values: Vec<&[u8]> = self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            let value = values.join(&b", "[..]);
            if value.len() > DIRECTIVE_BYTES {
                return None;
            }
            headers.insert(name, HeaderValue::from_bytes(&value).ok()?);
        }
        if !self.control.is_empty() {
            set(headers, &CACHE_CONTROL, &self.control);
        }
        Some(request)
    }

    /// Returns the request by which a guest validates a response with this tag.
    pub(super) fn validating(&self, tag: Option<&HeaderValue>) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        for name in [
            IF_NONE_MATCH,
            IF_MATCH,
            IF_MODIFIED_SINCE,
            IF_UNMODIFIED_SINCE,
            IF_RANGE,
        ] {
            headers.remove(name);
        }
        if let Some(tag) = tag {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        request
    }

    /// True if the client has a response with this tag (RFC 9110, 13.1.2).
    pub(super) fn has(&self, tag: Option<&HeaderValue>) -> bool {
        let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) else {
            return false;
        };
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let known = self.headers.get_all(IF_NONE_MATCH).iter();
        let mut known = known
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        known.any(|known| known.trim() == "*" || weak(known) == weak(tag))
    }
}

/// A stored response.
pub(super) struct Stored {
    policy: CachePolicy,
    vary: Vec<HeaderName>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    fresh_until: SystemTime,
    /// Time after which it is not used without validation.
    ends: SystemTime,
    stale_while_revalidate: Duration,
    pub(super) is_revalidating: AtomicBool,
}

/// Use of a stored response for a request.
pub(super) enum Use {
    /// The response is for another variant of the resource.
    Other,
    Fresh,
    /// The response is stale, and may be used while it is revalidated.
    Stale,
    Validate,
}

impl Stored {
    /// Returns a response to store, or `None` if it must not be stored, or is of no use.
    pub(super) fn of(asked: &Asked, status: StatusCode, headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let control = joined(headers, &CACHE_CONTROL)?;
        let names = || control.split(',').filter_map(|directive| directive.split('=').next());
        let has = |name: &str| names().any(|found| found.trim() == name);
        let vary = vary_of(headers)?;
        let mut response = Response::new(());
        *response.status_mut() = status;
        set(response.headers_mut(), &CACHE_CONTROL, &control);
        for name in [DATE, EXPIRES, ETAG, LAST_MODIFIED] {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        // A larger age overflows times; it is stale in any case.
        if let Some(age) = headers.get(AGE) {
            let seconds = age.to_str().ok().and_then(|age| age.trim().parse().ok());
            let age = seconds.unwrap_or(u64::MAX).min(LONGEST.as_secs());
            response.headers_mut().insert(AGE, HeaderValue::from(age));
        }
        let names: Vec<&str> = vary.iter().map(HeaderName::as_str).collect();
        if !names.is_empty() {
            set(response.headers_mut(), &VARY, &names.join(", "));
        }
        let now = SystemTime::now();
        let policy = CachePolicy::new(&asked.selecting(&vary)?, &response);
        let fresh = policy.time_to_live(now).min(LONGEST);
        let must_validate = has("must-revalidate") || has("proxy-revalidate") || has("no-cache") || has("s-maxage");
        let stale = seconds_of(&control, "stale-while-revalidate=").filter(|_| !must_validate);
        let stored = Self {
            policy,
            vary,
            status,
            headers: headers.clone(),
            body,
            fresh_until: now.checked_add(fresh)?,
            ends: now.checked_add(LONGEST)?,
            stale_while_revalidate: stale.unwrap_or_default().min(LONGEST),
            is_revalidating: AtomicBool::new(false),
        };
        let is_useful = !fresh.is_zero() || headers.contains_key(ETAG) || !stored.stale_while_revalidate.is_zero();
        (has("public") && is_useful && stored.policy.is_storable()).then_some(stored)
    }

    /// Returns the same response with the fields of a response 304 (RFC 9111, 4.3.4).
    pub(super) fn validated(&self, asked: &Asked, not_modified: &HeaderMap) -> Option<Self> {
        let mut headers = self.headers.clone();
        headers.remove(AGE);
        for name in not_modified.keys() {
            headers.remove(name);
        }
        for (name, value) in not_modified {
            headers.append(name.clone(), value.clone());
        }
        Self::of(asked, self.status, &headers, self.body.clone())
    }

    /// Returns the use of this response for a request.
    pub(super) fn use_for(&self, asked: &Asked) -> Use {
        let now = SystemTime::now();
        let Some(selecting) = asked.selecting(&self.vary) else {
            return Use::Other;
        };
        match self.policy.before_request(&selecting, now) {
            BeforeRequest::Fresh(_) if now < self.ends => Use::Fresh,
            BeforeRequest::Fresh(_) => Use::Validate,
            BeforeRequest::Stale { matches: false, .. } => Use::Other,
            BeforeRequest::Stale { .. } => {
                let stale = now.duration_since(self.fresh_until).unwrap_or_default();
                match stale < self.stale_while_revalidate && now < self.ends && !asked.has_control() {
                    true => Use::Stale,
                    false => Use::Validate,
                }
            }
        }
    }

    /// Returns the header fields with the present age.
    pub(super) fn aged(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(AGE, HeaderValue::from(self.policy.age(SystemTime::now()).as_secs()));
        headers
    }

    /// Estimates the bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let fields = self.headers.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES)
            .sum();
        self.body.len() + fields + ENTRY_BYTES
    }
}

/// Returns the fields that `vary` names, or `None` if responses cannot be distinguished by them:
/// `*`, too many, or fields that no guest receives, such as `authorization`.
fn vary_of(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let names = joined(headers, &VARY)?;
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names = names.map(|name| name.parse().ok().filter(|name: &HeaderName| may_reach_guest(name)));
    let names = names.collect::<Option<Vec<HeaderName>>>()?;
    (names.len() <= VARY_FIELDS).then_some(names)
}

fn seconds_of(control: &str, directive: &str) -> Option<Duration> {
    let mut directives = control.split(',').map(str::trim);
    let seconds = directives.find_map(|found| found.strip_prefix(directive)?.parse().ok());
    seconds.map(Duration::from_secs)
}
