//! Checks of the invariants in `host/README.md` that the compiler does not enforce.

mod cycles;
mod dependencies;
mod files;
mod floors;
mod language;
mod links;
mod statements;

use crate::shell::{Outcome, report, step};

pub(crate) fn run() -> Outcome {
    step("tidy");
    let mut problems = Vec::new();
    files::check(&mut problems)?;
    floors::check(&mut problems)?;
    cycles::check(&mut problems)?;
    dependencies::check(&mut problems)?;
    statements::check(&mut problems)?;
    language::check(&mut problems)?;
    links::check(&mut problems)?;
    for problem in &problems {
        report(&format!("    {problem}"));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(format!("{} problems found by tidy", problems.len()).into())
    }
}
