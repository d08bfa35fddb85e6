//! Long cargo builds that report their progress, also without a terminal.

use crate::shell::{Outcome, describe, report, root};
use std::io::{IsTerminal, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Interval of the progress reports of a build without a terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs a cargo build and shows its progress: cargo's own bar on a terminal, otherwise a line every
/// few seconds, `built 120 of 345`.
pub(crate) fn execute_build(cargo: &mut Command) -> Outcome {
    if std::io::stderr().is_terminal() {
        return crate::shell::execute(cargo);
    }
    let shown = describe(cargo);
    // Cargo reports the number of units only in its progress bar.
    cargo
        .current_dir(root())
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .stderr(Stdio::piped());
    let mut child = cargo
        .spawn()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if let Some(stderr) = child.stderr.take() {
        follow(stderr);
    }
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})").into())
    }
}

fn follow(mut stderr: impl Read) {
    let (mut line, mut chunk) = (Vec::new(), [0; 4096]);
    let mut output = Instant::now();
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        for byte in chunk.iter().take(read) {
            if !matches!(byte, b'\n' | b'\r') {
                line.push(*byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            match units(&text) {
                Some((done, all)) if output.elapsed() >= INTERVAL => {
                    output = Instant::now();
                    report(&format!("    built {done} of {all}"));
                }
                Some(_) => {}
                None => pass_on(&text),
            }
        }
    }
}

/// Prints a line of cargo's output unless it is noise: hundreds of `Compiling …` lines are less
/// useful than one number.
fn pass_on(text: &str) {
    let plain = text.trim();
    let is_noise = plain.is_empty()
        || ["Compiling ", "Blocking ", "Downloading ", "Downloaded "]
            .iter()
            .any(|word| plain.starts_with(word));
    if !is_noise && !plain.contains('\u{1b}') {
        report(text);
    }
}

/// Parses `120` and `345` from `Building [====>    ] 120/345: tokio, hyper`.
fn units(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once("Building [")?;
    let (_, rest) = rest.split_once(']')?;
    let (done, rest) = rest.trim_start().split_once('/')?;
    let all = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn cargos_progress_bar_is_read() {
        assert_eq!(
            units("    Building [=====>       ] 120/345: tokio, hyper"),
            Some((120, 345))
        );
        assert_eq!(units("\u{1b}[K    Building [>  ] 0/3"), Some((0, 3)));
        assert_eq!(units("   Compiling tokio v1.54.1"), None);
    }
}
