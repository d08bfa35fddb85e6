//! Generates `guest-sdk/src/bindings.rs` from `wit/`.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;
use wit_parser::Resolve;

/// The world of the Rust SDK.
const WORLD: &str = "alga:extension/http-extension";
const HEADER: &str = "//! The generated side of the WIT worlds; everything else in this crate is written on top of it.\n\
                      //!\n\
                      //! Made by `cargo xtask bindings` from `wit/`, where the documentation lives. Not edited by hand: a test compares the two.\n\n";
/// The macro that exports a handler is named by the SDK.
const FOOTER: &str = "\npub use __export_http_extension_impl;\n";

fn main() -> ExitCode {
    let written = generate().and_then(|code| Ok(std::fs::write(target(), code)?));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn target() -> PathBuf {
    root().join("guest-sdk/src/bindings.rs")
}

/// The bindings, formatted as `cargo fmt` formats them.
fn generate() -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root().join("wit"))?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let options = Opts {
        generate_all: true,
        pub_export_macro: true,
        default_bindings_module: Some("alga::__private::bindings".to_owned()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let mut code = HEADER.to_owned();
    for (_, contents) in files.iter() {
        code.push_str(std::str::from_utf8(contents)?);
    }
    code.push_str(FOOTER);
    format(&code)
}

fn format(code: &str) -> Result<String, Box<dyn Error>> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root().join(".rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = rustfmt.stdin.take().ok_or("rustfmt has no standard input")?;
    let sent = code.to_owned();
    let sender = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let output = rustfmt.wait_with_output()?;
    sender.join().map_err(|_| "the code could not be handed to rustfmt")??;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err("rustfmt failed".into())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bindings_are_those_of_the_wit_files() {
        let committed = std::fs::read_to_string(super::target()).unwrap();
        let is_current = super::generate().unwrap() == committed;
        assert!(
            is_current,
            "wit/ has changed; run `cargo xtask bindings` and commit the result"
        );
    }
}
