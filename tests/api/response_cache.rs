//! The gateway's cache of responses (RFC 9111). The guest's body is a random number, so that equal
//! bodies are one execution.

use alga_auth::{Access, Caller};
use alga_harness::{Release, TestPlatform, TestResponse, component, tenant_id};
use axum::body::Body;
use http::Request;
use serde_json::json;

const NAME: &str = "com.example.cached";

/// Installs the guest for two tenants; `cacheable` is what its manifest declares.
async fn world(cacheable: bool) -> TestPlatform {
    let world = TestPlatform::new().await;
    let release = release(&world, "1.0.0", cacheable);
    world.publish(&release).await;
    for tenant in ["acme", "globex"] {
        world.install(tenant, &release, &[]).await.ok();
    }
    world
}

fn release(world: &TestPlatform, version: &str, cacheable: bool) -> Release {
    let mut manifest = Release::manifest(NAME, version, &[]);
    manifest["api"] = json!({ "endpoints": [
        { "method": "GET", "path": "/cached/:kind", "cacheable": cacheable },
        { "method": "POST", "path": "/cached/:kind" },
    ] });
    Release::new(world.key(), &manifest, &component("answers_as_the_path_says"))
}

struct Client<'a> {
    world: &'a TestPlatform,
    token: String,
}

impl<'a> Client<'a> {
    fn of(world: &'a TestPlatform, tenant: &str, user: &str) -> Self {
        let token = world.token_of(&Caller {
            user_id: user.to_owned(),
            access: Access::Write,
            ..Caller::developer(tenant_id(tenant))
        });
        Self { world, token }
    }

    async fn ask(&self, method: &str, kind: &str, fields: &[(&str, &str)]) -> TestResponse {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/ext/{NAME}/cached/{kind}"));
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.world.send(request.body(Body::empty()).unwrap()).await
    }

    /// Requests until the response is stored. One that was still being written when its head was
    /// sent is not.
    async fn stored(&self, kind: &str) -> TestResponse {
        loop {
            let response = self.get(kind).await;
            if status_of(&response) != "alga; fwd=miss" {
                return response;
            }
        }
    }

    async fn get(&self, kind: &str) -> TestResponse {
        self.ask("GET", kind, &[]).await
    }
}

fn status_of(response: &TestResponse) -> &str {
    response
        .headers
        .get("cache-status")
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_response_is_shared_by_the_users_of_one_tenant_only() {
    let world = world(true).await;
    let (alice, bob) = (Client::of(&world, "acme", "alice"), Client::of(&world, "acme", "bob"));
    for kind in ["public", "forever"] {
        let first = alice.stored(kind).await;
        let second = bob.get(kind).await;
        assert_eq!((status_of(&second), second.text()), ("alga; hit", first.text()));
        assert_eq!(second.headers["age"], "0");
        let other = Client::of(&world, "globex", "alice").get(kind).await;
        assert_ne!(other.text(), first.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_or_not_declared_cacheable_is_executed_each_time() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    for kind in [
        "private",
        "unmarked",
        "not-stored",
        "upper-case",
        "by-user",
        "must-revalidate",
    ] {
        assert_ne!(client.get(kind).await.text(), client.get(kind).await.text(), "{kind}");
    }
    let long = format!("max-age={}60", "0".repeat(600));
    for fields in [
        ("cache-control", "no-cache"),
        ("cache-control", long.as_str()),
        ("range", "bytes=0-1"),
    ] {
        let first = client.ask("GET", "public", &[fields]).await;
        assert_ne!(
            first.text(),
            client.ask("GET", "public", &[fields]).await.text(),
            "{fields:?}"
        );
    }
    // A response to an idempotency key may be of an earlier version.
    let key = [("x-idempotency-key", "k")];
    let first = client.ask("GET", "public", &key).await;
    assert_eq!(
        (status_of(&first), client.ask("GET", "public", &key).await.text()),
        ("", first.text())
    );
    assert_ne!(client.get("public").await.text(), first.text());
    client.ask("GET", "tagged", &[("cache-control", "no-store")]).await;
    assert_eq!(status_of(&client.stored("tagged").await), "alga; fwd=miss; stored");
    let world = self::world(false).await;
    let client = Client::of(&world, "acme", "alice");
    let first = client.get("public").await;
    assert_ne!(first.text(), client.get("public").await.text());
    assert_eq!(status_of(&first), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_have_responses_of_their_own() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    let ask = async |language: &'static str| loop {
        let response = client.ask("GET", "public", &[("x-ext-language", language)]).await;
        if status_of(&response) != "alga; fwd=miss" {
            break response.text();
        }
    };
    let (german, french) = (ask("de").await, ask("fr").await);
    assert_ne!(german, french);
    assert_eq!((ask("de").await, ask("fr").await), (german.clone(), french));
    // A URL has a bounded number of variants: the oldest is executed again.
    let mut numbered = Vec::new();
    for number in ["0", "1", "2", "3", "4", "5", "6", "7", "8"] {
        numbered.push(ask(number).await);
    }
    assert_eq!(ask("8").await, numbered[8]);
    assert_ne!(ask("0").await, numbered[0]);
    let both = [("x-ext-language", "de"), ("x-ext-language", "fr")];
    assert_ne!(client.ask("GET", "public", &both).await.text(), german);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_the_response_gets_304_and_a_stale_one_is_validated() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    client.stored("tagged").await;
    for (tag, status) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("\"0\", \"1\"", 304),
        ("*", 304),
        ("\"2\"", 200),
    ] {
        let response = client.ask("GET", "tagged", &[("if-none-match", tag)]).await;
        assert_eq!(
            (response.status.as_u16(), status_of(&response)),
            (status, "alga; hit"),
            "{tag}"
        );
        assert_eq!(response.headers["etag"], "\"1\"");
    }
    // An age that overflows times is stale, and nothing else.
    for _ in 0..2 {
        assert_eq!(client.get("old").await.status, 200);
    }
    let first = client.stored("validated").await;
    let second = client.get("validated").await;
    assert_eq!(second.text(), first.text());
    assert_eq!(status_of(&second), "alga; hit; detail=revalidated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_response_is_used_while_it_is_replaced() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    let first = client.stored("stale").await;
    let second = client.get("stale").await;
    assert_eq!(
        (status_of(&second), second.text()),
        ("alga; hit; detail=stale-while-revalidate", first.text())
    );
    // Another execution has begun, whose response is used next.
    while client.get("stale").await.text() == first.text() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_an_upgrade_and_new_terms_drop_what_is_stored() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    let mut last = client.stored("public").await.text();
    assert_eq!(client.get("public").await.text(), last);
    assert_eq!(client.ask("POST", "public", &[]).await.status, 200);
    for change in ["post", "upgrade", "terms"] {
        match change {
            "upgrade" => {
                let next = release(&world, "2.0.0", true);
                world.publish(&next).await;
                world.install("acme", &next, &[]).await.ok();
            }
            "terms" => {
                let terms = alga_registry_types::set_terms(
                    &tenant_id("acme"),
                    NAME,
                    &alga_registry_types::TermsRequest::default(),
                );
                world.operate(&terms).await.ok();
            }
            _ => {}
        }
        let next = client.stored("public").await.text();
        assert_ne!(next, last, "{change}");
        last = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_more_than_one_mebibyte_is_not_stored() {
    let world = world(true).await;
    let client = Client::of(&world, "acme", "alice");
    client.stored("x?bytes=1048576").await;
    assert_eq!(status_of(&client.get("x?bytes=1048576").await), "alga; hit");
    for _ in 0..3 {
        let response = client.get("x?bytes=1048577").await;
        assert_eq!(
            (status_of(&response), response.body.len()),
            ("alga; fwd=miss", 1_048_577)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_128_mebibytes_of_responses_are_stored() {
    let world = TestPlatform::with_settings(&[("gateway_requests_per_second", "100000")]).await;
    let release = release(&world, "1.0.0", true);
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    let client = Client::of(&world, "acme", "alice");
    let target = |number: u32| format!("x?bytes=1000000&n={number}");
    for number in 0..160 {
        client.get(&target(number)).await;
    }
    let mut hits = 0;
    for number in 0..160 {
        let response = client.get(&target(number)).await;
        hits += usize::from(status_of(&response) == "alga; hit");
    }
    // 134 bodies of 1 000 000 bytes are just under 128 MiB.
    assert!((1..=134).contains(&hits), "{hits}");
}
