//! HTTP client of a platform's APIs.

use crate::files;
use crate::outcome::{CliError, ErrorContext, Fault, Outcome};
use crate::printer::Printer;
use alga_errors::ClientBody;
use alga_registry_types::Operation;
use clap::Args;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
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
/// Time without a line after which a stream is considered dead: three times the server's interval
/// of comments.
const SILENCE: Duration = Duration::from_secs(45);
/// Maximum number of lines of a stream that wait to be printed.
const LINES: usize = 1024;
/// Maximum bytes of a response.
const RESPONSE_BYTES: u64 = 16 * 1024 * 1024;

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

/// The platform's address and a credential.
#[derive(Debug, Args)]
pub(crate) struct OperatorArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// File with an API key (`alga keys create`), or with the token that `alga serve` writes to
    /// admin.token in its data directory
    #[arg(
        long,
        global = true,
        env = "ALGA_ADMIN_TOKEN_FILE",
        hide_env_values = true,
        default_value = "alga-data/admin.token"
    )]
    pub(crate) token_file: PathBuf,
    /// API key in place of --token-file; as a flag it is visible to other users of this machine
    #[arg(long, global = true, env = "ALGA_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// A response, of any status.
pub(crate) struct ServerResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl ServerArguments {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.trim_end_matches('/'))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Outcome<ServerResponse> {
        self.send_within(TIMEOUT, method, path, headers, body)
    }

    fn send_within(
        &self,
        timeout: Duration,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Outcome<ServerResponse> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).user_error("the request")?;
        let response = agent(Some(timeout))
            .run(request)
            .user_error(&format!("could not reach {}", self.server));
        let response = response.map_err(|failed| {
            failed.with_hint("start a server with `alga serve --dev`, or pass the address of one with --server")
        })?;
        read(response)
    }
}

fn agent(timeout: Option<Duration>) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(timeout)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into()
}

fn read(mut response: Response<ureq::Body>) -> Outcome<ServerResponse> {
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(RESPONSE_BYTES)
        .read_to_vec()
        .user_error("could not read the response")?;
    Ok(ServerResponse {
        status: response.status().as_u16(),
        headers,
        body,
    })
}

impl OperatorArguments {
    fn token(&self) -> Outcome<String> {
        if let Some(key) = &self.api_key {
            return Ok(key.trim().to_owned());
        }
        let hint = "pass --token-file with an API key, or <data directory>/admin.token";
        let bytes = files::read(&self.token_file, hint)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Follows a stream of server-sent events after the event with this id, if it is not empty, and
    /// passes each line on, and none whenever a tick has passed. Returns when the stream
    /// ends, when nothing arrives for a while, or when `receive` breaks it off.
    pub(crate) fn follow(
        &self,
        path: &str,
        last_id: &str,
        tick: Duration,
        mut receive: impl FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Outcome {
        let mut request =
            Request::get(self.server.url(path)).header("authorization", format!("Bearer {}", self.token()?));
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let request = request.body(()).user_error("the request")?;
        let mut response = agent(None)
            .run(request)
            .user_error(&format!("could not reach {}", self.server.server))?;
        if response.status() != 200 {
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(RESPONSE_BYTES).read_to_vec();
            let body = body.unwrap_or_default();
            return Err(api_error(status, serde_json::from_slice(&body).ok().as_ref()));
        }
        // Reads have no timeout of their own, so another thread reads.
        let (sender, lines) = mpsc::sync_channel(LINES);
        thread::spawn(move || {
            let reader = BufReader::new(response.into_body().into_reader());
            for line in reader.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (mut heard, mut ticked) = (Instant::now(), Instant::now());
        loop {
            let mut flow = ControlFlow::Continue(());
            match lines.recv_timeout(tick.saturating_sub(ticked.elapsed()).min(SILENCE)) {
                Ok(line) => {
                    heard = Instant::now();
                    flow = receive(Some(&line));
                }
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < SILENCE => {}
                Err(_) => return Ok(()),
            }
            if flow.is_continue() && ticked.elapsed() >= tick {
                ticked = Instant::now();
                flow = receive(None);
            }
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    /// Sends a GET request with the credential, for a response that is no operation's.
    pub(crate) fn get(&self, path: &str) -> Outcome<ServerResponse> {
        let authorization = format!("Bearer {}", self.token()?);
        let response = self
            .server
            .send("GET", path, &[("authorization", &authorization)], Vec::new())?;
        if response.status >= 300 {
            let body = serde_json::from_slice(&response.body).ok();
            return Err(api_error(response.status, body.as_ref()));
        }
        Ok(response)
    }

    /// Sends a request with the credential; a response with an error status becomes an error.
    pub(crate) fn run<R: DeserializeOwned>(&self, operation: &Operation<R>) -> Outcome<R> {
        self.run_within(TIMEOUT, operation)
    }

    /// Like [`Self::run`], for a request for which the server may compile: prints progress every
    /// few seconds, and waits up to [`COMPILING_TIMEOUT`].
    pub(crate) fn run_compiling<R: DeserializeOwned + Send>(
        &self,
        operation: &Operation<R>,
        printer: &Printer,
    ) -> Outcome<R> {
        let (done, is_done) = mpsc::channel::<()>();
        let started = Instant::now();
        thread::scope(|scope| {
            let request = scope.spawn(move || {
                // Dropped when the request ends, also if it panics.
                let _done = done;
                self.run_within(COMPILING_TIMEOUT, operation)
            });
            while is_done.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let seconds = started.elapsed().as_secs();
                printer.note(&format!("… {seconds} s: the server verifies and compiles; a JavaScript or Python component needs a minute or more"));
            }
            let joined = request.join();
            joined.unwrap_or_else(|_| Err(CliError::user("internal panic in the request")))
        })
    }

    fn run_within<R: DeserializeOwned>(&self, timeout: Duration, operation: &Operation<R>) -> Outcome<R> {
        let authorization = format!("Bearer {}", self.token()?);
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("content-type", operation.body.content_type.as_str()),
        ];
        headers.extend(operation.headers.iter().map(|(name, value)| (*name, value.as_str())));
        let body = operation.body.bytes.clone();
        let response = self
            .server
            .send_within(timeout, operation.method, &operation.path, &headers, body)?;
        if response.status >= 300 {
            let body = serde_json::from_slice(&response.body).ok();
            return Err(api_error(response.status, body.as_ref()));
        }
        let read = operation.read(&response.body).user_error("could not read the response");
        read.map_err(|failed| failed.with_hint("the server may have another version than this program"))
    }
}

/// Converts an error response of the server, with its message and hint.
pub(crate) fn api_error(status: u16, body: Option<&ClientBody<'_>>) -> CliError {
    let code = body.map(|body| body.error.to_string());
    let message = body.map_or("no details", |body| body.message.as_ref());
    let (message, inner_hint) = message
        .split_once("\nhint: ")
        .map_or((message, None), |(message, hint)| (message, Some(hint)));
    let request = body.map(|body| format!(" [request {}]", body.request_id));
    let hint = body.and_then(|body| body.hint.as_deref()).or(inner_hint);
    CliError {
        fault: if status < 500 { Fault::User } else { Fault::Internal },
        text: format!(
            "server returned {status} {}: {message}{}",
            code.as_deref().unwrap_or_default(),
            request.unwrap_or_default()
        ),
        hint: hint.map(ToOwned::to_owned),
        code,
    }
}
