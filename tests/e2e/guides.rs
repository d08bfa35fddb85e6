//! The guides are accurate: their commands exist, their journeys run, their JSON is valid.

use super::done;
use alga_harness::{Server, program, root, target};
use alga_signing::TrustFile;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Returns every Markdown file of the repository with its text.
fn guides() -> BTreeMap<String, String> {
    let list = Command::new("git")
        .args(["ls-files", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let read = |path: &str| (path.to_owned(), fs::read_to_string(root().join(path)).unwrap());
    list.lines().map(read).collect()
}

/// Returns the code blocks of a language, in their order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let (mut blocks, mut current) = (Vec::new(), None::<String>);
    for line in text.lines() {
        match (line.strip_prefix("```"), current.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(found), None) if found == language => current = Some(String::new()),
            (None, Some(block)) => current = Some(block + line + "\n"),
            _ => {}
        }
    }
    blocks
}

/// Returns the commands of a shell block, each as its words; comments are left out.
fn commands(block: &str) -> Vec<Vec<String>> {
    let lines = block.lines().map(|line| line.split(" # ").next().unwrap_or_default());
    let lines = lines.map(|line| line.split("   #").next().unwrap_or_default());
    let parts = lines.flat_map(|line| line.split("&&"));
    let commands = parts.map(|part| words(part.trim()));
    commands
        .filter(|words| words.first().is_some_and(|word| !word.starts_with('#')))
        .collect()
}

/// Splits a command at spaces outside of double quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in command.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns code spans that hold a command of `alga`, outside of code blocks.
fn spans(text: &str) -> Vec<Vec<String>> {
    let outside: String = text.split("\n```").step_by(2).collect();
    let spans = outside
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|span| words(&span.replace('\n', " ")));
    spans
        .filter(|words| words.first().is_some_and(|word| word == "alga"))
        .collect()
}

/// Returns the text of `--help` for a command, or none if there is no such command.
fn help(command: &[&str]) -> Option<String> {
    let output = Command::new(program("alga"))
        .args(command)
        .arg("--help")
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// Returns what is wrong with a command: a subcommand or an option that does not exist.
fn unknown(words: &[String]) -> Option<String> {
    let mut path = Vec::new();
    let mut text = help(&path)?;
    for word in words.iter().skip(1).take_while(|word| !word.starts_with('-')) {
        if !text.contains("\nCommands:") || word == "…" {
            break;
        }
        path.push(word.as_str());
        let Some(next) = help(&path) else {
            return Some(format!("there is no command `{}`", path.join(" ")));
        };
        text = next;
    }
    let options = words.iter().filter(|word| word.starts_with("--"));
    let mut names = options.map(|word| word.split('=').next().unwrap());
    let missing = names.find(|name| !text.contains(name))?;
    Some(format!("`{}` has no option `{missing}`", path.join(" ")))
}

#[test]
fn every_command_in_the_guides_exists_with_its_options() {
    let mut found = 0;
    for (path, text) in guides() {
        let blocks = blocks(&text, "sh");
        let in_blocks = blocks.iter().flat_map(|block| commands(block));
        let all = in_blocks.filter(|words| words[0] == "alga").chain(spans(&text));
        for words in all {
            found += 1;
            assert_eq!(unknown(&words), None, "{path}: {}", words.join(" "));
        }
    }
    assert!(found > 60, "only {found} commands were found");
}

#[test]
fn every_json_block_of_the_guides_is_valid() {
    for (path, text) in guides() {
        for block in blocks(&text, "json") {
            let read = serde_json::from_str::<Value>(&block);
            assert!(read.is_ok(), "{path}: {read:?}\n{block}");
        }
    }
    let trust = fs::read_to_string(root().join("registry/docs/trust.md")).unwrap();
    serde_json::from_str::<TrustFile>(&blocks(&trust, "json")[0]).unwrap();
}

/// A reader who follows the guides in one terminal; the server runs in another.
struct Reader {
    directory: PathBuf,
    server: Option<Server>,
}

impl Reader {
    fn new(home: &Path) -> Self {
        Self {
            directory: home.to_path_buf(),
            server: None,
        }
    }

    /// Runs a block of a guide with values in place of its examples; returns what the last command
    /// printed.
    fn follow(&mut self, path: &str, number: usize, values: &[(&str, &str)]) -> String {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let block = blocks(&text, "sh").swap_remove(number);
        let block = values.iter().fold(block, |block, (from, to)| {
            assert!(block.contains(from), "{path} has no {from}");
            block.replace(from, to)
        });
        let mut printed = String::new();
        for words in commands(&block) {
            printed = self.step(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        printed
    }

    fn step(&mut self, words: &[&str]) -> String {
        match words {
            ["cd", directory] => self.directory.push(directory),
            ["alga", "serve", ..] => self.server = Some(Server::start(&self.directory)),
            ["alga", arguments @ ..] => return self.run(arguments),
            other => panic!("{other:?}"),
        }
        String::new()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program("alga"));
        command.args(arguments).current_dir(&self.directory);
        command.env("ALGA_SDK", root().join("guest-sdk"));
        command.env("ALGA_TOOLCHAIN_CACHE", target());
        command.envs(self.server.iter().map(|server| ("REGISTRY_BASE_URL", server.address())));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Publishes version 0.2.0, which may also call a host.
    fn publish_next(&self) {
        let path = self.directory.join("manifest.json");
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest["version"] = "0.2.0".into();
        manifest["egress"] = serde_json::json!(["api.example.com"]);
        fs::write(path, manifest.to_string()).unwrap();
        for step in ["pack", "sign", "publish"] {
            self.run(&[step]);
        }
    }
}

#[test]
fn an_author_who_follows_the_sdk_guide_gets_its_response() {
    let home = TempDir::new().unwrap();
    let mut author = Reader::new(home.path());
    let response = author.follow("guest-sdk/README.md", 0, &[]);
    let text = fs::read_to_string(root().join("guest-sdk/README.md")).unwrap();
    assert_eq!(response.trim(), blocks(&text, "text")[0].trim());
    assert!(author.server.unwrap().terminate().success());
    let log = fs::read_to_string(author.directory.join("server.log")).unwrap();
    assert!(
        log.contains("sent a greeting"),
        "what the extension logs reaches the operator: {log}"
    );
    let mut lines = log.lines();
    assert!(lines.all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

#[test]
fn the_guides_on_publishing_installs_and_revocation_run_in_their_order() {
    let home = TempDir::new().unwrap();
    let mut reader = Reader::new(home.path());
    reader.follow("registry/docs/publishing.md", 0, &[]);
    reader.publish_next();
    let consented = reader.follow("registry/docs/installs.md", 0, &[]);
    assert!(consented.contains("0.2.0 (enabled)"), "{consented}");
    // The operator's guide: another server on the same directory, with a key for revocations.
    let operator = TempDir::new().unwrap();
    let key = operator.path().join("revoker.key");
    done(
        operator.path(),
        &["keygen", "--publisher", "operator", "--out", "revoker.key"],
    );
    fs::copy(key, reader.directory.join("revoker.key")).unwrap();
    reader.run(&["trust", "revocation-key", "revoker.key"]);
    reader.server = None;
    reader.step(&["alga", "serve"]);
    let verified = reader.run(&["verify"]);
    let signer = verified.split("signed by ").nth(1).unwrap().split(')').next().unwrap();
    let hash = reader.run(&["--json", "pack"]);
    let hash: Value = serde_json::from_str(&hash).unwrap();
    let values = [
        ("472c0194e271d627", signer),
        ("sha256:…", hash["contentHash"].as_str().unwrap()),
    ];
    reader.follow("registry/docs/trust.md", 0, &values);
    let active = reader.run(&["trust", "revocations"]);
    assert!(active.contains("1 signers"), "{active}");
}
