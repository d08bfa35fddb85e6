//! An OpenID provider on loopback at which browsers sign in: authorization code flow with PKCE.

use crate::{OpenIdProvider, TestPlatform};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use url::Url;

const SECRET: &str = "s3cr:t+/%";
const CODE: &str = "code-1";

/// What the provider does.
#[derive(Default)]
pub struct Script {
    /// Changes to its metadata.
    pub metadata: Value,
    /// Status and body of the token endpoint, in place of its own.
    pub response: Option<(u16, String)>,
    /// Changes to the claims of the ID token; `null` removes one.
    pub claims: Value,
    /// Code challenge of the sign-in.
    pub challenge: String,
    /// Requests at the token endpoint.
    pub exchanged: usize,
    nonce: String,
}

/// An OpenID provider on loopback, and the client that is registered there.
#[derive(Clone)]
pub struct SignInProvider {
    issuer: String,
    redirect: String,
    key: Arc<OpenIdProvider>,
    script: Arc<Mutex<Script>>,
}

impl SignInProvider {
    /// The client's identifier: one that has to be encoded.
    pub const CLIENT: &str = "alga client";

    /// Starts a provider that sends users back to this URL. Its name is `localhost`, so that a
    /// platform at 127.0.0.1 is another site to a browser.
    pub async fn start(redirect: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            issuer: format!("http://localhost:{}", listener.local_addr().unwrap().port()),
            redirect: redirect.to_owned(),
            key: Arc::new(OpenIdProvider::new("k1")),
            script: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// Returns the provider's identifier, which is its URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns settings of a platform whose users sign in here, and the directory of their files.
    #[must_use]
    pub fn settings(&self) -> (Vec<(&'static str, String)>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (jwks, secret) = (path("jwks.json"), path("secret"));
        fs::write(&jwks, self.key.jwks().to_string()).unwrap();
        fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let settings = vec![
            ("oidc_issuer", self.issuer.clone()),
            ("oidc_audience", "alga".to_owned()),
            ("oidc_jwks", jwks),
            ("oidc_kinds", "ops=operator".to_owned()),
            ("oidc_client_id", Self::CLIENT.to_owned()),
            ("oidc_client_secret_file", secret),
            ("oidc_redirect_url", self.redirect.clone()),
        ];
        (settings, directory)
    }

    /// Starts a platform whose users sign in here.
    pub async fn platform(&self) -> (TestPlatform, tempfile::TempDir) {
        let (settings, directory) = self.settings();
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        (TestPlatform::with_settings(&settings).await, directory)
    }

    /// Changes or reads what the provider does.
    pub fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap())
    }

    /// Signs the user in, as the provider's page does: returns the parameters of the callback.
    #[must_use]
    pub fn signs_in(&self, query: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.script(|script| {
            script.challenge.clone_from(&query["code_challenge"]);
            script.nonce.clone_from(&query["nonce"]);
        });
        BTreeMap::from([
            ("code".to_owned(), CODE.to_owned()),
            ("state".to_owned(), query["state"].clone()),
            ("iss".to_owned(), self.issuer.clone()),
        ])
    }

    /// Returns valid claims of an ID token, with these changes.
    #[must_use]
    pub fn claims(&self, changes: &Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let own = json!({
            "iss": self.issuer, "aud": Self::CLIENT, "exp": now + 300, "iat": now, "sub": "user-1",
            "nonce": self.script(|script| script.nonce.clone()), "tenant_id": "acme", "alga_access": "write",
        });
        merged(own, changes)
    }
}

/// Replaces members of an object; `null` removes one.
fn merged(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().into_iter().flatten() {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            change => value[name] = change.clone(),
        }
    }
    value
}

async fn metadata(State(provider): State<SignInProvider>) -> Json<Value> {
    let issuer = &provider.issuer;
    let own = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
        "token_endpoint": format!("{issuer}/token"), "code_challenge_methods_supported": ["S256"],
    });
    Json(provider.script(|script| merged(own, &script.metadata)))
}

/// Shows a link to the user, which leads back to the client.
async fn authorize(
    State(provider): State<SignInProvider>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Html<String> {
    let mut callback: Url = provider.redirect.parse().unwrap();
    callback.query_pairs_mut().extend_pairs(provider.signs_in(&query));
    let callback = callback.as_str().replace('&', "&amp;");
    Html(format!(
        "<!doctype html><title>Provider</title><a href=\"{callback}\">Continue</a>"
    ))
}

async fn token(
    State(provider): State<SignInProvider>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> (StatusCode, String) {
    let (response, expected_challenge, changes) = provider.script(|script| {
        script.exchanged += 1;
        (script.response.clone(), script.challenge.clone(), script.claims.clone())
    });
    if let Some((status, body)) = response {
        return (StatusCode::from_u16(status).unwrap(), body);
    }
    // RFC 6749, 2.3.1: both parts are encoded before they are joined.
    let basic = format!("Basic {}", STANDARD.encode("alga+client:s3cr%3At%2B%2F%25"));
    let is_authenticated = headers.get("authorization").is_some_and(|value| *value == basic)
        || form.get("client_secret").is_some_and(|secret| secret == SECRET);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("redirect_uri", &provider.redirect),
        ("client_id", SignInProvider::CLIENT),
    ];
    let is_right = expected.iter().all(|(name, value)| form[*name] == *value);
    if !(is_authenticated && is_right && challenge == expected_challenge) {
        return (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string());
    }
    let id_token = provider.key.token(&provider.claims(&changes));
    let tokens = json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token });
    (StatusCode::OK, tokens.to_string())
}
