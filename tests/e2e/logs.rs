//! X23: guest output is text in the operator's log, never a record of its own; and proxy variables
//! in the environment have no effect.

use crate::platform::{Guest, Platform};
use alga_harness::{MockServer, ServerOptions};
use serde_json::{Value, json};

/// Limit for the bytes in the operator's log from one execution, as JSON: escaping makes text up to
/// six times as long.
const LOG_BYTES: u64 = 8 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn guest_text_cannot_forge_a_line_of_the_operators_log() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let log = platform.install(&Guest::new("log_works"));
    let output = platform.install(&Guest::new("writes_to_its_output"));
    platform.call(&log, "/");
    platform.call(&output, "/");
    platform.call(&output, "/flood");
    let directory = platform.stop();
    let text = std::fs::read_to_string(directory.path().join("server.log")).unwrap();
    assert!(text.len() as u64 <= LOG_BYTES, "{}", text.len());
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:.200}")))
        .collect();
    let mut written = Vec::new();
    for record in &records {
        assert!(
            record["timestamp"].is_string() && record["target"].is_string(),
            "{record}"
        );
        assert!(record["tenant"].is_null() || record["tenant"] == "demo", "{record}");
        assert!(record["level"] != "ERROR", "{record}");
        if record["target"] == "alga::extension" {
            written.extend(record["extension_message"].as_str().map(ToOwned::to_owned));
        }
    }
    for reported in [
        "\\\"tenant\\\":\\\"victim\\\"",
        "first line",
        "to standard error",
        "\\u{1b}[31merror",
    ] {
        assert!(
            written.iter().any(|message| message.contains(reported)),
            "{reported}: {written:.500?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_environment_variables_are_ignored() {
    let outside = MockServer::start().await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", canary.local_addr().unwrap());
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let variables = names.map(|name| (name, proxy.as_str()));
    let options = ServerOptions {
        variables: &variables,
        ..ServerOptions::default()
    };
    let platform = Platform::start(&outside, &options);
    let guest = Guest::new("fetch_works").grants(&["cap:http.fetch"]);
    let guest = guest.fields(json!({ "egress": [outside.origin()] }));
    let name = platform.install(&guest.greeting(outside.origin()));
    let before = outside.requests().len();
    assert!(platform.call(&name, "/").contains("\"seen\""));
    assert!(outside.requests().len() > before);
    let asked = tokio::select! {
        biased;
        connection = canary.accept() => connection.is_ok(),
        () = std::future::ready(()) => false,
    };
    assert!(!asked, "a proxy was asked");
}
