//! Tokens of an OpenID provider, at the gateway and at the registry.

use alga_harness::{OpenIdProvider, TestPlatform, tenant_id};
use alga_registry_types::{Page, audit_after, installs, keys};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "alga";

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Returns valid claims with some of them replaced; `null` removes one.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": [AUDIENCE, "other"], "exp": now() + 300, "sub": "user-1", "tenant_id": "acme",
        "alga_access": "write",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

async fn platform(jwks: &str, more: &[(&str, &str)]) -> TestPlatform {
    let mut settings = vec![
        ("oidc_issuer", ISSUER),
        ("oidc_audience", AUDIENCE),
        ("oidc_jwks", jwks),
    ];
    settings.extend(more);
    let world = TestPlatform::with_settings(&settings).await;
    world.install_guest("answers_ok", &[]).await;
    world
}

async fn call(world: &TestPlatform, token: &str, method: &str) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri("/api/ext/com.example.answers-ok/");
    let request = request.header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

/// Writes the provider's keys to a file that lives as long as the directory.
fn file_of(provider: &OpenIdProvider) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    fs::write(&path, provider.jwks().to_string()).unwrap();
    let path = path.display().to_string();
    (directory, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_provider_have_the_access_and_role_of_their_claims() {
    let provider = OpenIdProvider::new("k1");
    let (_directory, file) = file_of(&provider);
    let world = platform(&file, &[]).await;
    for (changes, expected) in [
        (json!({}), [200, 200]),
        (json!({ "alga_access": "read" }), [200, 403]),
        (json!({ "alga_access": ["extension:read"] }), [200, 403]),
        (json!({ "alga_access": null }), [403, 403]),
        (json!({ "tenant_id": "globex" }), [404, 404]),
        (json!({ "aud": AUDIENCE }), [200, 200]),
        (json!({ "nbf": now() + 20 }), [200, 200]),
        (json!({ "exp": now() - 20 }), [200, 200]),
    ] {
        let token = provider.token(&claims(changes.clone()));
        let seen = [call(&world, &token, "GET").await, call(&world, &token, "POST").await];
        assert_eq!(seen, expected, "{changes}");
    }
    let list = installs(&tenant_id("acme"), &Page::default());
    for (kind, expected) in [("caller", 403), ("tenant_viewer", 200), ("operator", 403)] {
        let token = provider.token(&claims(json!({ "alga_kind": kind })));
        assert_eq!(
            world.operate_as(&token, &list).await.status.as_u16(),
            expected,
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_the_provider_is_the_actor_of_its_changes() {
    let provider = OpenIdProvider::new("k1");
    let (_directory, file) = file_of(&provider);
    let world = platform(
        &file,
        &[("oidc_kinds", "ops=operator"), ("oidc_claims", "user=sub,kind=groups")],
    )
    .await;
    let token = provider.token(&claims(json!({ "groups": ["ops", "x"], "tenant_id": null })));
    world.operate_as(&token, &keys(None, &Page::default())).await.ok();
    let key = serde_json::from_value(json!({ "kind": "operator", "label": "a" })).unwrap();
    let create = alga_registry_types::create_key(None, &key);
    world.operate_as(&token, &create).await.ok();
    let entries = world.operate(&audit_after(0)).await.ok().entries;
    assert_eq!(entries.last().unwrap().actor, "oidc:user-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_expired_and_confused_tokens_are_refused() {
    let (provider, other) = (OpenIdProvider::new("k1"), OpenIdProvider::new("k1"));
    let (_directory, file) = file_of(&provider);
    let world = platform(&file, &[]).await;
    assert_eq!(call(&world, &provider.token(&claims(json!({}))), "GET").await, 200);
    let mut bad = vec![("another key".to_owned(), other.token(&claims(json!({}))))];
    for changes in [
        json!({ "iss": "https://id.example.org" }),
        json!({ "iss": null }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "exp": null }),
        json!({ "exp": "9999999999" }),
        json!({ "exp": now() - 31 }),
        json!({ "exp": now() + 25 * 60 * 60 }),
        json!({ "exp": 253_402_300_799_u64 }),
        json!({ "exp": 1e300 }),
        json!({ "nbf": now() + 40 }),
        json!({ "sub": null }),
        json!({ "tenant_id": null }),
        json!({ "tenant_id": "a/../b" }),
    ] {
        bad.push((changes.to_string(), provider.token(&claims(changes))));
    }
    let valid = claims(json!({}));
    let with = |change: fn(&mut Header)| {
        let mut header = provider.header();
        change(&mut header);
        encode(&header, &valid, &provider.signing_key()).unwrap()
    };
    bad.push((
        "unknown key".to_owned(),
        with(|header| header.kid = Some("k2".to_owned())),
    ));
    bad.push((
        "shared".to_owned(),
        with(|header| header.kid = Some("shared".to_owned())),
    ));
    bad.push((
        "crit".to_owned(),
        with(|header| header.crit = Some(vec!["exp".to_owned()])),
    ));
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    // The public key as the secret of an algorithm with a shared secret, and no signature at all.
    let secret = EncodingKey::from_secret(&provider.public_bytes());
    let shared = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    bad.push(("HS256".to_owned(), encode(&shared, &valid, &secret).unwrap()));
    for algorithm in ["none", "None", "", "ES256", "RS256"] {
        let header = part(json!({ "alg": algorithm, "kid": "k1" }));
        for signature in ["", "AAAA"] {
            bad.push((
                algorithm.to_owned(),
                format!("{header}.{}.{signature}", part(valid.clone())),
            ));
        }
    }
    let good = provider.token(&valid);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    bad.push(("stripped".to_owned(), format!("{head}.")));
    bad.push(("two parts".to_owned(), head.to_owned()));
    bad.push(("four parts".to_owned(), format!("{good}.{signature}")));
    bad.push((
        "payload".to_owned(),
        format!(
            "{header}.{}.{signature}",
            part(claims(json!({ "tenant_id": "globex" })))
        ),
    ));
    bad.push((
        "payload twice".to_owned(),
        format!("{header}.{payload}{payload}.{signature}"),
    ));
    bad.push((
        "large".to_owned(),
        provider.token(&claims(json!({ "x": "x".repeat(17_000) }))),
    ));
    for (name, token) in bad {
        assert_eq!(call(&world, &token, "GET").await, 401, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_keys_stay_valid_while_the_provider_is_down() {
    let provider = OpenIdProvider::new("k1");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let keys = provider.jwks().to_string();
    let routes = Router::new().route("/jwks", get(move || std::future::ready(keys.clone())));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let world = platform(&url, &[]).await;
    assert_eq!(call(&world, &provider.token(&claims(json!({}))), "GET").await, 200);
    server.abort();
    let another = claims(json!({ "sub": "user-2" }));
    assert_eq!(call(&world, &provider.token(&another), "GET").await, 200);
    assert_eq!(
        call(&world, &OpenIdProvider::new("k2").token(&another), "GET").await,
        401
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_that_is_too_large_is_not_used() {
    let provider = OpenIdProvider::new("k1");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let mut keys = provider.jwks();
    keys["padding"] = "x".repeat(1024 * 1024).into();
    let keys = keys.to_string();
    let routes = Router::new().route("/jwks", get(move || std::future::ready(keys.clone())));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let world = platform(&url, &[]).await;
    assert_eq!(call(&world, &provider.token(&claims(json!({}))), "GET").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_no_token_of_a_provider_is_valid() {
    let provider = OpenIdProvider::new("k1");
    // Nothing listens there; the platform starts all the same.
    let world = platform("http://127.0.0.1:1/jwks", &[]).await;
    assert_eq!(call(&world, &provider.token(&claims(json!({}))), "GET").await, 401);
    assert_eq!(
        world.get("com.example.answers-ok/").await.status,
        200,
        "others are not affected"
    );
}
