//! Profiles of installs: samples of their guests while they execute.

use alga_auth::Access;
use alga_harness::{ExecuteRequest, Release, TestPlatform, TestResponse, handler};
use axum::body::Body;
use http::Request;
use serde_json::Value;
use std::collections::BTreeSet;

/// A guest that computes until its deadline, in a function with a name.
const COMPUTES: &str = r#"
    (func $computes_all_the_time (loop $again (br $again)))
    (func $calls (call $computes_all_the_time))
    (func (export "handle") (param i32 i32) (call $calls))"#;

/// Recurses until its stack ends, in a new order in each execution.
const RECURSES: &str = r#"
    (func $computes (local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 100000)))))
    (func $odd (param i32)
        (call $computes)
        (if (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1))))))
    (func $even (param i32)
        (call $computes)
        (if (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "handle") (param i32 i32) (call $even (i32.const 4000)))"#;

async fn installed(world: &TestPlatform, name: &str, module: &str) -> ExecuteRequest {
    let release = Release::new(world.key(), &Release::manifest(name, "1.0.0", &[]), &handler(module));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    world.request_for(&install).within_ms(300)
}

fn profile(world: &TestPlatform, path: &str) -> Request<Body> {
    let token = format!("Bearer {}", world.administrator_token());
    let request = Request::get(format!("/v1/profile/{path}")).header("authorization", token);
    request.body(Body::empty()).unwrap()
}

/// Executes a request again and again until the profile is finished.
async fn profiled(world: &TestPlatform, name: &str, request: &ExecuteRequest) -> TestResponse {
    let executing = async {
        loop {
            world.execute(request).await;
        }
    };
    let profile = world.send(profile(world, &format!("acme?install={name}&seconds=1")));
    tokio::select! {
        response = profile => response,
        () = executing => unreachable!(),
    }
}

fn number(response: &TestResponse, name: &str) -> usize {
    response.headers[name].to_str().unwrap().parse().unwrap()
}

/// Returns the names of all functions of a profile.
fn functions(profile: &Value) -> BTreeSet<&str> {
    let strings = profile.pointer("/shared/stringArray");
    let strings = strings.or_else(|| profile.pointer("/threads/0/stringArray")).unwrap();
    let names = profile
        .pointer("/threads/0/funcTable/name")
        .unwrap()
        .as_array()
        .unwrap();
    let names = names.iter().map(|name| name.as_u64().unwrap() as usize);
    names.map(|name| strings[name].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_has_the_names_of_the_guests_functions_and_nothing_of_the_host() {
    let world = TestPlatform::new().await;
    let request = installed(&world, "com.example.computes", COMPUTES).await;
    let response = profiled(&world, "com.example.computes", &request).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(number(&response, "x-alga-samples") > 10, "{:?}", response.headers);
    assert!(number(&response, "x-alga-executions") > 0);
    let profile = response.json();
    let functions = functions(&profile);
    assert!(functions.contains("computes_all_the_time"), "{functions:?}");
    assert!(functions.contains("calls"), "{functions:?}");
    let own = functions
        .iter()
        .all(|name| ["computes_all_the_time", "calls"].contains(name) || name.contains("function"));
    assert!(own, "{functions:?}");
    // Samples are of this install only.
    let other = installed(&world, "com.example.other", COMPUTES).await;
    let response = profiled(&world, "com.example.computes", &other).await;
    assert_eq!(number(&response, "x-alga-samples"), 0);
    assert_eq!(number(&response, "x-alga-executions"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stacks_of_a_guest_that_recurses_are_cut() {
    let world = TestPlatform::new().await;
    let request = installed(&world, "com.example.recurses", RECURSES).await;
    let response = profiled(&world, "com.example.recurses", &request).await;
    let samples = number(&response, "x-alga-samples");
    assert!(samples > 10, "{:?}", response.headers);
    let profile = response.json();
    let stacks = profile
        .pointer("/threads/0/stackTable/length")
        .unwrap()
        .as_u64()
        .unwrap();
    assert!(stacks <= samples as u64 * 64, "{stacks} of {samples} samples");
}

#[tokio::test]
async fn only_those_who_may_read_the_installs_of_a_tenant_profile_them_and_only_as_long_as_allowed() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let token = world.caller_token("acme", Access::Write);
    for (tenant, expected) in [("globex", 404), ("acme", 403)] {
        let request = Request::get(format!("/v1/profile/{tenant}?install=com.example.answers-ok&seconds=1"));
        let request = request.header("authorization", format!("Bearer {token}"));
        let response = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status, expected, "{tenant}");
    }
    for (path, expected) in [
        ("acme?install=com.example.absent&seconds=1", 404),
        ("acme?install=com.example.answers-ok&seconds=0", 400),
        ("acme?install=com.example.answers-ok&seconds=61", 400),
        ("acme?install=com.example.answers-ok&seconds=x", 400),
        ("acme?seconds=1", 400),
        ("a%20b?install=a&seconds=1", 404),
    ] {
        let response = world.send(profile(&world, path)).await;
        assert_eq!(response.status, expected, "{path}: {}", response.text());
    }
}
