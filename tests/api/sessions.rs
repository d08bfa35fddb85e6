//! Sessions of browsers, from a one-time link to signing out.

use alga_auth::{PrincipalKind, SessionSecret};
use alga_harness::{TestPlatform, TestResponse, tenant_id};
use alga_registry_types::{KeyRequest, audit_after, create_console_link, create_key, install, revoke_key};
use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;

const ORIGIN: (&str, &str) = ("origin", "http://alga.test");

async fn ask(world: &TestPlatform, method: Method, path: &str, fields: &[(&str, &str)], body: &str) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path).header("host", "alga.test");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Creates a link as the operator, and returns its token.
async fn link(world: &TestPlatform) -> String {
    let link = world.operate(&create_console_link()).await.ok();
    link.path.strip_prefix("/auth/link?token=").unwrap().to_owned()
}

async fn follow(world: &TestPlatform, token: &str, origin: &[(&str, &str)]) -> TestResponse {
    let form = [&[("content-type", "application/x-www-form-urlencoded")][..], origin].concat();
    ask(world, Method::POST, "/auth/link", &form, &format!("token={token}")).await
}

/// Signs a browser in, and returns its cookie.
async fn signed_in(world: &TestPlatform) -> String {
    let begun = follow(world, &link(world).await, &[ORIGIN]).await;
    assert_eq!(begun.status, 303, "{}", begun.text());
    let cookie = begun.headers["set-cookie"].to_str().unwrap().to_owned();
    for attribute in [
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(
        cookie.starts_with("__Host-alga-session=") && !cookie.contains("Domain"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_one_browser_in_after_it_has_confirmed() {
    let world = TestPlatform::new().await;
    let token = link(&world).await;
    let page = ask(&world, Method::GET, &format!("/auth/link?token={token}"), &[], "").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains(&token)
            && page.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'")
    );
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["x-frame-options"]),
        (&"no-store".parse().unwrap(), &"DENY".parse().unwrap())
    );
    // Another page cannot use the link, nor can anyone use it twice.
    for origin in [&[][..], &[("origin", "http://evil.test")], &[("origin", "null")]] {
        assert_eq!(follow(&world, &token, origin).await.status, 403);
    }
    let responses = [
        follow(&world, &token, &[ORIGIN]).await,
        follow(&world, &token, &[ORIGIN]).await,
    ];
    assert_eq!(responses.map(|response| response.status.as_u16()), [303, 401]);
    for token in ["", "x", "\"><script>", &"0".repeat(64)] {
        assert_eq!(follow(&world, token, &[ORIGIN]).await.status, 401, "{token}");
    }
    let page = ask(&world, Method::GET, "/auth/link?token=%22%3E%3Cscript%3E", &[], "").await;
    assert!(
        page.status == 401 && !page.text().contains("<script>"),
        "{}",
        page.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_and_changes_only_from_the_platforms_own_pages() {
    let world = TestPlatform::new().await;
    let cookie = signed_in(&world).await;
    let shown = ask(&world, Method::GET, "/auth/session", &[("cookie", &cookie)], "").await;
    let session: Value = shown.json();
    assert_eq!(
        (&session["kind"], &session["actor"]),
        (&"operator".into(), &"operator".into())
    );
    let csrf = session["csrf"].as_str().unwrap();
    let read = ask(&world, Method::GET, "/v1/registry/audit", &[("cookie", &cookie)], "").await;
    assert_eq!(read.status, 200, "{}", read.text());
    let operation = install(&tenant_id("acme"), &Default::default());
    let body = String::from_utf8(operation.body.bytes.clone()).unwrap();
    let change = async |fields: &[(&str, &str)]| {
        let fields = [
            &[("cookie", cookie.as_str()), ("content-type", "application/json")][..],
            fields,
        ]
        .concat();
        ask(&world, Method::POST, &operation.path, &fields, &body).await
    };
    for fields in [
        &[][..],
        &[ORIGIN],
        &[("x-alga-csrf", csrf)],
        &[ORIGIN, ("x-alga-csrf", "x")],
        &[("origin", "http://evil.test"), ("x-alga-csrf", csrf)],
        &[("origin", "null"), ("x-alga-csrf", csrf)],
    ] {
        change(fields).await.assert_error(403, "forbidden");
    }
    // The request itself is not valid: it has reached its handler.
    assert_eq!(change(&[ORIGIN, ("x-alga-csrf", csrf)]).await.status, 404);
    // A session creates no other session, and its stored digest is no credential.
    let link = [("cookie", cookie.as_str()), ORIGIN, ("x-alga-csrf", csrf)];
    let refused = ask(&world, Method::POST, "/v1/registry/console-links", &link, "").await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let secret = SessionSecret::parse(cookie.split_once('=').unwrap().1).unwrap();
    let bearer = format!("Bearer {}", secret.digest());
    let refused = ask(
        &world,
        Method::GET,
        "/v1/registry/audit",
        &[("authorization", &bearer)],
        "",
    )
    .await;
    assert_eq!(refused.status, 401);
    // A bearer token is used alone.
    let wrong = [("authorization", "Bearer x"), ORIGIN, ("x-alga-csrf", csrf)];
    assert_eq!(change(&wrong).await.status, 401);
    // The gateway does not know sessions: extensions are called with a token.
    let called = ask(
        &world,
        Method::GET,
        "/api/ext/com.example.x/",
        &[("cookie", &cookie)],
        "",
    )
    .await;
    assert_eq!(called.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_api_key_that_began_it() {
    let world = TestPlatform::new().await;
    let request = KeyRequest {
        kind: PrincipalKind::Operator,
        label: "alice".to_owned(),
        names: [].into(),
        access: None,
        lifetime_seconds: Some(3600),
    };
    let key = world.operate(&create_key(None, &request)).await.ok();
    let link = world.operate_as(&key.secret, &create_console_link()).await.ok();
    let token = link.path.strip_prefix("/auth/link?token=").unwrap();
    let begun = follow(&world, token, &[ORIGIN]).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    let age: u64 = cookie.split("Max-Age=").nth(1).unwrap().parse().unwrap();
    assert!(age <= 3600, "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let show = async || ask(&world, Method::GET, "/auth/session", &[("cookie", cookie)], "").await;
    assert_eq!(show().await.json()["actor"], format!("key:{}", key.key.id));
    world.operate(&revoke_key(None, &key.key.id)).await.ok();
    assert_eq!(show().await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_user_signs_out_and_survives_a_restart() {
    let world = TestPlatform::new().await;
    let cookie = signed_in(&world).await;
    let world = world.restart().await;
    let shown = ask(&world, Method::GET, "/auth/session", &[("cookie", &cookie)], "")
        .await
        .json();
    let csrf = shown["csrf"].as_str().unwrap().to_owned();
    let sign_out = async |fields: &[(&str, &str)]| {
        let fields = [&[("cookie", cookie.as_str())][..], fields].concat();
        ask(&world, Method::POST, "/auth/logout", &fields, "").await
    };
    assert_eq!(sign_out(&[ORIGIN]).await.status, 403);
    let ended = sign_out(&[ORIGIN, ("x-alga-csrf", &csrf)]).await;
    assert_eq!(ended.status, 204);
    assert!(ended.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    for path in ["/auth/session", "/v1/registry/audit"] {
        assert_eq!(
            ask(&world, Method::GET, path, &[("cookie", &cookie)], "").await.status,
            401,
            "{path}"
        );
    }
    let entries = world.operate(&audit_after(0)).await.ok().entries;
    let created: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "session.create")
        .collect();
    assert_eq!(
        created.iter().map(|entry| entry.subject.as_str()).collect::<Vec<_>>(),
        ["link", "session"]
    );
    let secret = cookie.split_once('=').unwrap().1;
    assert!(entries.iter().all(|entry| !entry.details.contains(secret)));
}
