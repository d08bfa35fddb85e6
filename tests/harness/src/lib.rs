//! Test platforms and mock servers for the tests of this repository.
//!
//! [`TestPlatform`] is a platform in a directory of its own, called in process. [`Release`] is a
//! signed extension made from a test guest. Tests use the same routes that clients use; a method
//! that bypasses the routes has a name that shows it.

mod browser;
mod callers;
mod collector;
mod database;
mod mock_server;
mod objects;
mod oci;
pub mod pki;
mod provider;
mod release;
mod server;
mod sign_in;
mod sigstore;
mod transport;
mod vault;
mod world;

pub use browser::{run_in_browser, run_in_browser_with, sign_in_with_browser};
pub use callers::{Credential, ExecuteRequest, Reply, TestResponse};
pub use collector::{Collector, ReceivedRecord, ReceivedSpan};
pub use database::{fresh_database, query};
pub use mock_server::MockServer;
pub use objects::S3;
pub use oci::OciRegistry;
pub use provider::OpenIdProvider;
pub use release::Release;
pub use server::{Server, ServerOptions};
pub use sign_in::{Script, SignInProvider};
pub use sigstore::Sigstore;
pub use transport::{request_over_protocol, try_request_over_protocol};
pub use vault::Vault;
pub use world::{StoppedPlatform, TestPlatform};

use alga_bundle::TenantId;
use std::path::{Path, PathBuf};

/// Reads a tenant id that must be valid.
#[must_use]
pub fn tenant_id(text: &str) -> TenantId {
    text.parse().unwrap()
}

/// Returns the root directory of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Returns cargo's target directory.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the path of a program of this workspace, built by `cargo xtask test` in the same profile
/// as this one.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    // …/target/<profile>/deps/<test> or …/target/<profile>/<bench>
    let own = std::env::current_exe().unwrap();
    let directory = own.parent().unwrap();
    let profile = if directory.ends_with("deps") {
        directory.parent().unwrap()
    } else {
        directory
    };
    let path = profile.join(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask test`, or `cargo build` first",
        path.display()
    );
    path
}

/// Returns the component that `cargo xtask guests` built from an example or a test guest.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    let path = target().join("components").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

/// Lists the names of all built components.
///
/// # Panics
/// Panics if they are not built.
#[must_use]
pub fn components() -> Vec<String> {
    let entries = std::fs::read_dir(target().join("components")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| Some(name.strip_suffix(".wasm")?.to_owned()))
        .collect()
}

/// Creates a project in this directory: the manifest and the component of the hello example.
pub fn hello_project(directory: &Path) {
    std::fs::create_dir(directory.join("dist")).unwrap();
    for (from, to) in [
        (root().join("examples/hello/manifest.json"), "manifest.json"),
        (target().join("components/hello.wasm"), "dist/main.wasm"),
    ] {
        std::fs::copy(from, directory.join(to)).unwrap();
    }
}

/// Builds a component from a handler in WebAssembly text, for behavior that no compiler generates:
/// the module exports `handle`, which accepts two handles.
#[must_use]
pub fn handler(module: &str) -> Vec<u8> {
    handler_with("", "", module)
}

/// Builds a component like [`handler`], with definitions before the module and arguments that it is
/// instantiated with.
#[must_use]
pub fn handler_with(definitions: &str, arguments: &str, module: &str) -> Vec<u8> {
    handler_lifted(definitions, arguments, module, "")
}

/// Builds a component like [`handler_with`], with options for lifting its function, such as
/// `(post-return …)`. The instance of the module is `$instance`.
#[must_use]
pub fn handler_lifted(definitions: &str, arguments: &str, module: &str, options: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.12" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $module {module})
            {definitions}
            (core instance $instance (instantiate $module {arguments}))
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $instance "handle") {options}))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.12" (instance $handler)))"#
    );
    wat::parse_str(text).unwrap()
}

/// Borrows names and values of settings.
#[must_use]
pub fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = settings.iter();
    pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Returns the number of rounds of a campaign: the one set by `cargo xtask soak`, or else this one.
#[must_use]
pub fn rounds(short: u64) -> u64 {
    let asked = std::env::var("ALGA_SOAK_ROUNDS").ok();
    asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(short)
}

/// Builds a module in JavaScript into a component, as `alga build` does.
///
/// # Errors
/// Returns the engine's text if the module fails or has no handler.
pub fn javascript(source: &str) -> Result<Vec<u8>, alga_javascript::BuildError> {
    let engine = alga_javascript::Engine::current()?;
    let snapshot = alga_javascript::evaluate(engine, source.as_bytes(), "")?;
    alga_javascript::component(engine, &snapshot)
}
