//! Sign-in of browsers at an OpenID provider: authorization code flow with PKCE.

use crate::oidc::now;
use alga_harness::{OpenIdProvider, SignInProvider, TestPlatform, TestResponse};
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

const CLIENT: &str = SignInProvider::CLIENT;
const REDIRECT: &str = "https://alga.test/auth/callback";

async fn provider() -> SignInProvider {
    SignInProvider::start(REDIRECT).await
}

/// Returns the parameters of a URL.
fn parameters(page: &Url) -> BTreeMap<String, String> {
    page.query_pairs().into_owned().collect()
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
    let provider = provider().await;
    let (world, _directory) = provider.platform().await;
    provider.script(|script| script.claims = json!({ "alga_kind": "ops" }));
    for methods in [json!(["client_secret_basic"]), json!(["client_secret_post"])] {
        provider.script(|script| script.metadata = json!({ "token_endpoint_auth_methods_supported": methods }));
        let (world, _directory) = provider.platform().await;
        let (cookie, page) = login(&world).await;
        let query = parameters(&page);
        assert!(
            page.as_str()
                .starts_with(&format!("{}/authorize?tenant=1&", provider.issuer()))
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
        let signed_in = callback(&world, &cookie, &provider.signs_in(&parameters(&page))).await;
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
    provider.script(|script| script.claims = Value::Null);
    let (cookie, page) = login(&world).await;
    let signed_in = callback(&world, &cookie, &provider.signs_in(&parameters(&page))).await;
    let session = signed_in.headers["set-cookie"].to_str().unwrap();
    let session = session.split(';').next().unwrap();
    assert_eq!(visit(&world, "/auth/session", session).await.json()["kind"], "caller");
    assert_eq!(visit(&world, "/v1/registry/audit", session).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_another_browser_or_sign_in_begins_no_session() {
    let provider = provider().await;
    let (world, _directory) = provider.platform().await;
    let (cookie, page) = login(&world).await;
    let (other_cookie, _) = login(&world).await;
    let query = provider.signs_in(&parameters(&page));
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
    assert_eq!(provider.script(|script| script.exchanged), 0);
    // The provider refuses a code that is not this sign-in's.
    for (cookie, query) in [(&cookie, with("code", Some("other")))] {
        callback(&world, cookie, &query)
            .await
            .assert_error(401, "unauthenticated");
    }
    provider.script(|script| script.challenge = "x".to_owned());
    callback(&world, &cookie, &query)
        .await
        .assert_error(401, "unauthenticated");
    assert_eq!(provider.script(|script| script.exchanged), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_for_another_client_or_sign_in_is_refused() {
    let provider = provider().await;
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
        provider.script(|script| script.claims = claims.clone());
        let (cookie, page) = login(&world).await;
        let response = callback(&world, &cookie, &provider.signs_in(&parameters(&page))).await;
        assert_eq!(response.status, status, "{claims}: {}", response.text());
    }
    let forged = OpenIdProvider::new("k1").token(&provider.claims(&Value::Null));
    for response in [
        (200, json!({ "id_token": forged }).to_string()),
        (200, json!({ "id_token": "eyJhbGciOiJub25lIn0.e30." }).to_string()),
        (200, "{}".to_owned()),
        (200, "x".to_owned()),
        (400, json!({ "error": "invalid_client" }).to_string()),
        (302, String::new()),
    ] {
        provider.script(|script| script.response = Some(response.clone()));
        let (cookie, page) = login(&world).await;
        let refused = callback(&world, &cookie, &provider.signs_in(&parameters(&page))).await;
        refused.assert_error(401, "unauthenticated");
        assert!(!refused.text().contains("invalid_client"), "{}", refused.text());
    }
    for response in [(500, String::new()), (200, " ".repeat(300 * 1024))] {
        provider.script(|script| script.response = Some(response.clone()));
        let (cookie, page) = login(&world).await;
        let refused = callback(&world, &cookie, &provider.signs_in(&parameters(&page))).await;
        refused.assert_error(503, "overloaded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_lies_about_itself_is_not_used() {
    let provider = provider().await;
    for metadata in [
        json!({ "issuer": "https://id.example.com" }),
        json!({ "authorization_endpoint": "http://id.example.com/authorize" }),
        json!({ "token_endpoint": "http://localhost:1@id.example.com/token" }),
        json!({ "token_endpoint": "file:///etc/passwd" }),
        json!({ "token_endpoint": null }),
        json!({ "code_challenge_methods_supported": ["plain"] }),
        json!({ "padding": " ".repeat(300 * 1024) }),
    ] {
        provider.script(|script| script.metadata = metadata.clone());
        let (world, _directory) = provider.platform().await;
        let refused = visit(&world, "/auth/login", "").await;
        refused.assert_error(503, "overloaded");
        assert_eq!(refused.headers["retry-after"], "5");
    }
}
