//! `alga test`: builds the extension, and runs its tests against a test host, which this process
//! serves.

mod runner;

use super::build::user_cache;
use super::new::sdk_of_this_checkout;
use super::steps::{STATE, alga, ensure_state, succeeded};
use crate::files::{lock, read, read_manifest};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_server::{Listener, ServeLimits, compiler_path, serve};
use alga_test_host::{TestRelease, TestReleaseSettings, router};
use clap::Args;
use runner::Runner;
use serde_json::json;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Variable with the URL of the test host, which the tests' libraries read.
const TEST_HOST: &str = "ALGA_TEST_HOST";

pub(crate) const EXAMPLE: &str = "\
The tests run as they do without this command: `cargo test`, `npm test` (vitest) or `pytest`. Each creates a test host:
  Rust        let host = alga_testing::Host::new(&json!({ \"config\": { \"greeting\": \"Moin\" } }));
  TypeScript  const host = await TestHost.start({ config: { greeting: \"Moin\" } });
  Python      host = alga_host(config={\"greeting\": \"Moin\"})

Examples:
  alga test                        build, and run all tests
  alga test -- hello               pass arguments to the test runner; with pytest, -- -k hello
  cargo test                       the tests start `alga test --serve` by themselves";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of the extension
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Build, print the URL of the test host, and serve it until standard input ends
    #[arg(long)]
    serve: bool,
    /// Cache directory of tools and machine code
    #[arg(long, env = "ALGA_TOOLCHAIN_CACHE", hide_env_values = true)]
    cache: Option<PathBuf>,
    /// Directory of the guest SDK
    #[arg(long, env = "ALGA_SDK", hide_env_values = true, default_value_os_t = sdk_of_this_checkout())]
    sdk: PathBuf,
    /// Arguments of the test runner
    #[arg(last = true, value_name = "ARGUMENTS")]
    runner: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let context = arguments.directory.display().to_string();
    let directory = arguments.directory.canonicalize().user_error(&context)?;
    read_manifest(&directory)?;
    let cache = arguments.cache.clone().unwrap_or_else(user_cache);
    // The build runs in the extension's directory.
    let cache = std::path::absolute(&cache).user_error(&cache.display().to_string())?;
    let runner = match arguments.serve {
        true => None,
        false => Some(Runner::of(&directory)?),
    };
    printer.note("building the extension");
    let release = Arc::new(release(&directory, &cache, &arguments.sdk)?);
    let runtime = Runtime::new().internal_error("could not start the async runtime")?;
    let url = start(&runtime, release)?;
    match runner {
        None => {
            printer.output(&json!({ "testHost": url }), || url.clone());
            // Ends with the process that started this one.
            io::copy(&mut io::stdin().lock(), &mut io::sink()).internal_error("")?;
            Ok(())
        }
        Some(runner) => {
            let mut command = runner.command(&directory, &arguments.sdk, &cache, printer)?;
            let this = std::env::current_exe().internal_error("")?;
            tests(command.args(&arguments.runner).env(TEST_HOST, url).env("ALGA", this))
        }
    }
}

/// Builds the extension and reads its bundle.
fn release(directory: &Path, cache: &Path, sdk: &Path) -> Outcome<TestRelease> {
    let state = directory.join(STATE);
    ensure_state(&state)?;
    // Workers of a test runner may start several of these at once, and a build is of one at a time.
    let _lock = lock(&state)?;
    let bundle = state.join(format!("test-{}.tar.zst", std::process::id()));
    let packed = || -> Outcome<Vec<u8>> {
        let mut build = alga(directory)?;
        build
            .args(["build", "--quick", "--cache"])
            .arg(cache)
            .arg("--sdk")
            .arg(sdk);
        succeeded(&mut build)?;
        succeeded(alga(directory)?.args(["pack", "--quick", "--out"]).arg(&bundle))?;
        read(&bundle, "")
    };
    let packed = packed();
    std::fs::remove_file(&bundle).ok();
    let settings = TestReleaseSettings {
        compiler: compiler_path(),
        cache: cache.join("test-host"),
    };
    TestRelease::open(packed?, &settings).user_error("")
}

/// Serves a test host on a port of this machine, and returns its URL.
fn start(runtime: &Runtime, release: Arc<TestRelease>) -> Outcome<String> {
    let _entered = runtime.enter();
    let limits = ServeLimits::default();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), &limits);
    let listener = listener.internal_error("could not listen on 127.0.0.1")?;
    let address = listener.local_addr().internal_error("")?;
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).internal_error("")?;
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let routes = router(release, &secret);
    runtime.spawn(serve(listener, routes, limits, pending()));
    Ok(format!("http://{address}/{secret}"))
}

/// Runs the tests in this terminal.
fn tests(command: &mut Command) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().user_error(&format!("could not run {program}"))?;
    if status.success() {
        return Ok(());
    }
    Err(CliError::user(format!("{program} failed: {status}")))
}
