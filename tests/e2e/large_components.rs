//! Components that contain a whole engine, published on a machine busy with other work: that must
//! not be treated as the publisher's fault.

use crate::{alga, done};
use alga_harness::{Server, target};
use serde_json::json;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Held by tests that compile an engine, which needs half a minute of a processor.
pub(crate) static COMPILING: Mutex<()> = Mutex::new(());

/// Busy loops that use all processors until this value is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn machine() -> Self {
        // Three per processor: the compiler gets a quarter of one.
        let count = 3 * std::thread::available_parallelism().unwrap().get();
        let spin = || {
            Command::new("sh")
                // It also ends if the test is killed.
                .args(["-c", "while kill -0 $PPID; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self((0..count).map(|_| spin()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn project(home: &TempDir, language: &str) -> PathBuf {
    let directory = home.path().join(language);
    std::fs::create_dir_all(directory.join("dist")).unwrap();
    std::fs::copy(
        target().join(format!("components/{language}.wasm")),
        directory.join("dist/main.wasm"),
    )
    .unwrap();
    let manifest = json!({
        "name": format!("com.example.{language}"), "publisher": "example", "version": "1.0.0",
        "capabilities": if language == "javascript" { json!(["cap:http.fetch"]) } else { json!([]) },
        "limits": { "memoryMb": 128 },
        "api": { "endpoints": [{ "method": "GET", "path": "/:page" }] },
    });
    std::fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
    directory
}

#[test]
fn javascript_and_python_components_compile_and_run_on_a_busy_machine() {
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = TempDir::new().unwrap();
    let directory = home.path();
    done(directory, &["keygen", "--publisher", "example"]);
    let server = Server::start(directory);
    let at = ["--server", server.address(), "--token-file", "../alga-data/admin.token"];
    let published = {
        let _busy = Busy::machine();
        std::thread::scope(|scope| {
            let publish = |language: &'static str| {
                let project = project(&home, language);
                done(&project, &["pack"]);
                done(&project, &["sign", "--key", "../signing.key"]);
                alga(&project, &[&["publish"][..], &at].concat())
            };
            let both = ["javascript", "python"].map(|language| scope.spawn(move || publish(language)));
            both.map(|publishing| publishing.join().unwrap())
        })
    };
    for output in published {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(
            stderr.contains("s: the server verifies and compiles"),
            "progress is shown: {stderr}"
        );
    }
    for language in ["javascript", "python"] {
        let project = home.path().join(language);
        done(
            &project,
            &[&["install", "--tenant", "demo", "--grant-declared"][..], &at].concat(),
        );
        let response = done(
            &project,
            &[
                "call",
                &format!("com.example.{language}/page"),
                "--server",
                server.address(),
            ],
        );
        let response: serde_json::Value = serde_json::from_str(response.trim()).unwrap();
        assert_eq!(response["language"], language);
    }
}
