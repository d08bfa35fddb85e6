//! HTTP client of a platform's APIs.

use crate::files;
use crate::outcome::{CliError, ErrorContext, Fault, Outcome};
use crate::printer::Printer;
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::{Request, Response};

/// Timeout of a request that needs no compilation.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Timeout of a request for which the server compiles: several components, each of which can be
/// slow on a busy host.
const COMPILING_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Interval between progress messages of a long request.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Maximum bytes of a response.
const ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// The platform's address.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The platform's address
    #[arg(
        long,
        global = true,
        env = "REGISTRY_BASE_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8700"
    )]
    pub(crate) server: String,
}

/// The platform's address and the operator's credential.
#[derive(Debug, Args)]
pub(crate) struct OperatorArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// File with the operator's token; `alga serve` writes it to admin.token in its data directory
    #[arg(
        long,
        global = true,
        env = "ALGA_ADMIN_TOKEN_FILE",
        hide_env_values = true,
        default_value = "alga-data/admin.token"
    )]
    pub(crate) token_file: PathBuf,
}

/// A response, of any status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl ServerArguments {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.trim_end_matches('/'))
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome<Answer> {
        self.send_within(TIMEOUT, method, path, headers, body)
    }

    fn send_within(
        &self,
        timeout: Duration,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Outcome<Answer> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).user_error("the request")?;
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let response = agent
            .run(request)
            .user_error(&format!("could not reach {}", self.server));
        let response = response.map_err(|failed| failed.with_hint("is it running? `alga serve --dev` starts one"))?;
        read(response)
    }
}

fn read(mut response: Response<ureq::Body>) -> Outcome<Answer> {
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES)
        .read_to_vec()
        .user_error("could not read the response")?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers,
        body,
    })
}

impl OperatorArguments {
    fn token(&self) -> Outcome<String> {
        let hint = "pass --token-file <data directory>/admin.token";
        let bytes = files::read(&self.token_file, hint)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Sends a request as the operator; a response with an error status becomes an error.
    pub(crate) fn send(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Outcome<Value> {
        self.send_within(TIMEOUT, method, path, content_type, body)
    }

    /// Like [`Self::send`], for a request for which the server may compile: prints progress every
    /// few seconds, and waits up to [`COMPILING_TIMEOUT`].
    pub(crate) fn send_compiling(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        printer: &Printer,
    ) -> Outcome<Value> {
        let (done, is_done) = mpsc::channel::<()>();
        let started = Instant::now();
        thread::scope(|scope| {
            let request = scope.spawn(move || {
                // Dropped when the request ends, also if it panics.
                let _done = done;
                self.send_within(COMPILING_TIMEOUT, method, path, content_type, body)
            });
            while is_done.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let seconds = started.elapsed().as_secs();
                printer.note(&format!("… {seconds} s: the server verifies and compiles; a JavaScript or Python component needs a minute or more"));
            }
            let joined = request.join();
            joined.unwrap_or_else(|_| Err(CliError::user("internal panic in the request")))
        })
    }

    fn send_within(
        &self,
        timeout: Duration,
        method: &str,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Outcome<Value> {
        let authorization = format!("Bearer {}", self.token()?);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", content_type),
        ];
        let answer = self.server.send_within(timeout, method, path, &headers, body)?;
        let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        if answer.status < 300 {
            Ok(json)
        } else {
            Err(api_error(answer.status, &json))
        }
    }
}

/// Converts an error response of the server, with its message and hint.
pub(crate) fn api_error(status: u16, body: &Value) -> CliError {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let message = text("message").unwrap_or_else(|| "no details".to_owned());
    let (message, inner_hint) = message
        .split_once("\nhint: ")
        .map_or((message.clone(), None), |(message, hint)| {
            (message.to_owned(), Some(hint.to_owned()))
        });
    let code = text("error");
    let request = text("requestId")
        .map(|id| format!(" [request {id}]"))
        .unwrap_or_default();
    CliError {
        fault: if status < 500 { Fault::User } else { Fault::Internal },
        text: format!(
            "server returned {status} {}: {message}{request}",
            code.clone().unwrap_or_default()
        ),
        hint: text("hint").or(inner_hint),
        code,
    }
}

/// Encodes named parts as `multipart/form-data` (RFC 7578). Returns the content type and the body.
pub(crate) fn multipart(parts: &[(&str, &Path, &[u8])]) -> (String, Vec<u8>) {
    // 128 bits of a hash over all parts, which no part contains by chance. It may depend on all of
    // them, because they are not secret from each other.
    let digest = alga_bundle::Digest::of(
        &parts
            .iter()
            .flat_map(|(_, _, bytes)| bytes.iter().copied())
            .collect::<Vec<_>>(),
    )
    .to_hex();
    let boundary = format!("alga-{}", digest.chars().take(32).collect::<String>());
    let mut body = Vec::new();
    for (name, path, bytes) in parts {
        let file = path
            .file_name()
            .map(|name| name.to_string_lossy().replace(['"', '\r', '\n'], "_"))
            .unwrap_or_default();
        let head =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
