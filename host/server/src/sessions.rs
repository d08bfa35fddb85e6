//! Sessions of browsers: `alga console` prints a one-time link, whose page begins a session.
//!
//! | route | purpose |
//! |---|---|
//! | `GET /auth/link` | a page that asks before the link is used, so that no preview uses it |
//! | `POST /auth/link` | begins a session and sets its cookie |
//! | `GET /auth/session` | who is signed in, and the token that changes need |
//! | `POST /auth/logout` | ends the session |

use alga_auth::{Authenticator, Principal, SessionFuture, SessionSecret, SessionSource, StoredSession};
use alga_errors::{Code, Problem};
use alga_http::{CSRF_HEADER, Refusal, SESSION_COOKIE, check_same_origin, one_field, session_cookie};
use alga_store::{Database, SessionKind};
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Policy of the page: it loads nothing, and its form is sent to this origin.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Links that are looked up at once: clients without a valid link do not use all connections to
/// the database.
const LOOKUPS: usize = 2;
/// Time for which a request waits for its lookup.
const LOOKUP_WAIT: Duration = Duration::from_secs(1);
/// Page that a browser goes to after it has signed in.
const HOME: HeaderValue = HeaderValue::from_static("/auth/session");

/// Sessions from the database.
pub(crate) struct StoredSessions(pub(crate) Database);

impl SessionSource for StoredSessions {
    fn find<'a>(&'a self, digest: &'a str) -> SessionFuture<'a> {
        Box::pin(async move {
            let Some(row) = self.0.session(digest).await? else {
                return Ok(None);
            };
            Ok(Some(StoredSession {
                principal: Principal::from_json(&row.principal)?,
                expires: Timestamp::from_millisecond(row.expires_at_ms)?,
            }))
        })
    }
}

#[derive(Clone)]
struct Sessions {
    database: Database,
    authenticator: Arc<Authenticator>,
    lookups: Arc<Semaphore>,
}

/// The one-time token of a link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

/// Builds the routes.
pub(crate) fn router(database: Database, authenticator: Arc<Authenticator>) -> Router {
    Router::new()
        .route("/auth/link", get(ask).post(begin))
        .route("/auth/session", get(show))
        .route("/auth/logout", post(end))
        .with_state(Sessions {
            database,
            authenticator,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        })
}

fn invalid_link() -> Refusal {
    let problem = Problem::new(Code::Unauthenticated, "the link is not valid any more");
    Refusal(problem.with_hint("`alga console` prints a new one, which is valid once within a minute"))
}

/// Shows a page with a button. The token is hexadecimal, so that it needs no escaping.
async fn ask(query: Result<Query<Link>, QueryRejection>) -> Result<Response, Refusal> {
    let Query(Link { token }) = query.map_err(|_| invalid_link())?;
    let token = SessionSecret::parse(&token).ok_or_else(invalid_link)?;
    Ok(page(format!(
        "<!doctype html><meta charset=utf-8><title>Sign in to alga</title><h1>Sign in to alga</h1>\
         <form method=post action=/auth/link><input type=hidden name=token value={}><button>Sign in</button></form>",
        token.expose()
    )))
}

/// Returns a page that no other page embeds, and that loads nothing.
pub(crate) fn page(html: String) -> Response {
    let mut response = html.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn begin(
    State(sessions): State<Sessions>,
    headers: HeaderMap,
    form: Result<Form<Link>, FormRejection>,
) -> Result<Response, Refusal> {
    check_same_origin(&Method::POST, &headers)?;
    let Form(Link { token }) = form.map_err(|_| invalid_link())?;
    let link = SessionSecret::parse(&token).ok_or_else(invalid_link)?;
    let _lookup = timeout(LOOKUP_WAIT, sessions.lookups.acquire())
        .await
        .map_err(|_| busy())?;
    let used = sessions.database.end_session(SessionKind::Link, &link.digest()).await;
    let used = used.map_err(Problem::internal)?.ok_or_else(invalid_link)?;
    let principal = Principal::from_json(&used.principal).map_err(|error| Problem::internal(error.to_string()))?;
    let life = life_of(&sessions.database, principal.actor()).await?;
    let session = begin_session(&sessions.database, &principal, life).await?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, HOME);
    headers.insert(SET_COOKIE, session);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Stores a new session of this principal and returns its cookie.
pub(crate) async fn begin_session(
    database: &Database,
    principal: &Principal,
    life: Duration,
) -> Result<HeaderValue, Problem> {
    let secret = SessionSecret::generate().map_err(Problem::internal)?;
    let stored = principal.to_json().map_err(Problem::internal)?;
    database
        .as_actor(principal.actor())
        .create_session(SessionKind::Session, &secret.digest(), &stored, life)
        .await
        .map_err(Problem::internal)?;
    cookie(SESSION_COOKIE, secret.expose(), life, "Strict")
}

/// Returns the time for which a session of this actor is valid: not longer than its API key.
async fn life_of(database: &Database, actor: &str) -> Result<Duration, Refusal> {
    let Some(id) = actor.strip_prefix("key:") else {
        return Ok(SessionSecret::SESSION_LIFE);
    };
    let key = database.api_key(id).await.map_err(Problem::internal)?;
    let key = key.filter(|key| key.revoked_at_ms.is_none()).ok_or_else(invalid_link)?;
    let left = key.expires_at_ms.saturating_sub(Timestamp::now().as_millisecond());
    let left = u64::try_from(left).map_err(|_| invalid_link())?;
    Ok(SessionSecret::SESSION_LIFE.min(Duration::from_millis(left)))
}

fn busy() -> Refusal {
    Refusal(Problem::new(Code::Overloaded, "too many links are being used").retry_after_seconds(1))
}

/// Returns a cookie for this host alone, which scripts cannot read.
pub(crate) fn cookie(name: &str, value: &str, life: Duration, same_site: &str) -> Result<HeaderValue, Problem> {
    let seconds = life.as_secs();
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}; Max-Age={seconds}");
    HeaderValue::from_str(&cookie).map_err(Problem::internal)
}

/// Returns the session of a request.
fn secret_of(headers: &HeaderMap) -> Result<SessionSecret, Refusal> {
    let none = || Refusal(Problem::new(Code::Unauthenticated, "there is no session"));
    session_cookie(headers).and_then(SessionSecret::parse).ok_or_else(none)
}

async fn show(
    State(sessions): State<Sessions>,
    headers: HeaderMap,
) -> Result<([(axum::http::HeaderName, &'static str); 1], Json<Value>), Refusal> {
    let secret = secret_of(&headers)?;
    let principal = sessions.authenticator.session(&secret).await?;
    let body = json!({ "kind": principal.kind(), "actor": principal.actor(), "csrf": secret.csrf_token() });
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)))
}

async fn end(State(sessions): State<Sessions>, headers: HeaderMap) -> Result<Response, Refusal> {
    let secret = secret_of(&headers)?;
    sessions.authenticator.session(&secret).await?;
    check_change(&Method::POST, &headers, &secret)?;
    let ended = sessions
        .database
        .end_session(SessionKind::Session, &secret.digest())
        .await;
    ended.map_err(Problem::internal)?;
    sessions.authenticator.evict_session(&secret);
    let mut response = StatusCode::NO_CONTENT.into_response();
    let expired = cookie(SESSION_COOKIE, "", Duration::ZERO, "Strict")?;
    response.headers_mut().insert(SET_COOKIE, expired);
    Ok(response)
}

/// Refuses a change that does not come from a page of this platform.
fn check_change(method: &Method, headers: &HeaderMap, secret: &SessionSecret) -> Result<(), Problem> {
    check_same_origin(method, headers)?;
    let token = one_field(headers, &CSRF_HEADER)?.unwrap_or_default();
    if method.is_safe() || secret.has_csrf_token(token) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "the header x-alga-csrf is not the session's token",
    ))
}
