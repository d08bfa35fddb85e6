use crate::client::{OperatorArguments, ServerResponse};
use crate::escape::escape_line;
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use crate::symbols::Symbols;
use crate::target::Target;
use alga_bundle::TenantId;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga profile com.example.hello --tenant demo
  alga profile com.example.hello --tenant demo --seconds 30 --output hello.json

Executions that begin in this time are sampled every millisecond while their own code runs; send requests meanwhile. The file
can be opened at https://profiler.firefox.com or with `samply load`. Functions have names if the component has them: build it
with `alga build --names`, or pass the file that `alga build --symbols` wrote. The runner is the one at --server.";

/// Functions that are printed.
const PRINTED: usize = 10;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Extension name, extension id or install id
    extension: String,
    /// Tenant whose install is profiled
    #[arg(long)]
    tenant: TenantId,
    /// Seconds for which executions are sampled
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// File for the profile; `-` for standard output
    #[arg(long, short, default_value = "profile.json")]
    output: PathBuf,
    /// File of `alga build --symbols`, with the names of the functions
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
}

/// Numbers of a finished profile, as they are printed.
#[derive(Serialize)]
struct Summary {
    executions: u64,
    samples: u64,
    left_out: u64,
    /// The functions in which most samples were, with their samples.
    functions: Vec<(String, u64)>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = format!(
        "/v1/profile/{}?install={}&seconds={}",
        encoded(arguments.tenant.as_str()),
        encoded(&arguments.extension),
        arguments.seconds
    );
    let symbols = arguments.symbols.as_deref().map(Symbols::read).transpose()?;
    // Before the work: a file that cannot be written is no reason to wait.
    let (mut target, unfinished) = Target::open(Some(&arguments.output))?;
    printer.note(&format!(
        "sampling {} for {} s; its executions run as usual",
        arguments.extension, arguments.seconds
    ));
    let mut response = arguments.operator.get(&path)?;
    if let Some(symbols) = symbols {
        let mut profile = serde_json::from_slice(&response.body).user_error("the profile")?;
        symbols.name_functions(&mut profile);
        response.body = serde_json::to_vec(&profile).user_error("the profile")?;
    }
    target
        .write_all(&response.body)
        .user_error("could not write the profile")?;
    target.flush().user_error("could not write the profile")?;
    if let Some(unfinished) = unfinished {
        unfinished.finish()?;
    }
    let summary = Summary::of(&response);
    // Standard output has the profile.
    if arguments.output.as_os_str() == "-" {
        printer.note(&summary.text(None));
    } else {
        printer.output(&summary, || summary.text(arguments.output.to_str()));
    }
    Ok(())
}

impl Summary {
    fn of(response: &ServerResponse) -> Self {
        let number = |name: &str| {
            let field = response.headers.iter().find(|(field, _)| field == name);
            field.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
        };
        let profile = serde_json::from_slice(&response.body).unwrap_or_default();
        Self {
            executions: number("x-alga-executions"),
            samples: number("x-alga-samples"),
            left_out: number("x-alga-samples-left-out"),
            functions: hottest(&profile),
        }
    }

    fn text(&self, file: Option<&str>) -> String {
        let mut text = format!("{} samples of {} executions", self.samples, self.executions);
        if self.left_out > 0 {
            text += &format!(", {} more were left out", self.left_out);
        }
        if let Some(file) = file {
            text += &format!("; open {file} at https://profiler.firefox.com");
        }
        if self.samples == 0 {
            text += match self.executions {
                0 => "\nno execution began in this time: send requests while the profile is recorded",
                _ => "\nno execution computed for a millisecond: there is nothing to sample",
            };
        }
        for (name, samples) in &self.functions {
            let percent = *samples as f64 * 100.0 / self.samples.max(1) as f64;
            text += &format!("\n{percent:>6.1} %  {}", escape_line(name));
        }
        text
    }
}

/// Returns the functions in which most samples were, of the format of the Firefox Profiler.
fn hottest(profile: &Value) -> Vec<(String, u64)> {
    let Some(thread) = profile.pointer("/threads/0") else {
        return Vec::new();
    };
    let index = |table: &str, place: &Value| -> Option<Value> {
        let place = usize::try_from(place.as_u64()?).ok()?;
        thread.pointer(table)?.get(place).cloned()
    };
    let strings = ["/shared/stringArray", "/threads/0/stringArray"];
    let strings = strings.into_iter().find_map(|pointer| profile.pointer(pointer));
    let mut counts = HashMap::<String, u64>::new();
    for stack in thread
        .pointer("/samples/stack")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = index("/stackTable/frame", stack)
            .and_then(|frame| index("/frameTable/func", &frame))
            .and_then(|function| index("/funcTable/name", &function))
            .and_then(|name| {
                strings?
                    .get(usize::try_from(name.as_u64()?).ok()?)?
                    .as_str()
                    .map(str::to_owned)
            });
        if let Some(name) = name {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut functions: Vec<_> = counts.into_iter().collect();
    functions.sort_by(|(one, some), (other, more)| more.cmp(some).then_with(|| one.cmp(other)));
    functions.truncate(PRINTED);
    functions
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_functions_with_most_samples_come_first_and_names_cannot_deceive_a_terminal() {
        let profile = json!({
            "shared": { "stringArray": ["a\u{1b}[2J", "b"] },
            "threads": [{
                "samples": { "stack": [0, 1, 1, null, 9] },
                "stackTable": { "frame": [0, 1] },
                "frameTable": { "func": [0, 1] },
                "funcTable": { "name": [0, 1] },
            }],
        });
        let response = ServerResponse {
            status: 200,
            headers: vec![
                ("x-alga-samples".into(), "4".into()),
                ("x-alga-executions".into(), "2".into()),
            ],
            body: profile.to_string().into_bytes(),
        };
        let text = Summary::of(&response).text(Some("p.json"));
        assert_eq!(
            text,
            "4 samples of 2 executions; open p.json at https://profiler.firefox.com\n  50.0 %  b\n  25.0 %  a\\u{1b}[2J"
        );
    }
}
