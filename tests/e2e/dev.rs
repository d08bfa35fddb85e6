//! `alga dev`: a change is built and installed, a mistake is shown with its line, data stays.

use crate::done;
use alga_harness::{program, root, target};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Time for a build on a machine that runs other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `alga dev`.
struct Session {
    child: Child,
    lines: Receiver<String>,
}

impl Session {
    fn start(directory: &Path) -> Self {
        let mut command = Command::new(program("alga"));
        command.current_dir(directory);
        command.args(["dev", "--port", "0", "--config", "greeting=Moin"]);
        command.env("ALGA_SDK", root().join("guest-sdk"));
        command.env("ALGA_TOOLCHAIN_CACHE", target());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a line that contains a text, and returns it.
    fn wait_for(&self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with `{part}`: {seen:?}"));
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
    }

    /// Waits for the next build, and returns the extension's URL.
    fn ready(&self) -> String {
        let line = self.wait_for("ready in");
        line.split_once("s: ").unwrap().1.to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The platform is a process of its own, which ends with this one.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn get(url: &str) -> String {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut text = String::new();
    let response = agent.get(url).call().unwrap();
    response.into_body().into_reader().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn changes_are_installed_mistakes_are_shown_and_data_stays() {
    let home = TempDir::new().unwrap();
    done(home.path(), &["new", "greeter", "--lang", "ts"]);
    let directory = home.path().join("greeter");
    let (source, manifest) = (directory.join("src/index.ts"), directory.join("manifest.json"));
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace(r#""cap:log.emit"]"#, r#""cap:log.emit", "cap:storage.kv"]"#);
    fs::write(&manifest, text).unwrap();
    let template = fs::read_to_string(&source).unwrap();
    let write = |body: &str| {
        let text = template.replace("  log.info(\"sent a greeting\");\n", body);
        fs::write(
            &source,
            text.replace("(_request, {", "async (_request, {")
                .replace(", log }", ", kv, log }"),
        )
        .unwrap();
    };
    let count = |word: &str| {
        format!(
            "  const numbers = new kv.Namespace<number>(\"numbers\");\n  const number = ((await numbers.get(\"a\"))?.value ?? 0) + 1;\n  \
             await numbers.put(\"a\", number);\n  log.info(`{word} ${{number}}`);\n"
        )
    };
    write(&count("first"));
    let session = Session::start(&directory);
    let url = session.ready();
    assert_eq!(get(&format!("{url}hello/you")), r#"{"message":"Moin, you!"}"#);
    session.wait_for("first 1");
    write(&count("second"));
    assert_eq!(session.ready(), url);
    get(&format!("{url}hello/you"));
    session.wait_for("second 2");
    write("  const number: string = 7;\n");
    session.wait_for("src/index.ts(");
    session.wait_for("waiting for a change");
    write("  throw new Error(\"the reason\");\n");
    session.ready();
    assert!(get(&format!("{url}hello/you")).contains("internal"));
    session.wait_for("the reason");
}
