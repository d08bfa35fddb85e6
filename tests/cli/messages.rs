//! Messages for users: errors with their fix, text from third parties, and files that were left
//! out.

use crate::Author;
use alga_harness::{program, root, target};
use std::fs;
use std::process::{Command, Stdio};

fn manifest(author: &Author, change: impl Fn(&mut serde_json::Value)) {
    let path = author.path().join("manifest.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn an_ambiguous_archive_is_refused_with_the_reason() {
    let author = Author::new();
    let archive = {
        let mut builder = tar::Builder::new(Vec::new());
        builder
            .append_pax_extensions([
                ("GNU.sparse.major", &b"1"[..]),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.name", b"dist/other.wasm"),
            ])
            .unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.set_mode(0o600);
        builder
            .append_data(&mut header, "dist/main.wasm", &b"code"[..])
            .unwrap();
        builder.into_inner().unwrap()
    };
    fs::write(
        author.path().join("a.tar.zst"),
        zstd::encode_all(archive.as_slice(), 1).unwrap(),
    )
    .unwrap();
    let reported = author.run(&["pack", "--from", "a.tar.zst"]);
    assert!(
        reported.starts_with("exit 1") && reported.contains("GNU.sparse.") && reported.contains("hint: unpack it"),
        "{reported}"
    );
}

#[test]
fn pack_lists_included_and_excluded_files() {
    let author = Author::with_hello();
    for (path, text) in [
        ("ui/index.html", "<p>hi"),
        ("ui/.env", "API_KEY=hunter2"),
        ("ui/.git/config", "[remote]"),
        ("ui/node_modules/x.js", "x"),
        ("ui/notes.txt", "x"),
        (".algaignore", "notes.txt\n"),
    ] {
        let path = author.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let reported = author.run(&["pack"]);
    assert!(reported.contains("\n  ui/index.html (5 bytes)\n"), "{reported}");
    for left in [
        "ui/.env (hidden)",
        "ui/.git/ (hidden)",
        "ui/node_modules/ (ignored)",
        "ui/notes.txt (ignored)",
    ] {
        assert!(
            reported.contains(&format!("\n  left out: {left}\n")),
            "{left}: {reported}"
        );
    }
    let inspected = author.run(&["inspect", "dist/bundle.tar.zst"]);
    assert!(
        inspected.contains("ui/index.html") && !inspected.contains("hunter2") && !inspected.contains(".env"),
        "{inspected}"
    );
}

#[test]
fn pack_reports_searched_paths_overlapping_endpoints_and_exceeded_limits() {
    let author = Author::with_hello();
    manifest(&author, |manifest| {
        manifest["api"]["endpoints"] = serde_json::json!([
            { "method": "GET", "path": "/hello/:name" }, { "method": "GET", "path": "/hello/delete", "auth": "write" },
        ]);
    });
    let reported = author.run(&["pack"]);
    assert!(
        reported.starts_with("exit 0")
            && reported.contains("warning: GET /hello/delete and GET /hello/:name match the same requests"),
        "{reported}"
    );
    manifest(&author, |manifest| {
        manifest["ui"] = serde_json::json!({ "type": "iframe", "entry": "web/index.html" })
    });
    let reported = author.run(&["pack"]);
    assert!(
        reported.starts_with("exit 1") && reported.contains("files below `ui/`"),
        "{reported}"
    );
    manifest(&author, |manifest| {
        manifest.as_object_mut().unwrap().remove("ui");
        manifest["limits"] = serde_json::json!({ "memoryMb": 257, "timeoutMs": 30_001 });
    });
    let reported = author.run(&["pack"]);
    assert!(
        reported.starts_with("exit 1")
            && reported.contains("257 MiB of memory for an execution; at most 256 (MEMORY_CEILING_MB)"),
        "{reported}"
    );
}

#[test]
fn manifests_in_windows_encodings_are_identified() {
    let author = Author::with_hello();
    let path = author.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("\u{feff}{text}")).unwrap();
    let reported = author.run(&["pack"]);
    assert!(
        reported.starts_with("exit 1") && reported.contains("begins with a byte order mark"),
        "{reported}"
    );
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for bytes in [&utf16[..], &utf16[2..]] {
        fs::write(&path, bytes).unwrap();
        assert!(author.run(&["pack"]).contains("is UTF-16; save it as UTF-8"));
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_a_failure() {
    for arguments in [&["config", "--dev"][..], &["--json", "config", "--dev"], &["--help"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(program("alga"))
            .args(arguments)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let reported = String::from_utf8_lossy(&output.stderr);
        assert!(
            reported.contains("could not write to standard output"),
            "{arguments:?}: {reported}"
        );
    }
    let reported = Command::new("sh")
        .args(["-c", "\"$0\" config --dev > /dev/full"])
        .arg(program("alga"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&reported.stderr).contains("could not write to standard output: No space left"));
}

#[test]
fn config_shows_every_setting_without_a_trust_bundle() {
    let author = Author::new();
    fs::write(
        author.path().join("alga.toml"),
        "pool = 7\negress_allowlist = \"a.example.com\"\n",
    )
    .unwrap();
    let reported = author.run(&["config", "--config", "alga.toml", "--port", "1"]);
    assert!(
        reported.starts_with("exit 0")
            && reported.contains("note: `alga serve` would not start with these: no trust bundle"),
        "{reported}"
    );
    for line in [
        "port = 1  [flag]",
        "pool = 7  [file]",
        "egress_allowlist = a.example.com  [file]",
        "gateway_requests_per_second = 500  [default]",
        "compiler_wall_seconds = 600  [default]",
        "trust_bundle = (not set)  [default]",
    ] {
        assert!(reported.contains(line), "{line}: {reported}");
    }
    let json = author.run(&["--json", "config", "--dev"]);
    assert!(json.contains("\"origin\": \"default\""), "{json}");
}

#[test]
fn each_setting_is_a_flag_a_key_of_the_template_and_a_line_of_config() {
    let author = Author::new();
    let help = author.run(&["serve", "--help"]);
    let template = author.run(&["config", "--template"]);
    let shown = author.run(&["config", "--dev"]);
    let settings = alga_server::Config::settings();
    for setting in settings {
        let flag = format!("--{}", setting.flag());
        let has_flag = help.lines().any(|line| line.trim_start().starts_with(&flag));
        assert!(has_flag, "{flag}: {help}");
        assert!(help.contains(&format!("[env: {}]", setting.variable)), "{flag}: {help}");
        assert!(
            template.contains(&format!("# {} = ", setting.key)),
            "{flag}: {template}"
        );
        assert!(shown.contains(&format!("{} = ", setting.key)), "{flag}: {shown}");
    }
    assert_eq!(template.matches("\n# --").count(), settings.len());
    let given = author.run(&[
        "config",
        "--dev",
        "--pool",
        "3",
        "--s3-secret-key=hunter2",
        "--adopt-revocations=false",
    ]);
    assert!(given.contains("pool = 3  [flag]"), "{given}");
    assert!(given.contains("adopt_revocations = false  [flag]"), "{given}");
    assert!(!given.contains("hunter2"), "{given}");
}

#[test]
fn arguments_and_file_names_in_messages_are_escaped_for_the_terminal() {
    let author = Author::new();
    for argument in [
        "\u{1b}[2J",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\u{2028}b",
        "a\u{2060}b",
        "a\u{feff}b",
        "a\u{61c}b",
        "a\u{e0041}b",
    ] {
        for arguments in [
            &[argument][..],
            &["inspect", argument],
            &["build", argument],
            &["install", argument, "--tenant", "demo"],
            &["call", "x", "-H", argument],
        ] {
            let reported = author.run(arguments);
            let hidden = argument
                .chars()
                .find(|character| !character.is_ascii() || character.is_control())
                .unwrap();
            assert!(
                reported.starts_with("exit 1") && !reported.contains(hidden),
                "{arguments:?}: {}",
                reported.escape_debug()
            );
        }
    }
}

#[test]
fn a_trailing_line_end_of_a_secret_is_removed_with_a_notice() {
    // Reported before a request is sent to the server: nothing listens on port 9.
    let author = Author::new();
    fs::write(author.path().join("admin.token"), "t").unwrap();
    for (bytes, is_reported) in [(&b"token\r\n"[..], true), (b"token\n", true), (b"token", false)] {
        fs::write(author.path().join("secret"), bytes).unwrap();
        let reported = author.run(&[
            "install",
            "a.b@1.0.0",
            "--tenant",
            "demo",
            "--secret",
            "tok=@secret",
            "--server",
            "http://127.0.0.1:9",
            "--token-file",
            "admin.token",
        ]);
        assert_eq!(
            reported.contains("the trailing line ending of `secret` is not part of the secret"),
            is_reported,
            "{reported}"
        );
    }
}

#[test]
fn new_picks_a_valid_crate_name_when_cargo_rejects_the_extension_name() {
    let author = Author::new();
    for (name, crate_name) in [
        ("34", "extension-34"),
        ("1st", "extension-1st"),
        ("alga-sdk", "extension-alga-sdk"),
        ("fn", "extension-fn"),
    ] {
        let reported = author.run(&["new", name]);
        assert!(
            reported.starts_with("exit 0") && reported.contains(&format!("the crate is named `{crate_name}`")),
            "{reported}"
        );
        let manifest = fs::read_to_string(author.path().join(name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{crate_name}\"")), "{manifest}");
        let checked = Command::new("cargo")
            .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
            .current_dir(author.path().join(name))
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn inspect_without_a_file_reads_the_component_in_dist() {
    let author = Author::with_hello();
    assert_eq!(author.run(&["inspect"]), author.run(&["inspect", "dist/main.wasm"]));
    fs::remove_file(author.path().join("dist/main.wasm")).unwrap();
    assert!(author.run(&["inspect"]).contains("hint: build it with `alga build`"));
}

#[test]
fn openssl_reads_the_keys_that_keygen_writes_and_keys_of_openssl_sign() {
    let author = Author::with_hello();
    for algorithm in ["ed25519", "p256"] {
        for file in ["signing.key", "trust.json"] {
            fs::remove_file(author.path().join(file)).ok();
        }
        let reported = author.run(&["keygen", "--publisher", "example", "--algorithm", algorithm]);
        assert!(reported.starts_with("exit 0"), "{reported}");
        let openssl = Command::new("openssl")
            .args(["pkey", "-in", "signing.key", "-noout", "-check"])
            .current_dir(author.path())
            .output()
            .unwrap();
        assert!(
            openssl.status.success(),
            "{algorithm}: {}",
            String::from_utf8_lossy(&openssl.stderr)
        );
    }
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out", "theirs.key"])
        .current_dir(author.path())
        .status()
        .unwrap();
    assert!(made.success());
    author.run(&["pack"]);
    let reported = author.run(&["sign", "--key", "theirs.key"]);
    assert!(reported.starts_with("exit 0"), "{reported}");
}

/// Runs the command with a terminal as its standard output.
fn on_a_terminal(author: &Author, command: &str) -> String {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .current_dir(author.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_response_is_escaped_for_a_terminal_and_raw_where_that_is_asked_for() {
    // A server that responds to every request with text that would clear the screen.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\na\x1b[2Jb\xe2\x80\xaec\n",
                )
                .unwrap();
        }
    });
    let author = Author::new();
    let alga = program("alga");
    let call = format!("{} call x/y --server http://{address}", alga.display());
    let shown = on_a_terminal(&author, &call);
    assert!(
        shown.contains("a\\u{1b}[2Jb\\u{202e}c") && !shown.contains("\u{1b}[2J"),
        "{}",
        shown.escape_debug()
    );
    let raw = on_a_terminal(&author, &format!("{call} --raw"));
    assert!(raw.contains("a\u{1b}[2Jb\u{202e}c"), "{}", raw.escape_debug());
    let piped = Command::new(&alga)
        .args(["call", "x/y", "--server", &format!("http://{address}")])
        .output()
        .unwrap();
    assert_eq!(piped.stdout, "a\u{1b}[2Jb\u{202e}c\n".as_bytes());
}

#[test]
fn a_build_for_browsers_is_refused_with_import_and_feature() {
    // The same code as `alga build`, on a module that a crate for browsers would produce.
    let module =
        wat::parse_str(r#"(module (import "__wbindgen_placeholder__" "__wbindgen_describe" (func (param i32))))"#)
            .unwrap();
    let error = alga_toolchain::encode_component(&module).unwrap_err().to_string();
    for part in ["__wbindgen_describe", "cargo tree --invert wasm-bindgen", "chrono"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_file_of_symbols_is_refused_for_a_language_that_has_none() {
    let author = Author::new();
    fs::write(author.path().join("app.py"), "").unwrap();
    let reported = author.run(&["build", "--symbols"]);
    assert!(
        reported.starts_with("exit 1") && reported.contains("`--symbols` is for extensions in Rust"),
        "{reported}"
    );
}

#[test]
fn extensions_with_the_same_crate_name_share_dependencies_and_not_output() {
    let author = Author::new();
    for (directory, word) in [("one/same", "first"), ("two/same", "second")] {
        fs::create_dir_all(author.path().join(directory).parent().unwrap()).unwrap();
        author.run(&["new", directory]);
        let source = author.path().join(directory).join("src/lib.rs");
        let text = fs::read_to_string(&source).unwrap().replace("sent a greeting", word);
        fs::write(source, text).unwrap();
    }
    let build = |directory: &str| {
        let output = Command::new(program("alga"))
            .args(["build", directory])
            .current_dir(author.path())
            .env("ALGA_TOOLCHAIN_CACHE", target())
            .env("ALGA_SDK", root().join("guest-sdk"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(author.path().join(directory).join("dist/main.wasm")).unwrap()
    };
    let holds = |component: &[u8], word: &str| component.windows(word.len()).any(|window| window == word.as_bytes());
    let (first, second) = (build("one/same"), build("two/same"));
    assert!(holds(&first, "first") && holds(&second, "second"));
    // Nothing has changed; with a shared output directory, cargo would return the other project's
    // file.
    assert!(build("one/same") == first && build("two/same") == second);
}
