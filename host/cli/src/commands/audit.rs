use crate::client::OperatorArguments;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Verify the hash chain of the whole log
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    if arguments.verify {
        return verify(arguments, printer);
    }
    let mut entries = Vec::new();
    loop {
        let after = entries
            .last()
            .and_then(|entry: &Value| entry.get("sequence"))
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let path = format!("/v1/registry/audit?after={after}");
        let page = arguments.operator.send("GET", &path, "application/json", Vec::new())?;
        match page.get("entries").and_then(Value::as_array) {
            Some(page) if !page.is_empty() => entries.extend(page.iter().cloned()),
            _ => break,
        }
    }
    printer.output(&json!({ "entries": entries }), || {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn verify(arguments: &Arguments, printer: &Printer) -> Outcome {
    let chain = arguments
        .operator
        .send("GET", "/v1/registry/audit/verify", "application/json", Vec::new())?;
    if let Some(entry) = chain.get("broken_at").and_then(Value::as_i64) {
        return Err(
            CliError::user(format!("entry {entry} breaks the hash chain: the log was modified"))
                .with_hint("compare it with a backup; modifying it requires the database's password"),
        );
    }
    printer.output(&chain, || {
        let head = chain.get("head").and_then(Value::as_str).unwrap_or_default();
        let entries = chain.get("entries").and_then(Value::as_i64).unwrap_or_default();
        format!("{entries} entries with a valid hash chain\nhead {head}\nstore the head elsewhere: it proves later that the log was not truncated")
    });
    Ok(())
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let sequence = entry.get("sequence").and_then(Value::as_i64).unwrap_or_default();
    format!(
        "{sequence} {} {} {} {}",
        text("action"),
        text("tenant"),
        text("subject"),
        text("details")
    )
}
