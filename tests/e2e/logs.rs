//! X23: guest output is text in the operator's log, never a record of its own; and proxy variables
//! in the environment have no effect.

use crate::platform::{Guest, Platform};
use alga_harness::{Collector, MockServer, ReceivedRecord, ServerOptions, program, root, tenant_id};
use alga_registry_types::{Reason, change_version, disable, uninstall};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Limit for the bytes in the operator's log from one execution, as JSON: escaping makes text up to
/// six times as long.
const LOG_BYTES: u64 = 8 * 1024 * 1024;

/// Stops a platform and returns the lines of its log, each of which its schema accepts.
fn valid_lines(platform: Platform) -> Vec<Value> {
    let directory = platform.stop();
    let text = std::fs::read_to_string(directory.path().join("server.log")).unwrap();
    assert!(text.len() as u64 <= LOG_BYTES, "{}", text.len());
    let schema = std::fs::read_to_string(root().join("host/docs/log.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let read = |line: &str| {
        let record = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:.200}"));
        let problems: Vec<_> = schema.iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}: {record}");
        record
    };
    text.lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_about_installs_versions_and_failures_have_the_form_of_all_others() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let name = platform.install(&Guest::new("traps"));
    platform.call(&name, "/");
    let operator = platform.operator();
    let demo = tenant_id("demo");
    operator.operate(&disable(&demo, &name)).unwrap().ok();
    let reason = Reason {
        reason: "it traps".to_owned(),
    };
    let yank = change_version(&name, "1.0.0", "yank", &reason);
    operator.operate(&yank).unwrap().ok();
    platform.call(&name, "/");
    operator.operate(&uninstall(&demo, &name)).unwrap();
    let records = valid_lines(platform);
    for message in [
        "execution failed",
        "install changed",
        "version status changed",
        "refused",
        "uninstalled",
    ] {
        assert!(
            records.iter().any(|record| record["message"] == message),
            "{message}: {records:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_text_cannot_forge_a_line_of_the_operators_log() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let log = platform.install(&Guest::new("log_works"));
    let output = platform.install(&Guest::new("writes_to_its_output"));
    platform.call(&log, "/");
    platform.call(&output, "/");
    platform.call(&output, "/flood");
    let records = valid_lines(platform);
    assert!(records.iter().any(|record| record["log_schema"] == 1));
    let mut written = Vec::new();
    for record in &records {
        assert!(
            record["timestamp"].is_string() && record["target"].is_string(),
            "{record}"
        );
        assert!(record["tenant"].is_null() || record["tenant"] == "demo", "{record}");
        assert!(record["level"] != "ERROR", "{record}");
        if record["target"] == "alga::extension" {
            for name in ["request", "tenant", "extension", "install", "version", "content_hash"] {
                assert!(record[name].is_string(), "{name}: {record}");
            }
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

/// The collector is a real one, over both protocols of OTLP.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_exported_to_a_collector_and_guest_text_is_an_attribute() {
    let outside = MockServer::start().await;
    let (collector, mut expected) = (Collector::start(), 0);
    for (protocol, endpoint) in [("http/protobuf", collector.http()), ("grpc", collector.grpc())] {
        let options = ServerOptions {
            variables: &[("ALGA_LOGS_ENDPOINT", endpoint), ("ALGA_LOGS_PROTOCOL", protocol)],
            ..ServerOptions::default()
        };
        let platform = Platform::start(&outside, &options);
        let name = platform.install(&Guest::new("log_works"));
        platform.call(&name, "/");
        let directory = platform.stop();
        let text = std::fs::read_to_string(directory.path().join("server.log")).unwrap();
        let logged = text.lines().filter(|line| line.contains("\"extension_message\""));
        expected += logged.count();
        let of_guest = |records: &[ReceivedRecord]| {
            let of_guest = records.iter().filter(|record| record.contains_key("extension_message"));
            of_guest.cloned().collect::<Vec<_>>()
        };
        let records = collector.records_when(|records| of_guest(records).len() >= expected);
        let of_guest = of_guest(&records);
        assert!(expected > 0 && of_guest.len() == expected, "{protocol}: {records:#?}");
        for record in of_guest {
            assert_eq!(record["target"], "Str(alga::extension)", "{protocol}: {record:?}");
            assert_eq!(record["tenant"], "Str(demo)", "{protocol}: {record:?}");
            assert!(record["request"].starts_with("Str("), "{protocol}: {record:?}");
        }
        assert!(
            records.iter().all(|record| record["SeverityText"] != "ERROR"),
            "{protocol}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_follows_executions_of_a_tenant() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let name = platform.install(&Guest::new("log_works").grants(&["cap:log.emit"]));
    let arguments = [
        "logs",
        &name,
        "--tenant",
        "demo",
        "--follow",
        "--executions",
        "2",
        "--server",
        platform.address(),
    ];
    let mut follower = Command::new(program("alga"))
        .args(arguments)
        .current_dir(platform.directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Events from now on.
    let mut notes = BufReader::new(follower.stderr.take().unwrap()).lines();
    assert_eq!(notes.next().unwrap().unwrap(), "following demo");
    platform.call(&name, "/");
    platform.call(&name, "/");
    let output = follower.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches(" outcome 2xx in ").count(), 2, "{text}");
    assert_eq!(text.matches(" log     info  info name=value\n").count(), 2, "{text}");
    assert_eq!(text.matches(" call    alga:log/logger\n").count(), 8, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_shows_which_installs_use_a_server() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let fine = platform.install(&Guest::new("log_works").grants(&["cap:log.emit"]));
    let failing = platform.install(&Guest::new("traps"));
    let top = [
        "top",
        "--tenant",
        "demo",
        "--executions",
        "3",
        "--interval",
        "3600",
        "--json",
    ];
    let mut top = Command::new(program("alga"))
        .args(top)
        .args(["--server", platform.address()])
        .current_dir(platform.directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(top.stderr.take().unwrap()).lines();
    assert_eq!(notes.next().unwrap().unwrap(), "following demo");
    platform.call(&fine, "/");
    platform.call(&fine, "/");
    platform.call(&failing, "/");
    let output = top.wait_with_output().unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed = |name: &str| {
        let installs = view["installs"].as_array().unwrap();
        let install = installs.iter().find(|install| install["name"] == *name);
        install.unwrap()["failed_percent"].as_f64().unwrap()
    };
    assert_eq!((failed(&fine), failed(&failing)), (0.0, 100.0), "{view}");
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
