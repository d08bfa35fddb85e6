//! Sign-in of browsers at an OpenID provider: authorization code flow with PKCE.

use crate::oidc::{claims, now};
use alga_harness::OpenIdProvider;
use alga_harness::{TestPlatform, TestResponse};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::Url;

const CLIENT: &str = "alga client";
const SECRET: &str = "s3cr:t+/%";
const REDIRECT: &str = "https://alga.test/auth/callback";
const CODE: &str = "code-1";

/// What the provider does.
#[derive(Default)]
struct Script {
    /// Changes to its metadata.
    metadata: Value,
    /// Status and body of the token endpoint, in place of its own.
    response: Option<(u16, String)>,
    /// Changes to the claims of the ID token.
    claims: Value,
    /// Code challenge and nonce of the sign-in.
    challenge: String,
    nonce: String,
    /// Requests at the token endpoint.
    exchanged: usize,
}

/// An OpenID provider on loopback.
struct Served {
    issuer: String,
    provider: Arc<OpenIdProvider>,
    script: Arc<Mutex<Script>>,
}

type Shared = (String, Arc<OpenIdProvider>, Arc<Mutex<Script>>);

fn merged(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().into_iter().flatten() {
        value[name] = change.clone();
    }
    value
}

async fn metadata(State((issuer, _, script)): State<Shared>) -> Json<Value> {
    let own = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
        "token_endpoint": format!("{issuer}/token"), "code_challenge_methods_supported": ["S256"],
    });
    Json(merged(own, &script.lock().unwrap().metadata))
}

async fn token(
    State((issuer, provider, script)): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> (StatusCode, String) {
    let mut script = script.lock().unwrap();
    script.exchanged += 1;
    if let Some((status, body)) = script.response.clone() {
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
        ("redirect_uri", REDIRECT),
        ("client_id", CLIENT),
    ];
    let is_right = expected.iter().all(|(name, value)| form[*name] == *value);
    if !(is_authenticated && is_right && challenge == script.challenge) {
        return (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string());
    }
    let own = json!({ "iss": issuer, "aud": CLIENT, "nonce": script.nonce, "iat": now() });
    let claims = claims(merged(own, &script.claims));
    let tokens = json!({ "access_token": "a", "token_type": "Bearer", "id_token": provider.token(&claims) });
    (StatusCode::OK, tokens.to_string())
}

impl Served {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            provider: Arc::new(OpenIdProvider::new("k1")),
            script: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/token", post(token))
            .with_state((
                served.issuer.clone(),
                Arc::clone(&served.provider),
                Arc::clone(&served.script),
            ));
        tokio::spawn(async move { axum::serve(listener, router).await });
        served
    }

    /// Starts a platform whose users sign in here.
    async fn platform(&self) -> (TestPlatform, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (jwks, secret) = (path("jwks.json"), path("secret"));
        fs::write(&jwks, self.provider.jwks().to_string()).unwrap();
        fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let world = TestPlatform::with_settings(&[
            ("oidc_issuer", &self.issuer),
            ("oidc_audience", "alga"),
            ("oidc_jwks", &jwks),
            ("oidc_kinds", "ops=operator"),
            ("oidc_client_id", CLIENT),
            ("oidc_client_secret_file", &secret),
            ("oidc_redirect_url", REDIRECT),
        ])
        .await;
        (world, directory)
    }

    fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Signs the user in, as the provider's page does: returns the parameters of the callback.
    fn signs_in(&self, page: &Url) -> BTreeMap<String, String> {
        let query: BTreeMap<_, _> = page.query_pairs().into_owned().collect();
        self.set(|script| {
            script.challenge.clone_from(&query["code_challenge"]);
            script.nonce.clone_from(&query["nonce"]);
        });
        BTreeMap::from([
            ("code".to_owned(), CODE.to_owned()),
            ("state".to_owned(), query["state"].clone()),
            ("iss".to_owned(), self.issuer.clone()),
        ])
    }
}

async fn visit(world: &TestPlatform, target: &str, cookies: &str) -> TestResponse {
    let request = Request::get(target)
        .header("host", "alga.test")
        .header("cookie", cookies);
    world.send(request.body(Default::default()).unwrap()).await
}

/// Begins to sign in: returns the browser's cookie and the provider's page.
async fn login(world: &TestPlatform) -> (String, Url) {
    let begun = visit(world, "/auth/login", "").await;
    assert_eq!(begun.status, 303, "{}", begun.text());
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    for attribute in [
        "__Host-alga-login=",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let page = begun.headers["location"].to_str().unwrap().parse().unwrap();
    (cookie.split(';').next().unwrap().to_owned(), page)
}

async fn callback(world: &TestPlatform, cookies: &str, query: &BTreeMap<String, String>) -> TestResponse {
    let mut url: Url = REDIRECT.parse().unwrap();
    url.query_pairs_mut().extend_pairs(query);
    visit(world, &url[url::Position::BeforePath..], cookies).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_at_the_provider_and_has_the_role_of_the_claims() {
    let provider = Served::new().await;
    let (world, _directory) = provider.platform().await;
    provider.set(|script| script.claims = json!({ "alga_kind": "ops" }));
    for methods in [json!(["client_secret_basic"]), json!(["client_secret_post"])] {
        provider.set(|script| script.metadata = json!({ "token_endpoint_auth_methods_supported": methods }));
        let (world, _directory) = provider.platform().await;
        let (cookie, page) = login(&world).await;
        let query: BTreeMap<_, _> = page.query_pairs().into_owned().collect();
        assert!(
            page.as_str()
                .starts_with(&format!("{}/authorize?tenant=1&", provider.issuer))
        );
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile email"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query[name], value, "{page}");
        }
        let signed_in = callback(&world, &cookie, &provider.signs_in(&page)).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.text());
        let cookies: Vec<_> = signed_in.headers.get_all("set-cookie").iter().collect();
        let cookies: Vec<_> = cookies.iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(
            cookies[0].starts_with("__Host-alga-session=") && cookies[0].ends_with("; SameSite=Strict; Max-Age=3600")
        );
        assert!(cookies[1].starts_with("__Host-alga-login=;") && cookies[1].ends_with("; Max-Age=0"));
        assert_eq!(signed_in.headers["cache-control"], "no-store");
        assert!(
            signed_in
                .text()
                .contains("http-equiv=refresh content=\"0; url=/auth/session\"")
        );
        let shown = visit(&world, "/auth/session", cookies[0].split(';').next().unwrap()).await;
        assert_eq!(shown.json()["kind"], "operator", "{}", shown.text());
        assert_eq!(shown.json()["actor"], "oidc:user-1");
    }
    // Without a role that signs in as more, a user is a caller of one tenant.
    provider.set(|script| script.claims = Value::Null);
    let (cookie, page) = login(&world).await;
    let signed_in = callback(&world, &cookie, &provider.signs_in(&page)).await;
    let session = signed_in.headers["set-cookie"].to_str().unwrap();
    let session = session.split(';').next().unwrap();
    assert_eq!(visit(&world, "/auth/session", session).await.json()["kind"], "caller");
    assert_eq!(visit(&world, "/v1/registry/audit", session).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_another_browser_or_sign_in_begins_no_session() {
    let provider = Served::new().await;
    let (world, _directory) = provider.platform().await;
    let (cookie, page) = login(&world).await;
    let (other_cookie, _) = login(&world).await;
    let query = provider.signs_in(&page);
    let with = |name: &str, value: Option<&str>| {
        let mut query = query.clone();
        match value {
            Some(value) => query.insert(name.to_owned(), value.to_owned()),
            None => query.remove(name),
        };
        query
    };
    let long = "c".repeat(4097);
    for (cookies, query) in [
        ("", query.clone()),
        (other_cookie.as_str(), query.clone()),
        (&format!("{cookie}; {other_cookie}"), query.clone()),
        (&cookie.replace("__Host-", ""), query.clone()),
        ("__Host-alga-login=x", query.clone()),
        (&cookie, with("state", None)),
        (&cookie, with("state", Some(""))),
        (&cookie, with("state", Some(&query["state"].to_lowercase()))),
        (&cookie, with("iss", Some("https://id.example.com"))),
        (&cookie, with("code", None)),
        (&cookie, with("code", Some(""))),
        (&cookie, with("code", Some(&long))),
        (&cookie, with("error", Some("<script>access_denied"))),
    ] {
        let refused = callback(&world, cookies, &query).await;
        refused.assert_error(401, "unauthenticated");
        assert!(!refused.headers.contains_key("set-cookie") && !refused.text().contains("<script>"));
    }
    assert_eq!(provider.script.lock().unwrap().exchanged, 0);
    // The provider refuses a code that is not this sign-in's.
    for (cookie, query) in [(&cookie, with("code", Some("other")))] {
        callback(&world, cookie, &query)
            .await
            .assert_error(401, "unauthenticated");
    }
    provider.set(|script| script.challenge = "x".to_owned());
    callback(&world, &cookie, &query)
        .await
        .assert_error(401, "unauthenticated");
    assert_eq!(provider.script.lock().unwrap().exchanged, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_for_another_client_or_sign_in_is_refused() {
    let provider = Served::new().await;
    let (world, _directory) = provider.platform().await;
    for (claims, status) in [
        (json!({}), 200),
        (json!({ "aud": [CLIENT], "azp": CLIENT }), 200),
        (json!({ "aud": [CLIENT, "other"], "azp": CLIENT }), 200),
        (json!({ "aud": [CLIENT, "other"] }), 401),
        (json!({ "azp": "other" }), 401),
        (json!({ "azp": 1 }), 401),
        // The audience of access tokens is not the client.
        (json!({ "aud": "alga" }), 401),
        (json!({ "aud": [] }), 401),
        (json!({ "nonce": null }), 401),
        (json!({ "nonce": "" }), 401),
        (json!({ "nonce": "x" }), 401),
        (json!({ "iss": "https://id.example.com" }), 401),
        (json!({ "exp": now() - 60 }), 401),
        (json!({ "exp": null }), 401),
        (json!({ "sub": "" }), 401),
    ] {
        provider.set(|script| script.claims = claims.clone());
        let (cookie, page) = login(&world).await;
        let response = callback(&world, &cookie, &provider.signs_in(&page)).await;
        assert_eq!(response.status, status, "{claims}: {}", response.text());
    }
    let forged = OpenIdProvider::new("k1").token(&claims(json!({ "iss": provider.issuer, "aud": CLIENT })));
    for response in [
        (200, json!({ "id_token": forged }).to_string()),
        (200, json!({ "id_token": "eyJhbGciOiJub25lIn0.e30." }).to_string()),
        (200, "{}".to_owned()),
        (200, "x".to_owned()),
        (400, json!({ "error": "invalid_client" }).to_string()),
        (302, String::new()),
    ] {
        provider.set(|script| script.response = Some(response.clone()));
        let (cookie, page) = login(&world).await;
        let refused = callback(&world, &cookie, &provider.signs_in(&page)).await;
        refused.assert_error(401, "unauthenticated");
        assert!(!refused.text().contains("invalid_client"), "{}", refused.text());
    }
    for response in [(500, String::new()), (200, " ".repeat(300 * 1024))] {
        provider.set(|script| script.response = Some(response.clone()));
        let (cookie, page) = login(&world).await;
        let refused = callback(&world, &cookie, &provider.signs_in(&page)).await;
        refused.assert_error(503, "overloaded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_lies_about_itself_is_not_used() {
    let provider = Served::new().await;
    for metadata in [
        json!({ "issuer": "https://id.example.com" }),
        json!({ "authorization_endpoint": "http://id.example.com/authorize" }),
        json!({ "token_endpoint": "http://localhost:1@id.example.com/token" }),
        json!({ "token_endpoint": "file:///etc/passwd" }),
        json!({ "token_endpoint": null }),
        json!({ "code_challenge_methods_supported": ["plain"] }),
        json!({ "padding": " ".repeat(300 * 1024) }),
    ] {
        provider.set(|script| script.metadata = metadata.clone());
        let (world, _directory) = provider.platform().await;
        let refused = visit(&world, "/auth/login", "").await;
        refused.assert_error(503, "overloaded");
        assert_eq!(refused.headers["retry-after"], "5");
    }
}
