//! The HTTP message policy through a whole platform: the rules that `host/http` has in tables,
//! between a client and a guest.

use alga_auth::Access;
use alga_harness::{Release, TestPlatform, TestResponse, component};
use alga_registry_types::{Execution, Install, Page, executions};
use axum::body::Body;
use http::{HeaderValue, Request};
use serde_json::{Value, json};

/// Installs a guest with these endpoints for tenant `acme`; returns its name.
async fn with_endpoints(world: &TestPlatform, guest: &str, endpoints: Value) -> String {
    let name = format!("com.example.{}", guest.replace('_', "-"));
    let mut manifest = Release::manifest(&name, "1.0.0", &[]);
    manifest["api"]["endpoints"] = endpoints;
    let release = Release::new(world.key(), &manifest, &component(guest));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    assert!(install.status.is_success(), "{}", install.text());
    name
}

/// Checks that publishing warns of two endpoints that match the same path with different access.
async fn expect_overlap_warning(world: &TestPlatform, endpoints: &Value) {
    let mut manifest = Release::manifest("com.example.overlaps", "1.0.0", &[]);
    manifest["api"]["endpoints"] = endpoints.clone();
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    let published = world.try_publish(&release).await;
    let warnings = published.ok().warnings.join("\n");
    assert!(
        warnings.contains("/admin/:name") && warnings.contains("/admin/delete"),
        "{warnings}"
    );
}

/// Sends a request as a user with this access, with these headers.
async fn ask(
    world: &TestPlatform,
    access: Access,
    target: &str,
    headers: &[(&str, &[u8])],
    body: &[u8],
) -> TestResponse {
    let token = world.caller_token("acme", access);
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut request = Request::builder().method(method).uri(format!("/api/ext/{target}"));
    request = request.header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    world.send(request.body(Body::from(body.to_vec())).unwrap()).await
}

#[tokio::test]
async fn no_encoding_or_endpoint_order_lets_a_reader_past_a_write_requirement() {
    let world = TestPlatform::new().await;
    let endpoints = json!([
        { "method": "GET", "path": "/admin/:name" },
        { "method": "GET", "path": "/admin/delete", "auth": "write" },
    ]);
    expect_overlap_warning(&world, &endpoints).await;
    let name = with_endpoints(&world, "routes_and_decodes", endpoints).await;
    for path in [
        "admin/delete",
        "admin/d%65lete",
        "admin/%64%65%6C%65%74%65",
        "%61dmin/%64elete",
    ] {
        let reader = ask(&world, Access::Read, &format!("{name}/{path}"), &[], b"").await;
        assert_eq!(
            (reader.status.as_u16(), reader.code().as_str()),
            (403, "forbidden"),
            "{path}"
        );
        let writer = ask(&world, Access::Write, &format!("{name}/{path}"), &[], b"").await;
        assert_eq!(
            writer.json(),
            json!({ "route": "/admin/delete", "name": "", "path": "/admin/delete" }),
            "{path}"
        );
    }
    for path in [
        "admin/%2e%2e/admin/delete",
        "admin//delete",
        "admin%2Fdelete",
        "admin/%",
        "%c0%ae/delete",
        "admin/a%5Cb",
    ] {
        let refused = ask(&world, Access::Read, &format!("{name}/{path}"), &[], b"").await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "bad_request"),
            "{path}"
        );
        assert_eq!(refused.headers["cache-control"], "no-store");
    }
    let empty = ask(&world, Access::Read, "/x", &[], b"").await;
    empty.assert_error(400, "bad_request");
}

#[tokio::test]
async fn sdk_and_gateway_choose_the_same_route_and_decode_segments_once() {
    let world = TestPlatform::new().await;
    let paths = ["/:name/b/:other", "/admin/:name", "/x/:name/c", "/admin/delete"];
    let endpoints: Vec<_> = paths
        .iter()
        .map(|path| json!({ "method": "GET", "path": path }))
        .collect();
    let name = with_endpoints(&world, "routes_and_decodes", json!(endpoints)).await;
    for (path, route, decoded, canonical) in [
        ("admin/J%c3%bcrgen", "/admin/:name", "Jürgen", "/admin/J%C3%BCrgen"),
        ("admin/a%20b+c", "/admin/:name", "a b+c", "/admin/a%20b+c"),
        ("admin/%2541", "/admin/:name", "%41", "/admin/%2541"),
        ("x/b/c", "/x/:name/c", "b", "/x/b/c"),
        ("y/b/c", "/:name/b/:other", "y", "/y/b/c"),
    ] {
        let response = ask(&world, Access::Read, &format!("{name}/{path}"), &[], b"").await;
        assert_eq!(
            response.json(),
            json!({ "route": route, "name": decoded, "path": canonical }),
            "{path}"
        );
    }
}

#[tokio::test]
async fn representation_conditions_and_repetitions_reach_the_guest_as_bytes() {
    let world = TestPlatform::new().await;
    world.with_guest("echoes_the_request", &[]).await;
    let sent: [(&str, &[u8]); 8] = [
        ("content-encoding", b"gzip"),
        ("content-type", b"application/json"),
        ("if-match", b"\"1\""),
        ("prefer", b"respond-async"),
        ("prefer", b"wait=10"),
        ("range", b"bytes=0-1"),
        ("referer", b"https://app.example/secret?x=1"),
        ("x-ext-name", "Größe".as_bytes()),
    ];
    let response = ask(
        &world,
        Access::Write,
        "com.example.echoes-the-request/",
        &sent,
        b"\x1f\x8b\x08",
    )
    .await;
    let seen = response.json();
    let pairs: Vec<(&str, &str)> = seen["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .filter(|(name, _)| !name.starts_with("x-alga-") && *name != "x-request-id")
        .collect();
    let expected = [
        ("content-encoding", "gzip"),
        ("content-length", "3"),
        ("content-type", "application/json"),
        ("if-match", "\"1\""),
        ("prefer", "respond-async"),
        ("prefer", "wait=10"),
        ("range", "bytes=0-1"),
        ("referer", "https://app.example/"),
        ("x-ext-name", "Größe"),
    ];
    assert_eq!(pairs, expected);
}

#[tokio::test]
async fn valid_responses_pass_and_invalid_ones_are_logged_for_the_author() {
    let world = TestPlatform::new().await;
    let name = "com.example.answers-as-the-path-says";
    world.with_guest("answers_as_the_path_says", &[]).await;
    let get = async |path: &str| ask(&world, Access::Read, &format!("{name}/{path}"), &[], b"").await;
    let disposition = get("name").await;
    assert_eq!(
        disposition.headers["content-disposition"].as_bytes(),
        "attachment; filename=\"Größe.pdf\"".as_bytes()
    );
    let bytes = get("header-bytes").await;
    let values: Vec<_> = bytes
        .headers
        .get_all("x-ext-a")
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    assert_eq!(values, [&b"\xff"[..], b"2"]);
    let compressed = get("gzip").await;
    assert_eq!(compressed.headers["content-encoding"], "gzip");
    assert!(compressed.body.starts_with(&[0x1f, 0x8b]));
    let not_modified = get("not-modified").await;
    assert_eq!((not_modified.status.as_u16(), not_modified.body.len()), (304, 0));
    assert_eq!(not_modified.headers["etag"], "\"1\"");
    for (path, status) in [
        ("no-content-with-a-body", 204),
        ("trailers", 200),
        ("no-trailers", 200),
        ("trap-after", 200),
    ] {
        assert_eq!(get(path).await.status, status, "{path}");
    }
    assert_eq!(get("trap-after").await.text(), "whole");
}

async fn records(world: &TestPlatform, install: &Install) -> Vec<Execution> {
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    world.operate(&list).await.ok().executions
}

fn last_line(record: &Execution) -> &str {
    &record.log.last().unwrap().message
}

#[tokio::test]
async fn guest_error_text_and_traps_after_the_response_are_in_the_record() {
    let world = TestPlatform::new().await;
    let failing = world.install_guest("answers_with_an_error", &[]).await;
    let response = world.get("com.example.answers-with-an-error/").await;
    assert_eq!(response.code(), "invalid_guest_response");
    assert!(
        !response.text().contains("secret of the guest"),
        "the client does not read it"
    );
    let record = &records(&world, &failing).await[0];
    assert!(last_line(record).contains("secret of the guest"), "{record:?}");

    let trapping = world.install_guest("answers_as_the_path_says", &[]).await;
    let name = "com.example.answers-as-the-path-says";
    assert_eq!(world.get(&format!("{name}/trap-after")).await.text(), "whole");
    let record = &records(&world, &trapping).await[0];
    assert_eq!(record.status, Some(200));
    assert!(
        last_line(record).starts_with("after its response was complete: guest_trapped"),
        "{record:?}"
    );
    assert_eq!(world.get(&format!("{name}/headers-101")).await.status, 502);
    let record = &records(&world, &trapping).await[0];
    assert!(last_line(record).contains("more than 100 headers"), "{record:?}");
    assert_eq!(world.get(&format!("{name}/trailers")).await.status, 200);
    let record = &records(&world, &trapping).await[0];
    assert!(
        last_line(record).contains("trailers of its response were left out"),
        "{record:?}"
    );
    // An execution that continues after its response ends at the deadline; the client has the
    // response.
    let request = world.request_for(&trapping).on("GET", "/loop-after").within_ms(200);
    assert_eq!(world.execute(&request).await.json()["status"], 200);
    let record = &records(&world, &trapping).await[0];
    assert!(last_line(record).contains("deadline_exceeded"), "{record:?}");
}

#[tokio::test]
async fn a_repeated_or_unusable_single_header_is_refused_without_executing() {
    let world = TestPlatform::new().await;
    let guest = world.with_guest("counts_in_a_global", &[]).await;
    let target = "com.example.counts-in-a-global/";
    for keys in [&["bestellung-für-1".as_bytes()][..], &[b"a", b"b"], &[b"a", b"a"]] {
        let headers: Vec<_> = keys.iter().map(|key| ("x-idempotency-key", *key)).collect();
        let refused = ask(&world, Access::Write, target, &headers, b"x").await;
        refused.assert_refused(400, "bad_request", "x-idempotency-key");
    }
    let request = guest.with_idempotency_key("ü");
    assert_eq!(world.execute(&request).await.code(), "bad_request");
}

#[tokio::test]
async fn ambiguous_json_is_refused_by_the_runner() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let good = request.body.to_string();
    let (context, http) = (request.body["context"].to_string(), request.body["http"].to_string());
    for bad in [
        format!("[{context},{http},{{}},null,null,null]"),
        format!("{{\"context\":{context},\"http\":[\"GET\",\"/\"]}}"),
        format!("{{\"context\":{context},\"http\":{http},\"later\":1,\"later\":2}}"),
        good.replacen('{', "{\"later\":{\"a\":1,\"a\":2},", 1),
        format!("\u{feff}{good}"),
        format!("{good}{good}"),
    ] {
        let response = world.execute_bytes(&request, bad.clone().into_bytes()).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (400, "bad_request"),
            "{bad}"
        );
    }
    let later = good.replacen('{', "{\"later\":{\"a\":1},", 1);
    assert_eq!(world.execute_bytes(&request, later.into_bytes()).await.status, 200);
}

#[tokio::test]
async fn errors_of_registry_runner_and_gateway_have_the_same_form() {
    let world = TestPlatform::new().await;
    world.with_guest("answers_ok", &[]).await;
    let operator = format!("Bearer {}", world.administrator_token());
    let caller = format!("Bearer {}", world.caller_token("acme", Access::Write));
    for (method, path, token, status) in [
        ("GET", "/nothing", &operator, 404),
        ("GET", "/v1/registry/nothing", &operator, 404),
        ("PATCH", "/v1/registry/extensions", &operator, 405),
        ("GET", "/v1/execute", &operator, 405),
        ("GET", "/v1/registry/tenants/%ff/installs", &operator, 400),
        ("GET", "/v1/registry/audit?limit=x", &operator, 400),
        ("POST", "/v1/registry/extensions", &operator, 400),
        ("GET", "/v1/registry/audit", &caller, 403),
        ("GET", "/metrics", &caller, 403),
        ("GET", "/api/ext/%ff/x", &caller, 400),
        ("GET", "/api/ext//x", &caller, 400),
        ("GET", "/api/ext/com.example.answers-ok/%c0%ae", &caller, 400),
        ("TRACE", "/api/ext/com.example.answers-ok/", &caller, 405),
        ("GET", "/api/ext/com.example.answers-ok/", &operator, 403),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", token);
        let response = world
            .send(request.header("x-request-id", "r-1").body(Body::empty()).unwrap())
            .await;
        let json = response.json();
        assert_eq!(response.status.as_u16(), status, "{method} {path}: {}", response.text());
        assert!(
            json["error"].is_string() && json["message"].is_string(),
            "{method} {path}: {}",
            response.text()
        );
        assert_eq!(
            (&json["requestId"], &response.headers["x-request-id"]),
            (&json!("r-1"), &HeaderValue::from_static("r-1")),
            "{method} {path}"
        );
        assert_eq!(response.headers["cache-control"], "no-store", "{method} {path}");
        // RFC 9110, 15.5.6: a 405 response lists the allowed methods.
        assert_eq!(response.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn ambiguous_json_is_refused_by_the_registry() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.twice", "1.0.0", "answers_ok");
    world.publish(&release).await;
    let operator = format!("Bearer {}", world.administrator_token());
    let install = async |body: &str, kind: &str| {
        let request = Request::post("/v1/registry/tenants/acme/installs").header("authorization", &operator);
        let request = request.header("content-type", kind);
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let good = r#"{"extension":"com.example.twice","version":"1.0.0","grants":[]}"#;
    for bad in [
        good.replacen('{', r#"{"grants":["cap:log.emit"],"#, 1),
        good.replace('}', r#","config":{"greeting":"a","greeting":"b"}}"#),
        r#"["com.example.twice","1.0.0",[]]"#.to_owned(),
        format!("{good} {{}}"),
        format!("\u{feff}{good}"),
    ] {
        let refused = install(&bad, "application/json").await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "bad_request"),
            "{bad}"
        );
    }
    assert_eq!(install(good, "text/plain").await.status, 400);
    let installed = install(good, "application/json; charset=utf-8").await;
    assert_eq!(installed.status, 201, "{}", installed.text());
}

#[tokio::test]
async fn more_header_names_than_a_message_can_have_are_a_bad_request() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let mut body = request.body.clone();
    let names: Vec<Value> = (0..40_000)
        .map(|number| json!([format!("x-{number}"), ["v"]]))
        .collect();
    body["http"]["headers"] = Value::Object(
        names
            .iter()
            .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()))
            .collect(),
    );
    let response = world.execute_bytes(&request, body.to_string().into_bytes()).await;
    response.assert_error(400, "bad_request");
}
