//! Long cargo builds that say how far they are, also where there is no terminal.

use crate::shell::{Outcome, describe, root, say};
use std::io::{IsTerminal, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a build without a terminal says how far it is.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs a cargo build, showing its progress: cargo's own bar on a terminal, else a line every few seconds, `built 120 of 345`.
pub(crate) fn execute_build(cargo: &mut Command) -> Outcome {
    if std::io::stderr().is_terminal() {
        return crate::shell::execute(cargo);
    }
    let shown = describe(cargo);
    // Cargo knows how many units there are and tells it in its progress bar alone.
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
    let mut told = Instant::now();
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        for byte in chunk.iter().take(read) {
            if !matches!(byte, b'\n' | b'\r') {
                line.push(*byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            match units(&text) {
                Some((done, all)) if told.elapsed() >= INTERVAL => {
                    told = Instant::now();
                    say(&format!("    built {done} of {all}"));
                }
                Some(_) => {}
                None => pass_on(&text),
            }
        }
    }
}

/// Hundreds of lines `Compiling …` say less than one number.
fn pass_on(text: &str) {
    let plain = text.trim();
    let is_noise = plain.is_empty()
        || ["Compiling ", "Blocking ", "Downloading ", "Downloaded "]
            .iter()
            .any(|word| plain.starts_with(word));
    if !is_noise && !plain.contains('\u{1b}') {
        say(text);
    }
}

/// `120` and `345` of `Building [====>    ] 120/345: tokio, hyper`.
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
