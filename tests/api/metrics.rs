//! What a scraper sees, and whether the shipped rules and dashboards ask for it.

use alga_harness::{TestPlatform, TestResponse, target};
use alga_registry_types::{Page, executions};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/deploy")
}

async fn scrape(world: &TestPlatform, accept: &str) -> TestResponse {
    let token = world.administrator_token();
    let request = Request::get("/metrics")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", accept);
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Returns a platform that has executed, failed and refused, and whose metrics are all present.
async fn used_platform() -> TestPlatform {
    // Nothing listens there: the metrics of traces exist as soon as there is an endpoint.
    let settings = [("fuel", "1000000000"), ("traces_endpoint", "http://127.0.0.1:9")];
    let world = TestPlatform::with_settings(&settings).await;
    let fine = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&fine).await.status, 200);
    let failing = world.with_guest("traps", &[]).await;
    assert_eq!(world.execute(&failing).await.status, 502);
    assert_eq!(world.get("com.example.absent/").await.status, 404);
    world.platform().settle().await;
    world
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(target().join("debian/usr/bin/promtool"))
        .args(arguments)
        .current_dir(deploy().join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn assert_accepted(output: &Output) {
    let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_a_scrape_and_finds_nothing_to_improve() {
    let world = used_platform().await;
    let text = scrape(&world, "text/plain").await.text();
    let output = promtool(&["check", "metrics"], &text);
    assert_accepted(&output);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.len() < 200_000, "{}", text.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemplar_leads_from_a_duration_to_the_record_of_a_request() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("traps", &[]).await;
    assert_eq!(world.execute(&world.request_for(&install)).await.status, 502);
    world.platform().settle().await;
    let scraped = scrape(&world, "application/openmetrics-text; version=1.0.0").await;
    let kind = scraped.headers["content-type"].to_str().unwrap().to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = scraped.text();
    assert!(text.ends_with("# EOF\n"));
    let failed = text.lines().find(|line| {
        line.starts_with("alga_recorded_execution_duration_seconds_bucket{")
            && line.contains("outcome=\"guest_trapped\"")
            && line.contains(" # ")
    });
    let (_, request) = failed
        .unwrap_or_else(|| panic!("{text}"))
        .split_once(" # {request=\"")
        .unwrap();
    let request = request.split('"').next().unwrap();
    let records = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let records = world.operate(&records).await;
    assert!(records.text().contains(request), "{request}: {}", records.text());
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    assert_accepted(&promtool(&["check", "rules", "rules.yml"], ""));
    assert_accepted(&promtool(&["test", "rules", "rules.test.yml"], ""));
}

/// Returns the expressions of all dashboards, with the variables of Grafana replaced.
fn dashboard_expressions() -> Vec<String> {
    let mut all = Vec::new();
    for file in fs::read_dir(deploy().join("grafana")).unwrap() {
        let board: Value = serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for shown in panel["targets"].as_array().unwrap() {
                let text = shown["expr"].as_str().unwrap();
                all.push(text.replace("$__rate_interval", "5m").replace("$instance", ".*"));
            }
        }
    }
    all
}

/// Returns the names of metrics in an expression: words with one of these prefixes.
fn names(expression: &str, prefixes: &[&str]) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words = expression.split(|character| !is_part(character));
    words
        .filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_rules_and_dashboards_use_exists() {
    let dashboards = dashboard_expressions();
    let rules: Vec<_> = dashboards
        .iter()
        .map(|expr| json!({ "record": "checked:one", "expr": expr }))
        .collect();
    let rules = json!({ "groups": [{ "name": "dashboards", "rules": rules }] });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dashboards.yml");
    fs::write(&file, rules.to_string()).unwrap();
    assert_accepted(&promtool(
        &["check", "rules", "--lint=none", file.to_str().unwrap()],
        "",
    ));

    let world = used_platform().await;
    let scraped = scrape(&world, "text/plain").await.text();
    let text = fs::read_to_string(deploy().join("prometheus/rules.yml")).unwrap();
    let recorded: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- record: "))
        .collect();
    let expressions = text
        .lines()
        .filter(|line| !line.contains("alert:") && !line.contains("record:"));
    let all = expressions.chain(dashboards.iter().map(String::as_str));
    for name in all.flat_map(|expression| names(expression, &["alga_", "alga:", "process_"])) {
        let is_there = recorded.contains(&*name)
            || scraped.contains(&format!("\n{name}{{"))
            || scraped.contains(&format!("\n{name} "));
        assert!(is_there || scraped.starts_with(&name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_and_refusals_by_code() {
    let world = used_platform().await;
    for _ in 0..3 {
        world.get("com.example.absent/some/path?of=a-client").await;
    }
    // Counted once, by whichever route it is asked.
    assert_eq!(world.get("com.example.traps/").await.status, 502);
    let text = scrape(&world, "text/plain").await.text();
    for line in [
        "alga_http_request_duration_seconds_count{route=\"/api/ext/{extension}/{*path}\",method=\"GET\",status=\"4xx\"} 3\n",
        "alga_refusals_total{code=\"extension_not_available\",blame=\"tenant\"} 4\n",
        "alga_refusals_total{code=\"guest_trapped\",blame=\"guest\"} 2\n",
        "alga_component_loads_total{level=\"compiler\"} 2\n",
        "alga_components 2\n",
        "alga_dependency_duration_seconds_count{dependency=\"compiler\",outcome=\"ok\"} 2\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(
        text.contains("alga_dependency_duration_seconds_count{dependency=\"objects\",outcome=\"ok\"} "),
        "{text}"
    );
}
