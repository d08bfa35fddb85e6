//! The `alga` command as users see it: exit code, standard output, standard error. Snapshots are
//! next to this file.
//!
//! `cargo xtask bless` rewrites them.

mod messages;
mod trust;

use alga_harness::{hello_project, program, root, target};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Project directory of an author.
struct Author {
    directory: TempDir,
}

impl Author {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Creates a project with the built hello example.
    fn with_hello() -> Self {
        let author = Self::new();
        hello_project(author.path());
        author
    }

    /// Replaces the component of the project with another built example or test guest.
    fn replace_component(&self, name: &str) {
        let built = target().join("components").join(format!("{name}.wasm"));
        fs::copy(built, self.path().join("dist/main.wasm")).unwrap();
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(program("alga"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("ALGA_SDK", root().join("guest-sdk"))
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        format!(
            "exit {}\n--- stdout\n{stdout}--- stderr\n{stderr}",
            output.status.code().unwrap()
        )
    }
}

/// Compares with a snapshot; parts that differ from day to day are replaced by their names.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"sha256:[0-9a-f]{64}", "[digest]");
    settings.add_filter(r"\b[0-9a-f]{16}\b", "[key]");
    settings.add_filter(r"\d+ bytes", "[bytes]");
    settings.add_filter(r#""(bytes|dist/main.wasm|manifest.json)": \d+"#, "\"$1\": \"[bytes]\"");
    settings.add_filter(r#""producers": \[[^\]]*\]"#, "\"producers\": [producers]");
    settings.add_filter(r"produced by .*", "produced by [producers]");
    settings.add_filter(r"/tmp/[A-Za-z0-9._]+", "[folder]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn help_describes_the_whole_workflow() {
    let author = Author::new();
    snapshot("help", &author.run(&["--help"]));
    snapshot("help_install", &author.run(&["install", "--help"]));
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    snapshot("unknown_command", &Author::new().run(&["lunch"]));
}

#[test]
fn inspect_shows_imports_with_the_capabilities_that_grant_them() {
    let author = Author::with_hello();
    snapshot("inspect_component", &author.run(&["inspect", "dist/main.wasm"]));
    snapshot(
        "inspect_with_manifest",
        &author.run(&["inspect", "dist/main.wasm", "--manifest", "manifest.json"]),
    );
    author.replace_component("agreements");
    snapshot(
        "inspect_undeclared",
        &author.run(&["inspect", "dist/main.wasm", "--manifest", "manifest.json"]),
    );
    snapshot("inspect_nonsense", &author.run(&["inspect", "manifest.json"]));
}

#[test]
fn pack_composes_adapters_and_inspect_shows_the_parts() {
    let author = Author::with_hello();
    author.replace_component("works_with_the_standards_interfaces");
    let manifest = author.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace("\"cap:log.emit\"", "\"cap:log.emit\", \"cap:storage.kv\"");
    fs::write(&manifest, text).unwrap();
    snapshot("pack_composes", &author.run(&["pack"]));
    snapshot("inspect_composed", &author.run(&["inspect", "dist/bundle.tar.zst"]));
}

#[test]
fn keygen_pack_sign_verify_inspect() {
    let author = Author::with_hello();
    snapshot("keygen", &author.run(&["keygen", "--publisher", "example"]));
    snapshot(
        "keygen_does_not_overwrite",
        &author.run(&["keygen", "--publisher", "example"]),
    );
    snapshot("pack", &author.run(&["pack"]));
    snapshot("verify_unsigned", &author.run(&["verify"]));
    snapshot("sign", &author.run(&["sign"]));
    snapshot("verify", &author.run(&["verify"]));
    snapshot(
        "inspect_bundle_json",
        &author.run(&["inspect", "--json", "dist/bundle.tar.zst"]),
    );
    author.run(&[
        "keygen",
        "--publisher",
        "example",
        "--out",
        "other.key",
        "--trust",
        "other.json",
    ]);
    snapshot("verify_other_key", &author.run(&["verify", "--trust", "other.json"]));
}

#[test]
fn pack_reports_what_a_registry_would_refuse_with_a_remedy() {
    let author = Author::with_hello();
    author.replace_component("agreements");
    snapshot("pack_undeclared", &author.run(&["pack"]));
    fs::write(
        author.path().join("manifest.json"),
        r#"{"name":"com.example.a","publisher":"example","version":"1.0.0","runtime":"jvm","capabilities":["cap:x"]}"#,
    )
    .unwrap();
    snapshot("pack_broken_manifest", &author.run(&["pack"]));
    fs::remove_file(author.path().join("manifest.json")).unwrap();
    snapshot("pack_without_manifest", &author.run(&["pack"]));
}

/// The archive comes from GNU tar: unsorted, with directories, owners, times and long names.
#[test]
fn a_foreign_archive_is_repacked_and_a_link_in_it_is_refused() {
    let author = Author::with_hello();
    let long = format!("ui/{}/{}", "a".repeat(90), "b".repeat(90));
    fs::create_dir_all(author.path().join(&long).parent().unwrap()).unwrap();
    fs::write(author.path().join(&long), "x").unwrap();
    let archive = |file: &str| {
        let tar = Command::new("tar")
            .args([
                "--format=pax",
                "-cf",
                "foreign.tar",
                "./ui",
                "./manifest.json",
                "./dist",
            ])
            .current_dir(author.path())
            .status();
        assert!(tar.unwrap().success());
        let bytes = fs::read(author.path().join("foreign.tar")).unwrap();
        fs::write(author.path().join(file), zstd::encode_all(bytes.as_slice(), 3).unwrap()).unwrap();
    };
    // Files that are never packed from a directory are not packed from an archive of it either.
    fs::write(author.path().join("ui/.env"), "KEY=1").unwrap();
    archive("foreign.tar.zst");
    let packed = author.run(&["pack", "--from", "foreign.tar.zst", "--out", "again.tar.zst"]);
    assert!(packed.starts_with("exit 0"), "{packed}");
    assert!(packed.contains("left out: ui/.env"), "{packed}");
    assert!(author.run(&["inspect", "--json", "again.tar.zst"]).contains(&long));
    author.run(&["pack", "--out", "direct.tar.zst"]);
    assert_eq!(
        fs::read(author.path().join("again.tar.zst")).unwrap(),
        fs::read(author.path().join("direct.tar.zst")).unwrap()
    );
    std::os::unix::fs::symlink("/etc/passwd", author.path().join("ui/link")).unwrap();
    archive("link.tar.zst");
    assert!(author.run(&["pack", "--from", "link.tar.zst"]).starts_with("exit 1"));
}

#[test]
fn a_declared_capability_that_is_not_used_is_a_warning() {
    let author = Author::with_hello();
    let manifest = fs::read_to_string(author.path().join("manifest.json")).unwrap();
    fs::write(
        author.path().join("manifest.json"),
        manifest.replace("\"cap:log.emit\"", "\"cap:log.emit\", \"cap:storage.kv\""),
    )
    .unwrap();
    snapshot("pack_unused", &author.run(&["pack"]));
}

#[test]
fn pack_stubs_files_and_sockets_and_reports_it() {
    let author = Author::with_hello();
    author.replace_component("opens_files");
    let reported = author.run(&["pack"]);
    assert!(
        reported.starts_with("exit 0") && reported.contains("no directories, no sockets"),
        "{reported}"
    );
    let inspected = author.run(&["inspect", "dist/bundle.tar.zst"]);
    let (composed, parts) = inspected.split_once("\nparts\n").unwrap();
    assert!(
        composed.starts_with("exit 0") && !composed.contains("wasi:filesystem"),
        "{inspected}"
    );
    assert!(parts.contains("imports wasi:filesystem"), "{inspected}");
}

#[test]
fn new_creates_a_project_and_never_overwrites_another() {
    let author = Author::new();
    snapshot("new", &author.run(&["new", "greeter"]));
    snapshot("new_again", &author.run(&["new", "greeter"]));
    snapshot("new_wrong_name", &author.run(&["new", "Greeter!"]));
    assert!(author.path().join("greeter/src/lib.rs").exists());
    // Editors find the schema by this field.
    let manifest = fs::read_to_string(author.path().join("greeter/manifest.json")).unwrap();
    assert!(
        manifest.contains("\"$schema\": \"./manifest.schema.json\"")
            && author.path().join("greeter/manifest.schema.json").exists()
    );
}

#[test]
fn an_unreachable_server_is_reported_with_the_remedy() {
    snapshot(
        "call_nobody",
        &Author::new().run(&["call", "com.example.hello/hello", "--server", "http://127.0.0.1:1"]),
    );
    snapshot(
        "call_nobody_json",
        &Author::new().run(&[
            "call",
            "com.example.hello/hello",
            "--server",
            "http://127.0.0.1:1",
            "--json",
        ]),
    );
}

#[test]
fn serve_refuses_to_start_without_a_trusted_publisher() {
    let author = Author::new();
    snapshot("serve_without_trust", &author.run(&["serve", "--port", "0"]));
    snapshot(
        "serve_open_to_all",
        &author.run(&["serve", "--dev", "--dev-tenant", "demo", "--listen", "0.0.0.0"]),
    );
    fs::write(author.path().join("alga.toml"), "prot = 1\n").unwrap();
    snapshot(
        "serve_unknown_key",
        &author.run(&["serve", "--config", "alga.toml", "--dev"]),
    );
    fs::write(author.path().join("trust.json"), "{\"publishers\": []}").unwrap();
    snapshot(
        "serve_empty_trust",
        &author.run(&["serve", "--trust-bundle", "trust.json", "--port", "0"]),
    );
}

#[test]
fn serve_refuses_to_start_without_a_compiler_of_its_own_version() {
    let author = Author::new();
    let with_compiler = |compiler: &str| {
        fs::write(
            author.path().join("alga.toml"),
            format!("dev = true\nport = 0\ncompiler = \"{compiler}\"\n"),
        )
        .unwrap();
        author.run(&["serve", "--config", "alga.toml", "--log", "error"])
    };
    snapshot("serve_without_compiler", &with_compiler("/nowhere/alga-compiler"));
    snapshot("serve_with_another_compiler", &with_compiler("/bin/cat"));
}

/// `cargo xtask bless` rewrites the schema.
#[test]
fn the_shipped_manifest_schema_matches_the_types() {
    let path = root().join("registry/manifest.schema.json");
    let schema = alga_bundle::manifest_schema(alga_capabilities::known());
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}
