//! The only place that writes to the terminal. Facts go to standard output, everything else to standard error.

use crate::outcome::Failed;
use serde::Serialize;
use serde_json::json;
use std::io::{Write, stderr, stdout};

pub(crate) struct Printer {
    json: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// What a command found out: for machines as JSON, for people as text.
    pub(crate) fn facts(&self, facts: &impl Serialize, text: impl FnOnce() -> String) {
        let shown = if self.json {
            serde_json::to_string_pretty(facts).unwrap_or_default()
        } else {
            text()
        };
        // Nobody to tell when standard output is gone.
        writeln!(stdout(), "{}", printable(shown.trim_end())).ok();
    }

    /// Bytes as they are: a response's body.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        let mut out = stdout();
        out.write_all(bytes).and_then(|()| out.flush()).ok();
    }

    /// What is being done.
    pub(crate) fn note(&self, line: &str) {
        writeln!(stderr(), "{}", printable(line)).ok();
    }

    pub(crate) fn error(&self, error: &Failed) {
        if self.json {
            let body = json!({ "error": { "message": error.text, "hint": error.hint, "code": error.code } });
            writeln!(stderr(), "{body}").ok();
            return;
        }
        self.note(&format!("error: {}", error.text));
        if let Some(hint) = &error.hint {
            self.note(&format!("hint: {hint}"));
        }
    }
}

/// Text of strangers must not steer the terminal: control characters other than line breaks and tabs are shown as what they are.
pub(crate) fn printable(text: &str) -> String {
    let steers = |character: char| {
        (character.is_control() && character != '\n' && character != '\t')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars()
        .map(|character| {
            if steers(character) {
                character.escape_unicode().to_string()
            } else {
                character.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn hostile_text_does_not_steer_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\r\u{202e}c\n"),
            "a\\u{1b}[31mb\\u{d}\\u{202e}c\n"
        );
    }
}
