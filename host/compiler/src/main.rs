//! The `alga-compiler` program: reads one component from standard input, writes its machine code to
//! standard output.
//!
//! The only program that contains a compiler. It runs for one component, without environment, files
//! or network, under limits that it sets on itself before it reads the first byte. An attacker who
//! exploits the compiler through its input gains access to nothing.

mod confine;

use alga_bundle::limits::COMPONENT_BYTES;
use alga_engine::settings::{CodeOptions, shared_config};
use alga_engine::{EXIT_BROKEN as BROKEN, EXIT_REFUSED as REFUSED};
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some((address_space_bytes, processor_seconds, code, is_component)) = arguments() else {
        return report(
            BROKEN,
            "usage: alga-compiler <bytes of address space> <seconds of CPU time> <true or false: counts fuel> <true or false: WASI 0.3> <component or module>",
        );
    };
    if let Err(reason) = confine::limit_resources(address_space_bytes, processor_seconds) {
        return report(BROKEN, &format!("could not limit itself: {reason}"));
    }
    let mut component = Vec::new();
    if let Err(error) = io::stdin().take(COMPONENT_BYTES as u64 + 1).read_to_end(&mut component) {
        return report(BROKEN, &format!("could not read the component: {error}"));
    }
    if component.len() > COMPONENT_BYTES {
        return report(REFUSED, "the component is too large");
    }
    // The input is parsed only from here on.
    if let Err(reason) = confine::forbid_system_calls() {
        return report(BROKEN, &format!("could not confine itself: {reason}"));
    }
    let compile = if is_component { compile } else { compile_module };
    match compile(&component, code) {
        Ok(code) => match io::stdout().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(BROKEN),
        },
        Err(error) => report(REFUSED, &format!("{error:#}")),
    }
}

/// Reads the arguments that the parent passes (see `alga_engine::CompilerLimits`).
fn arguments() -> Option<(u64, u64, CodeOptions, bool)> {
    let mut arguments = std::env::args().skip(1);
    let mut limit = || arguments.next()?.parse().ok();
    let limits = (limit()?, limit()?);
    let code = CodeOptions {
        counts_fuel: arguments.next()?.parse().ok()?,
        runs_wasi_0_3: arguments.next()?.parse().ok()?,
    };
    let is_component = match arguments.next()?.as_str() {
        "component" => true,
        "module" => false,
        _ => return None,
    };
    Some((limits.0, limits.1, code, is_component))
}

fn compile(component: &[u8], code: CodeOptions) -> wasmtime::Result<Vec<u8>> {
    // wasmtime enables more proposals by default than extensions may use, so the bundle reader
    // decides.
    let facts = alga_bundle::ComponentFacts::read(component)?;
    if facts.uses_wasi_0_3() && !code.runs_wasi_0_3 {
        wasmtime::bail!(
            "the component is one for WASI 0.3, which runs where the operator has enabled it (ALGA_WASI_0_3)\nhint: build it for WASI 0.2, whose handler is `wasi:http/incoming-handler`"
        );
    }
    wasmtime::Engine::new(&shared_config(code))?.precompile_component(component)
}

/// Compiles a core module of the host itself.
fn compile_module(module: &[u8], code: CodeOptions) -> wasmtime::Result<Vec<u8>> {
    wasmtime::Engine::new(&shared_config(code))?.precompile_module(module)
}

fn report(code: u8, reason: &str) -> ExitCode {
    // The write fails only if the parent has exited, and then nothing is left to report to.
    writeln!(io::stderr(), "{reason}").ok();
    ExitCode::from(code)
}
