//! Sign-in of browsers at an OpenID provider: authorization code flow with PKCE.
//!
//! | route | purpose |
//! |---|---|
//! | `GET /auth/login` | sends the browser to the provider, with a secret in a cookie |
//! | `GET /auth/callback` | receives the code, verifies the ID token and begins a session |

use crate::provider::{Provider, not_signed_in};
use crate::sessions::{begin_session, cookie, page};
use alga_auth::{Authenticator, IdTokenFor, LoginSecret};
use alga_errors::{Code, Problem};
use alga_http::{LOGIN_COOKIE, Refusal, cookie_of};
use alga_store::Database;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Time for which a session is valid: a user whom the provider has disabled is signed out by then,
/// and others are signed in again by the provider without a question.
const SESSION_LIFE: Duration = Duration::from_hours(1);
/// Codes that are exchanged at once: each is a request to the provider that any client can cause.
const EXCHANGES: usize = 4;
/// Time for which a callback waits for its exchange.
const EXCHANGE_WAIT: Duration = Duration::from_secs(2);
/// Bytes of a code; those of known providers have up to 2 KiB.
const CODE_BYTES: usize = 4096;
/// Shown after sign-in. A browser does not send a `SameSite=Strict` cookie when another site has
/// redirected it here, but it does when this page leads on.
const SIGNED_IN: &str = "<!doctype html><meta charset=utf-8><title>Signed in to alga</title>\
    <meta http-equiv=refresh content=\"0; url=/auth/session\"><h1>Signed in</h1>\
    <p><a href=/auth/session>Continue</a>";

#[derive(Clone)]
struct Login {
    provider: Arc<Provider>,
    database: Database,
    authenticator: Arc<Authenticator>,
    exchanges: Arc<Semaphore>,
}

/// Parameters of a callback (RFC 6749, 4.1.2; RFC 9207). Providers may send others, too.
#[derive(Deserialize)]
struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Builds the routes.
pub(crate) fn router(provider: Provider, database: Database, authenticator: Arc<Authenticator>) -> Router {
    Router::new()
        .route("/auth/login", get(login))
        .route("/auth/callback", get(callback))
        .with_state(Login {
            provider: Arc::new(provider),
            database,
            authenticator,
            exchanges: Arc::new(Semaphore::new(EXCHANGES)),
        })
}

async fn login(State(login): State<Login>) -> Result<Response, Refusal> {
    let _exchange = login.exchange().await?;
    let secret = LoginSecret::generate().map_err(Problem::internal)?;
    let url = login.provider.sign_in_url(&secret).await?;
    let url = HeaderValue::from_str(url.as_str()).map_err(Problem::internal)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, url);
    headers.insert(SET_COOKIE, cookie_of_login(secret.expose(), LoginSecret::LIFE)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

async fn callback(
    State(login): State<Login>,
    headers: HeaderMap,
    query: Result<Query<Callback>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|_| not_signed_in())?;
    let secret = cookie_of(&headers, LOGIN_COOKIE).and_then(LoginSecret::parse);
    let secret = secret.ok_or_else(|| not_signed_in().caused_by("no cookie of a sign-in"))?;
    let code = query.code_for(&secret, &login.provider)?;
    let exchange = login.exchange().await?;
    let token = login.provider.id_token(code, &secret).await?;
    drop(exchange);
    let expected = IdTokenFor {
        client_id: login.provider.client_id(),
        nonce: &secret.nonce(),
    };
    let principal = login.authenticator.id_token(&token, &expected).await?;
    let session = begin_session(&login.database, &principal, SESSION_LIFE).await?;
    let mut response = page(SIGNED_IN.to_owned());
    response.headers_mut().append(SET_COOKIE, session);
    response
        .headers_mut()
        .append(SET_COOKIE, cookie_of_login("", Duration::ZERO)?);
    Ok(response)
}

impl Login {
    async fn exchange(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let busy = || Problem::new(Code::Overloaded, "too many users are signing in").retry_after_seconds(1);
        let permit = timeout(EXCHANGE_WAIT, self.exchanges.acquire()).await;
        permit.map_err(|_| busy())?.map_err(Problem::internal)
    }
}

impl Callback {
    /// Returns the code, if the callback belongs to this browser's sign-in.
    fn code_for(&self, secret: &LoginSecret, provider: &Provider) -> Result<&str, Problem> {
        let state = self.state.as_deref().unwrap_or_default();
        let is_other = self.iss.as_deref().is_some_and(|issuer| !provider.is_issuer(issuer));
        if !secret.has_state(state) || is_other {
            return Err(not_signed_in().caused_by("the state or issuer of another sign-in"));
        }
        if let Some(error) = &self.error {
            return Err(not_signed_in().caused_by(format!("the provider's error `{}`", error.escape_default())));
        }
        let code = self
            .code
            .as_deref()
            .filter(|code| (1..=CODE_BYTES).contains(&code.len()));
        code.ok_or_else(|| not_signed_in().caused_by("no code, or one that is too long"))
    }
}

/// The cookie is sent when the provider redirects the browser here, so it is not `Strict`.
fn cookie_of_login(value: &str, life: Duration) -> Result<HeaderValue, Problem> {
    cookie(LOGIN_COOKIE, value, life, "Lax")
}
