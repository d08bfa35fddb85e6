//! The complete life of an extension, from source to a response, with the programs that users run.

use crate::guests;
use crate::host_page::{HostPage, Page};
use crate::progress::execute_build;
use crate::shell::{Outcome, cargo, execute, output, report, root, step, target};
use crate::web::copy as copy_directory;
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
/// Examples that are published and installed.
const EXAMPLES: [&Example; 3] = [
    &Example {
        name: "hello",
        has_component: true,
        has_page: false,
    },
    &Example {
        name: "agreements",
        has_component: true,
        has_page: true,
    },
    &Example {
        name: "gallery",
        has_component: false,
        has_page: true,
    },
];

struct Example {
    name: &'static str,
    has_component: bool,
    has_page: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    step("1 of 5: building alga and its compiler (the first build needs some minutes)");
    run_cargo_build()?;
    step("2 of 5: building the extensions");
    guests::build(&["example-hello", "example-agreements"], Size::Smallest)?;
    let directory = target().join("demo");
    let alga = target().join("debug/alga");
    ensure_key(&alga, &directory)?;
    step("3 of 5: starting the platform: SQLite, local directory, loopback");
    let host = HostPage::bind()?;
    let origin = host.origin()?;
    let mut server = Server::start(&alga, &directory, arguments, &origin)?;
    let mut pages = Vec::new();
    for example in EXAMPLES {
        let page = release(&alga, &directory, example, &server.address)?;
        pages.extend(example.has_page.then_some(page));
    }
    host.serve(&server.address, &pages)?;
    let works = ask(&alga, &server.address);
    if works.is_ok() && !arguments.once {
        show_what_to_try(&server.address, &directory, &origin);
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
fn release(alga: &Path, directory: &Path, example: &Example, address: &str) -> Outcome<Page> {
    let name = example.name;
    step(&format!("4 of 5: packing, signing, publishing and installing {name}"));
    let bundle = directory.join(format!("{name}.tar.zst"));
    let component = guests::directory().join(format!("{name}.wasm"));
    let component = example.has_component.then_some(component.as_path());
    let version = pack_unused_version(alga, directory, example, component, &bundle)?;
    let token = directory.join("data/admin.token");
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
    let extension = format!("com.example.{name}@{version}");
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
    )?;
    let hash = output(Command::new("sha256sum").arg(&bundle))?;
    Ok(Page {
        name: format!("com.example.{name}"),
        version,
        content_hash: format!("sha256:{}", hash.split(' ').next().unwrap_or_default()),
    })
}

/// Packs an example and returns its version. A published version never changes, and the demo's data
/// outlive changes of the example, so the version counts distinct contents.
fn pack_unused_version(
    alga: &Path,
    directory: &Path,
    example: &Example,
    component: Option<&Path>,
    bundle: &Path,
) -> Outcome<String> {
    let name = example.name;
    let (published, counter) = (
        directory.join(format!("{name}.published")),
        directory.join(format!("{name}.version")),
    );
    let last: u64 = fs::read_to_string(&counter)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_default();
    for number in [last, last + 1] {
        let version = format!("1.0.{number}");
        let project = project_with_version(directory, example, &version)?;
        pack(alga, &project, component, bundle)?;
        if number > 0 && fs::read(&published).ok() == fs::read(bundle).ok() {
            return Ok(version);
        }
    }
    fs::copy(bundle, &published)?;
    fs::write(&counter, (last + 1).to_string())?;
    Ok(format!("1.0.{}", last + 1))
}

fn pack(alga: &Path, project: &Path, component: Option<&Path>, bundle: &Path) -> Outcome {
    let mut pack = Command::new(alga);
    pack.arg("pack").arg(project);
    if let Some(component) = component {
        pack.arg("--component").arg(component);
    }
    output(pack.arg("--out").arg(bundle)).map(drop)
}

/// Copies an example with this version, and with the packages that its page imports.
fn project_with_version(directory: &Path, example: &Example, version: &str) -> Outcome<PathBuf> {
    let project = directory.join(example.name);
    if project.exists() {
        fs::remove_dir_all(&project)?;
    }
    fs::create_dir_all(&project)?;
    let source = root().join("examples").join(example.name);
    let manifest = fs::read_to_string(source.join("manifest.json"))?;
    let manifest = manifest.replace("\"version\": \"1.0.0\"", &format!("\"version\": \"{version}\""));
    fs::write(project.join("manifest.json"), manifest)?;
    if example.has_page {
        let packages = root().join("guest-sdk");
        copy_directory(&source.join("ui"), &project.join("ui"))?;
        copy_directory(&packages.join("iframe/dist"), &project.join("ui/sdk"))?;
        copy_directory(&packages.join("ui-kit/dist"), &project.join("ui/kit"))?;
    }
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

fn show_what_to_try(address: &str, directory: &Path, host: &str) {
    report("");
    report("It works. A host application shows the pages of the extensions; open it in a browser:");
    report(&format!("  {host}/"));
    report("To try, in another terminal:");
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
    fn start(alga: &Path, directory: &Path, arguments: &Arguments, host: &str) -> Outcome<Self> {
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
        // The host application embeds pages and calls the gateway from another origin.
        command.args(["--gateway-origins", host, "--ui-frame-ancestors", host]);
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
