//! The only place that writes to the terminal. Facts go to standard output, everything else to standard error.

use crate::escape::{escape_json, escape_lines};
use crate::outcome::CliError;
use serde::Serialize;
use serde_json::json;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IsTerminal, Write, stderr, stdout};

pub(crate) struct Printer {
    json: bool,
    /// The first failure of standard output.
    failure: RefCell<Option<io::Error>>,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            failure: RefCell::default(),
        }
    }

    /// Whether facts are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// What a command found out: as JSON for programs, else as text.
    pub(crate) fn output(&self, facts: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            let json = serde_json::to_string_pretty(facts).unwrap_or_default();
            self.write(format!("{}\n", escape_json(&json)).as_bytes());
        } else {
            self.write(format!("{}\n", escape_lines(text().trim_end())).as_bytes());
        }
    }

    /// A response's body: escaped for a terminal, as it is for a file or another program.
    pub(crate) fn body(&self, bytes: &[u8]) {
        if !stdout().is_terminal() {
            return self.raw(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.write(format!("{}\n", escape_lines(text.trim_end())).as_bytes()),
            Err(_) => self.note(&format!(
                "{} bytes that are no text; --raw writes them as they are",
                bytes.len()
            )),
        }
    }

    /// Bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// What is being done.
    pub(crate) fn note(&self, line: &str) {
        // Nobody to tell when standard error is gone.
        writeln!(stderr(), "{}", escape_lines(line)).ok();
    }

    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            let body = json!({ "error": { "message": error.text, "hint": error.hint, "code": error.code } });
            writeln!(stderr(), "{}", escape_json(&body.to_string())).ok();
            return;
        }
        self.note(&format!("error: {}", error.text));
        if let Some(hint) = &error.hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// The first error of standard output: what a command found out did not arrive, so it has not succeeded. A reader that has
    /// closed the pipe has what it wanted.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        let failure = self.failure.take();
        failure.filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }

    fn write(&self, bytes: &[u8]) {
        let mut out = stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            self.failure.borrow_mut().get_or_insert(error);
        }
    }
}
