//! `guest-sdk/LIMITS.md`: the table of limits for authors, generated from the constants that
//! enforce them.

use crate::shell::{Outcome, root};
use alga_limits::TABLE;
use std::fmt::Write;
use std::fs;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if the file is not current
    #[arg(long)]
    pub(crate) check: bool,
}

const HEAD: &str = "# Limits

What an extension, its bundle and its executions may cost. Made by `cargo xtask limits` from `host/limits`; the numbers here are the ones that are
enforced, at the step that is named: `pack` is `alga pack` and everything after it. A message that refuses something names its limit.

| limit | most | unit | first enforced at | what, and why |
|---|---|---|---|---|
";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut text = HEAD.to_owned();
    for limit in TABLE {
        let about = limit.about.trim();
        writeln!(
            text,
            "| `{}` | {} | {} | `{}` | {about} |",
            limit.name, limit.value, limit.unit, limit.enforced
        )?;
    }
    let path = root().join("guest-sdk/LIMITS.md");
    if !arguments.check {
        return Ok(fs::write(path, text)?);
    }
    if fs::read_to_string(path).is_ok_and(|committed| committed == text) {
        Ok(())
    } else {
        Err("guest-sdk/LIMITS.md does not match host/limits; run `cargo xtask limits` and commit the result".into())
    }
}
