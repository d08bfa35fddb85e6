//! `cargo xtask dist`: the programs as they are shipped, and their debug information in separate
//! files.

use crate::progress::execute_build;
use crate::shell::{Outcome, cargo, execute, report, step, target};
use std::fs;
use std::process::Command;

const PROGRAMS: [&str; 2] = ["alga", "alga-compiler"];
/// Limit in bytes for the largest program that is shipped.
const PROGRAM_BYTES: u64 = 45_000_000;

/// Builds with profile `dist`, then splits each program: `alga`, and `alga.debug` with its line
/// tables. A program that finds the file next to it, by the name and checksum in its
/// `.gnu_debuglink`, includes file and line in backtraces.
pub(crate) fn run() -> Outcome {
    step("building with profile `dist` (the first build needs many minutes)");
    for name in PROGRAMS {
        // Each is built alone: built together, they would share features, and the server would
        // contain a code generator that it never uses.
        execute_build(&mut cargo(&["build", "--profile", "dist", "--package", name]))?;
    }
    let (built, out) = (target().join("dist"), target().join("shipped"));
    fs::create_dir_all(&out)?;
    for name in PROGRAMS {
        let (whole, program, debug) = (built.join(name), out.join(name), out.join(format!("{name}.debug")));
        let objcopy = || Command::new("objcopy");
        execute(objcopy().arg("--only-keep-debug").arg(&whole).arg(&debug))?;
        // Runs in the directory of the program, because the link contains only the file name.
        let link = format!("--add-gnu-debuglink={}", debug.display());
        execute(objcopy().args(["--strip-all", &link]).arg(&whole).arg(&program))?;
        let bytes = fs::metadata(&program)?.len();
        report(&format!(
            "    {} ({bytes} bytes), {} ({} bytes)",
            program.display(),
            debug.display(),
            fs::metadata(&debug)?.len()
        ));
        if bytes > PROGRAM_BYTES {
            return Err(format!("{name} has {bytes} bytes, above the limit of {PROGRAM_BYTES}").into());
        }
    }
    Ok(())
}
