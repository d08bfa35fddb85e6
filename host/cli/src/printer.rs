//! All output of the command. Results go to standard output, everything else to standard error.

use crate::escape::{escape_json, escape_lines};
use crate::outcome::CliError;
use serde::Serialize;
use serde_json::json;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IsTerminal, Write, stderr, stdout};

pub(crate) struct Printer {
    json: bool,
    /// The first error of writing to standard output.
    failure: RefCell<Option<io::Error>>,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            failure: RefCell::default(),
        }
    }

    /// True if results are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a command's result as JSON or as text.
    pub(crate) fn output(&self, facts: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            let json = serde_json::to_string_pretty(facts).unwrap_or_default();
            self.write(format!("{}\n", escape_json(&json)).as_bytes());
        } else {
            self.write(format!("{}\n", escape_lines(text().trim_end())).as_bytes());
        }
    }

    /// Prints a response body: escaped for a terminal, unchanged for a file or a pipe.
    pub(crate) fn body(&self, bytes: &[u8]) {
        if !stdout().is_terminal() {
            return self.raw(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.write(format!("{}\n", escape_lines(text.trim_end())).as_bytes()),
            Err(_) => self.note(&format!(
                "{} bytes that are not text; --raw writes them unchanged",
                bytes.len()
            )),
        }
    }

    /// Writes bytes to standard output, unchanged.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// Prints a note or progress message to standard error.
    pub(crate) fn note(&self, line: &str) {
        // If standard error is closed, the message cannot be reported elsewhere.
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

    /// Returns the first error of writing to standard output: the result was lost, so the command
    /// has failed. A closed pipe is no error, since its reader needs no more output.
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
