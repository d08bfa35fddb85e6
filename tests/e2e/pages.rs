//! An author's page, from the template to a bundle.

use alga_harness::{program, root, target};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn alga(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("alga"));
    command.args(arguments).current_dir(directory);
    command
        .env("ALGA_SDK", root().join("guest-sdk"))
        .env("ALGA_TOOLCHAIN_CACHE", target());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

#[test]
fn an_extension_with_a_page_is_built_and_packed_in_two_steps() {
    let home = TempDir::new().unwrap();
    for template in ["plain", "react"] {
        alga(home.path(), &["new", template, "--ui", template]);
        let directory = home.path().join(template);
        alga(&directory, &["build"]);
        let packed = alga(&directory, &["pack"]);
        let warnings = String::from_utf8_lossy(&packed.stderr);
        assert!(!warnings.contains("warning"), "{template}: {warnings}");
        let listed = String::from_utf8_lossy(&packed.stdout).into_owned();
        for file in ["ui/index.html", "ui/assets/", "dist/main.wasm"] {
            assert!(listed.contains(file), "{template}: {listed}");
        }
    }
}

#[test]
fn a_page_that_does_not_compile_is_the_authors_fault_and_names_the_line() {
    let home = TempDir::new().unwrap();
    alga(home.path(), &["new", "orders", "--ui", "plain"]);
    let directory = home.path().join("orders");
    std::fs::write(directory.join("page/src/main.ts"), "const a: number = 'text';\n").unwrap();
    let mut command = Command::new(program("alga"));
    let output = command.arg("build").current_dir(&directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("src/main.ts(1,7)") && text.contains("hint: "), "{text}");
}
