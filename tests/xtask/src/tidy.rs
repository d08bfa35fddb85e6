//! The invariants of `host/README.md` that a compiler does not hold.

mod dependencies;
mod files;
mod floors;
mod statements;

use crate::shell::{Outcome, say, step};

pub(crate) fn run() -> Outcome {
    step("tidy");
    let mut problems = Vec::new();
    files::check(&mut problems)?;
    floors::check(&mut problems)?;
    dependencies::check(&mut problems)?;
    statements::check(&mut problems)?;
    for problem in &problems {
        say(&format!("    {problem}"));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(format!("{} things are not tidy", problems.len()).into())
    }
}
