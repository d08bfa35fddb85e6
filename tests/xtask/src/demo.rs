//! The complete life of an extension, from source to a response, with the programs that users run.

use crate::guests;
use crate::progress::execute_build;
use crate::shell::{Outcome, cargo, execute, output, report, root, step, target};
use alga_toolchain::Size;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Exit after the request, non-zero if anything failed
    #[arg(long)]
    once: bool,
    /// Port to listen on; 0 selects a free one
    #[arg(long, default_value_t = 8700)]
    port: u16,
}

/// Expected response to the first request.
const EXPECTED: &str = r#"{"message":"Hello, you!"}"#;
const TENANT: &str = "demo";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    step("1 of 5: building alga and its compiler (the first build needs some minutes)");
    run_cargo_build()?;
    step("2 of 5: building the extensions");
    guests::build(&["example-hello", "example-agreements"], Size::Smallest)?;
    let directory = target().join("demo");
    let alga = target().join("debug/alga");
    ensure_key(&alga, &directory)?;
    step("3 of 5: starting the platform: SQLite, local directory, loopback");
    let mut server = Server::start(&alga, &directory, arguments)?;
    for example in ["hello", "agreements"] {
        release(&alga, &directory, example, &server.address)?;
    }
    let works = ask(&alga, &server.address);
    if works.is_ok() && !arguments.once {
        show_what_to_try(&server.address, &directory);
        server.wait_for_end()?;
    }
    works
}

fn run_cargo_build() -> Outcome {
    execute_build(&mut cargo(&[
        "build",
        "--package",
        "alga",
        "--package",
        "alga-compiler",
    ]))
}

fn ensure_key(alga: &Path, directory: &Path) -> Outcome {
    if directory.join("trust.json").exists() {
        return Ok(());
    }
    step("generating a development signing key");
    fs::create_dir_all(directory)?;
    let mut keygen = Command::new(alga);
    keygen
        .args(["keygen", "--publisher", "example"])
        .arg("--out")
        .arg(directory.join("signing.key"))
        .arg("--trust")
        .arg(directory.join("trust.json"));
    execute(&mut keygen)
}

/// Packs, signs, publishes and installs an example.
fn release(alga: &Path, directory: &Path, example: &str, address: &str) -> Outcome {
    step(&format!(
        "4 of 5: packing, signing, publishing and installing {example}"
    ));
    let bundle = directory.join(format!("{example}.tar.zst"));
    let component = guests::directory().join(format!("{example}.wasm"));
    let source = root().join("examples").join(example);
    let version = unused_version(&component, directory, example)?;
    let project = project_with_version(&source, directory, example, &version)?;
    let token = directory.join("data/admin.token");
    execute(
        Command::new(alga)
            .arg("pack")
            .arg(&project)
            .arg("--component")
            .arg(&component)
            .arg("--out")
            .arg(&bundle),
    )?;
    execute(
        Command::new(alga)
            .arg("sign")
            .arg(&bundle)
            .arg("--key")
            .arg(directory.join("signing.key")),
    )?;
    execute(
        Command::new(alga)
            .arg("publish")
            .arg(&bundle)
            .args(["--server", address])
            .arg("--token-file")
            .arg(&token),
    )?;
    let extension = format!("com.example.{example}@{version}");
    execute(
        Command::new(alga)
            .args([
                "install",
                &extension,
                "--tenant",
                TENANT,
                "--grant-declared",
                "--server",
                address,
            ])
            .arg("--token-file")
            .arg(&token),
    )
}

/// Returns a version for the component. A published version never changes, and the demo's data
/// outlive changes of the example, so the version counts distinct contents.
fn unused_version(component: &Path, directory: &Path, example: &str) -> Outcome<String> {
    let published = directory.join(format!("{example}.wasm"));
    let counter = directory.join(format!("{example}.version"));
    let last: u64 = fs::read_to_string(&counter)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_default();
    let bytes = fs::read(component)?;
    if last > 0 && fs::read(&published).ok().as_deref() == Some(bytes.as_slice()) {
        return Ok(format!("1.0.{last}"));
    }
    fs::write(&published, bytes)?;
    fs::write(&counter, (last + 1).to_string())?;
    Ok(format!("1.0.{}", last + 1))
}

fn project_with_version(source: &Path, directory: &Path, example: &str, version: &str) -> Outcome<PathBuf> {
    let project = directory.join(example);
    fs::create_dir_all(&project)?;
    let manifest = fs::read_to_string(source.join("manifest.json"))?;
    let manifest = manifest.replace("\"version\": \"1.0.0\"", &format!("\"version\": \"{version}\""));
    fs::write(project.join("manifest.json"), manifest)?;
    Ok(project)
}

fn ask(alga: &Path, address: &str) -> Outcome {
    step("5 of 5: request: GET /api/ext/com.example.hello/hello/you");
    let mut call = Command::new(alga);
    call.args(["call", "com.example.hello/hello/you", "--server", address])
        .stderr(Stdio::inherit());
    let response = output(&mut call)?;
    report(&format!("    {}", response.trim()));
    if response.trim() == EXPECTED {
        Ok(())
    } else {
        Err(format!("unexpected response; expected {EXPECTED}").into())
    }
}

fn show_what_to_try(address: &str, directory: &Path) {
    report("");
    report("It works. To try, in another terminal:");
    report(&format!("  curl {address}/api/ext/com.example.hello/hello/you"));
    report(&format!(
        "  curl {address}/api/ext/com.example.agreements/agreements -d '{{\"title\":\"Support\",\"client\":\"Acme\",\"monthly_cents\":9900}}'"
    ));
    report(&format!("  curl {address}/api/ext/com.example.agreements/agreements"));
    report(&format!(
        "  target/debug/alga inspect {}",
        directory.join("agreements.tar.zst").display()
    ));
    report("Ctrl-C stops the platform.");
}

/// Running platform; stopped when dropped, as its operator would stop it.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(alga: &Path, directory: &Path, arguments: &Arguments) -> Outcome<Self> {
        let mut command = Command::new(alga);
        command.args([
            "serve",
            "--json",
            "--dev",
            "--dev-tenant",
            TENANT,
            "--port",
            &arguments.port.to_string(),
            "--log",
            "warn",
        ]);
        command
            .arg("--data")
            .arg(directory.join("data"))
            .arg("--trust-bundle")
            .arg(directory.join("trust.json"));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        match first_address(BufReader::new(stdout)) {
            Some(address) => Ok(Self { child, address }),
            None => {
                child.wait()?;
                Err(
                    "the platform did not start; see above (does a server use this port? `--port 0` selects a free one)"
                        .into(),
                )
            }
        }
    }

    fn wait_for_end(&mut self) -> Outcome {
        self.child.wait()?;
        Ok(())
    }
}

fn first_address(lines: impl BufRead) -> Option<String> {
    let quoted = |line: String| {
        line.split('"')
            .find(|word| word.starts_with("http://"))
            .map(ToOwned::to_owned)
    };
    lines.lines().map_while(Result::ok).find_map(quoted)
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM is what an operator sends; the server finishes the requests in progress.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .stderr(Stdio::null())
            .status();
        if asked.is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}
