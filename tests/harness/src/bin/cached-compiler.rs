//! Compiles as `alga-compiler` does, and stores the machine code for the next test that compiles
//! the same component: the tests of the API publish the same few guests some hundred times.
//!
//! A record is of these bytes, these arguments and this build of the compiler. What is refused or
//! exceeds a limit is not stored.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::UNIX_EPOCH;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let own = std::env::current_exe().unwrap();
    let compiler = own.with_file_name("alga-compiler");
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component).unwrap();
    let record = record(&compiler, &arguments, &component);
    if let Ok(code) = fs::read(&record) {
        io::stdout().write_all(&code).unwrap();
        return ExitCode::SUCCESS;
    }
    let mut child = Command::new(&compiler)
        .args(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A compiler that ends before it has read everything reports why in its exit status.
    child.stdin.take().unwrap().write_all(&component).ok();
    let output = child.wait_with_output().unwrap();
    if let Some(signal) = output.status.signal() {
        // SAFETY: It signals this process only, which then ends as the compiler did. The default
        // action replaces the standard library's handler of overflows.
        #[expect(unsafe_code, reason = "the standard library does not send signals")]
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    if output.status.success() {
        store(&record, &output.stdout);
    }
    io::stdout().write_all(&output.stdout).unwrap();
    ExitCode::from(u8::try_from(output.status.code().unwrap_or(2)).unwrap())
}

/// Returns the path of the machine code of this component.
fn record(compiler: &Path, arguments: &[String], component: &[u8]) -> PathBuf {
    let build = fs::metadata(compiler).unwrap();
    let modified = build.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let key = Sha256::new()
        .chain_update(format!("{} {} {arguments:?}\n", build.len(), modified.as_nanos()))
        .chain_update(component)
        .finalize();
    let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    compiler.with_file_name("compiled-for-tests").join(name)
}

/// Writes a record at once or not at all: another process may be about to read it.
fn store(record: &Path, code: &[u8]) {
    fs::create_dir_all(record.parent().unwrap()).unwrap();
    let unfinished = record.with_extension(std::process::id().to_string());
    File::create(&unfinished).unwrap().write_all(code).unwrap();
    fs::rename(unfinished, record).unwrap();
}
