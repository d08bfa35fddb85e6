//! The process that serves test hosts: that of `alga test`, or one that this process starts.

use serde_json::Value;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Variable with the URL that `alga test` has set.
const TEST_HOST: &str = "ALGA_TEST_HOST";
/// Variable with the path of `alga`, if it is not in `PATH`.
const PROGRAM: &str = "ALGA";

/// A process, which ends with its standard input, that is with this one.
struct Started {
    url: String,
    _child: Child,
}

/// Returns the URL below which hosts are created.
pub(crate) fn url() -> String {
    // A failure, too: building again for each test would fail again.
    static STARTED: OnceLock<Result<Started, String>> = OnceLock::new();
    if let Ok(url) = env::var(TEST_HOST) {
        return url;
    }
    match STARTED.get_or_init(start) {
        Ok(started) => started.url.clone(),
        Err(failed) => panic!("{failed}"),
    }
}

fn start() -> Result<Started, String> {
    let program = env::var_os(PROGRAM).unwrap_or_else(|| "alga".into());
    // Cargo runs tests in the directory of their package.
    let mut command = Command::new(&program);
    command
        .args(["test", "--serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let program = program.display();
        format!("could not start {program}: {error}\nput `alga` into PATH, or run the tests with `alga test`")
    })?;
    let mut url = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut url).ok();
    }
    let url = url.trim().to_owned();
    if url.is_empty() {
        return Err("the extension could not be built; see its output".to_owned());
    }
    Ok(Started { url, _child: child })
}

/// Calls the process, and returns the JSON of its response.
pub(crate) fn call(method: &str, url: &str, body: Option<&Value>) -> Value {
    let mut response = request(method, url, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let status = response.status();
    let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
    let text = text.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let hint = json["hint"]
        .as_str()
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    assert!(
        status.is_success(),
        "{}{hint}",
        json["message"].as_str().unwrap_or(&text)
    );
    json
}

/// Ends a host; one that does not respond has ended.
pub(crate) fn end(url: &str) {
    request("DELETE", url, None).ok();
}

fn request(method: &str, url: &str, body: Option<&Value>) -> Result<Response<Body>, ureq::Error> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let text = body.map(Value::to_string).unwrap_or_default();
    agent.run(Request::builder().method(method).uri(url).body(text)?)
}
