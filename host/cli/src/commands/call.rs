use crate::client::{ServerArguments, ServerResponse, api_error};
use crate::files::read;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Extension and path: com.example.hello/hello/you?x=1
    target: String,
    /// HTTP method of the request
    #[arg(long, short = 'X', default_value = "GET")]
    method: String,
    /// Request body; @file reads it from a file
    #[arg(long, short)]
    data: Option<String>,
    /// Request header; repeat for more
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Write the response body unchanged, also to a terminal
    #[arg(long)]
    raw: bool,
    /// Caller's token, as issued by `alga token`; without one the server must have a --dev-tenant
    #[arg(long, env = "ALGA_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let body = match arguments.data.as_deref() {
        Some(data) => match data.strip_prefix('@') {
            Some(path) => read(&PathBuf::from(path), "")?,
            None => data.as_bytes().to_vec(),
        },
        None => Vec::new(),
    };
    let authorization = arguments.token.as_ref().map(|token| format!("Bearer {token}"));
    let mut headers: Vec<(&str, &str)> = vec![("content-type", "application/json")];
    for header in &arguments.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| CliError::user(format!("`{header}` is not NAME: VALUE")))?;
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push((name, value.trim()));
    }
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    let response = arguments.server.send(
        &arguments.method,
        &format!("/api/ext/{}", arguments.target),
        &headers,
        body,
    )?;
    show(&response, arguments.raw, printer)
}

fn show(response: &ServerResponse, raw: bool, printer: &Printer) -> Outcome {
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    };
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    // An error of the platform has a request id in its body; an error of the extension is an
    // ordinary response.
    if let Some(body) = serde_json::from_slice(&response.body)
        .ok()
        .filter(|_| response.status >= 400)
    {
        return Err(api_error(response.status, Some(&body)));
    }
    let usage = header("server-timing").unwrap_or_default();
    let facts = json!({ "status": response.status, "requestId": header("x-request-id"), "usage": usage, "body": json });
    if raw {
        printer.raw(&response.body);
    } else if printer.is_json() {
        printer.output(&facts, String::new);
    } else {
        printer.body(&response.body);
    }
    printer.note(&format!("{} [{usage}]", response.status));
    Ok(())
}
