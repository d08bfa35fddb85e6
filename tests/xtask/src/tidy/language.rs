//! The language of comments, texts and documentation, after `host/docs/terminology.md`.

use crate::shell::{Outcome, output, root};
use std::fs;
use std::process::Command;

const GLOSSARY: &str = "host/docs/terminology.md";
/// Headings in the glossary above the two tables that are read here.
const DENIED: &str = "## Words that are not written";
const ALLOWED: &str = "## Exceptions";
/// In the column of paths of the exceptions: identifiers of std and of libraries, in every file.
const NAMES: &str = "names of libraries";
/// Columns of a line with a comment.
const COMMENT_COLUMNS: usize = 100;
/// Words in the first sentence of a doc comment.
const SENTENCE_WORDS: usize = 3;
/// A doc comment states something and does not ask.
const QUESTIONS: [&str; 16] = [
    "who",
    "whose",
    "what",
    "which",
    "when",
    "where",
    "why",
    "how",
    "whether",
    "its",
    "nobody",
    "nothing",
    "somebody",
    "everybody",
    "ours",
    "neither",
];
/// Files whose words are not ours: generated, or compared with what a program prints.
const LEFT_OUT: [&str; 9] = [
    GLOSSARY,
    "guest-sdk/src/bindings.rs",
    "guest-sdk/LIMITS.md",
    "guest-sdk/js/engine/src/host.rs",
    "guest-sdk/js/sdk/types/host.d.ts",
    "tests/xtask/src/tidy/language.rs",
    "wit/deps/wasi-",
    "tests/async-guests/wit/deps/wasi-",
    "tests/cli/snapshots/",
];

/// What the glossary says: words with what to write, and where a word is right as it is.
struct Glossary {
    denied: Vec<(String, String)>,
    allowed: Vec<(String, String)>,
}

/// Reports words that the glossary replaces, doc comments that ask or say next to nothing, and
/// comment lines that are too long.
pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    let glossary = Glossary::read(&fs::read_to_string(root().join(GLOSSARY))?);
    let tracked = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    for path in tracked.lines() {
        if LEFT_OUT.iter().any(|left_out| path.starts_with(left_out)) || !root().join(path).is_file() {
            continue;
        }
        if let Some((_, extension)) = path.rsplit_once('.')
            && ["rs", "md", "wit"].contains(&extension)
        {
            check_file(path, &fs::read_to_string(root().join(path))?, &glossary, problems);
        }
    }
    Ok(())
}

impl Glossary {
    fn read(text: &str) -> Self {
        let mut denied = Vec::new();
        for (words, instead) in rows(text, DENIED) {
            let words = words.split('`').skip(1).step_by(2);
            denied.extend(words.map(|word| (word.to_owned(), instead.clone())));
        }
        let allowed = rows(text, ALLOWED).into_iter().flat_map(|(path, words)| {
            let words = words.split('`').skip(1).step_by(2);
            let path = path.trim_matches('`').to_owned();
            words
                .map(move |word| (path.clone(), word.to_owned()))
                .collect::<Vec<_>>()
        });
        let allowed = allowed.collect();
        Self { denied, allowed }
    }

    /// Reports identifiers that contain a word which is not written.
    fn check_names(&self, path: &str, line: usize, code: &str, problems: &mut Vec<String>) {
        for name in names(code).filter(|name| !name.is_empty()) {
            let words = words_of(name);
            let denied = self.denied.iter().find(|(word, _)| words.contains(word));
            let is_allowed = || {
                let mut allowed = self.allowed.iter();
                allowed.any(|(place, allowed)| (place == NAMES || path.starts_with(place)) && allowed == name)
            };
            if let Some((word, instead)) = denied.filter(|_| !is_allowed()) {
                problems.push(format!("{path}:{line}: `{name}` contains `{word}`; write: {instead}"));
            }
        }
    }

    fn check(&self, path: &str, line: usize, text: &str, problems: &mut Vec<String>) {
        let text = without_code(text).to_lowercase();
        for (word, instead) in &self.denied {
            let is_allowed = || {
                self.allowed
                    .iter()
                    .any(|(place, allowed)| path.starts_with(place) && allowed == word)
            };
            if has_word(&text, word) && !is_allowed() {
                problems.push(format!("{path}:{line}: `{word}` is not written here; write: {instead}"));
            }
        }
    }
}

/// Words of an identifier in lowercase: `TlsStream` and `tls_stream` are `tls` and `stream`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = letter.is_lowercase();
        if let (true, Some(word)) = (letter != '_', words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Identifiers of a line of code, outside of its strings.
fn names(code: &str) -> impl Iterator<Item = &str> {
    let outside = strings(code).fold(vec![code], |mut parts, text| {
        let rest = parts.pop().unwrap_or_default();
        if let Some((before, after)) = rest.split_once(text).filter(|_| !text.is_empty()) {
            parts.extend([before, after]);
        } else {
            parts.push(rest);
        }
        parts
    });
    let is_inside = |letter: char| letter.is_alphanumeric() || letter == '_';
    outside
        .into_iter()
        .flat_map(move |part| part.split(move |letter: char| !is_inside(letter)))
}

/// The first two columns of the table below a heading.
fn rows(text: &str, heading: &str) -> Vec<(String, String)> {
    let section = text.split(heading).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    lines
        .filter_map(|line| {
            let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            Some((cells.next()?, cells.next()?))
        })
        .collect()
}

fn check_file(path: &str, text: &str, glossary: &Glossary, problems: &mut Vec<String>) {
    if path.ends_with(".md") {
        let mut in_code = false;
        for (index, line) in text.lines().enumerate() {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            if !in_code && !is_fence {
                glossary.check(path, index + 1, line, problems);
            }
        }
        return;
    }
    let is_rust = path.ends_with(".rs");
    let is_test = path.starts_with("tests/") || path.contains("/tests");
    let product_lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    for (index, line) in text.lines().enumerate() {
        let code_end = comment_start(line);
        if let Some(comment) = code_end.and_then(|start| line.get(start..)) {
            glossary.check(path, index + 1, comment, problems);
            if line.chars().count() > COMMENT_COLUMNS && line.trim_start().starts_with("//") {
                problems.push(format!("{path}:{}: a comment has {COMMENT_COLUMNS} columns", index + 1));
            }
        }
        let code = line.get(..code_end.unwrap_or(line.len())).unwrap_or_default();
        if is_rust {
            glossary.check_names(path, index + 1, code, problems);
        }
        if is_rust && !is_test && index < product_lines {
            for text in strings(code).filter(|text| text.contains(' ')) {
                glossary.check(path, index + 1, text, problems);
            }
        }
    }
    if is_rust && !is_test {
        let product: Vec<&str> = text.lines().take(product_lines).collect();
        check_docs(path, &product, problems);
    }
}

/// The first sentence of each item's documentation.
fn check_docs(path: &str, lines: &[&str], problems: &mut Vec<String>) {
    let is_doc = |index: usize| {
        lines
            .get(index)
            .is_some_and(|line| line.trim_start().starts_with("///"))
    };
    for index in (0..lines.len()).filter(|&index| is_doc(index) && (index == 0 || !is_doc(index - 1))) {
        let paragraph: Vec<&str> = lines
            .iter()
            .skip(index)
            .map_while(|line| line.trim_start().strip_prefix("///"))
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let paragraph = paragraph.join(" ");
        let end = [". ", "! ", "? ", ": "]
            .iter()
            .filter_map(|end| paragraph.find(end))
            .min();
        let sentence = paragraph.get(..end.unwrap_or(paragraph.len())).unwrap_or_default();
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let first = words.first().map(|word| {
            word.trim_matches(|letter: char| !letter.is_alphanumeric())
                .to_lowercase()
        });
        if sentence.starts_with('#') || sentence.starts_with("```") || words.is_empty() {
            continue;
        }
        if words.len() < SENTENCE_WORDS {
            problems.push(format!(
                "{path}:{}: say what it is in {SENTENCE_WORDS} words or more: {sentence}",
                index + 1
            ));
        }
        if first.is_some_and(|first| QUESTIONS.contains(&first.as_str())) {
            problems.push(format!("{path}:{}: a statement, not a question: {sentence}", index + 1));
        }
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || "_-`".contains(letter);
    text.match_indices(word).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

/// Text without its code spans.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The byte at which a comment begins, outside of strings.
fn comment_start(line: &str) -> Option<usize> {
    let mut from = 0;
    for text in strings(line) {
        let start = text.as_ptr() as usize - line.as_ptr() as usize;
        if let Some(found) = line.get(from..start).and_then(|code| code.find("//")) {
            return Some(from + found);
        }
        from = start + text.len();
    }
    line.get(from..)?.find("//").map(|found| from + found)
}

/// Contents of the string literals of one line; escaped quotes do not end one.
fn strings(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.find('"')? + 1;
        let inner = rest.get(start..)?;
        let mut is_escaped = false;
        let end = inner.find(|letter| {
            let ends = letter == '"' && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            ends
        })?;
        rest = inner.get(end + 1..)?;
        inner.get(..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let glossary = Glossary::read(&format!(
            "{DENIED}\n\n| word | write |\n|---|---|\n| `folder`, `folders` | directory |\n\n{ALLOWED}\n\n| where | word | reason |\n|---|---|---|\n| `host/a` | `folders` | an API of others |\n"
        ));
        let mut problems = Vec::new();
        check_file(path, text, &glossary, &mut problems);
        problems
    }

    #[test]
    fn denied_words_are_found_in_names_comments_texts_and_markdown() {
        for (path, text, found) in [
            ("host/x.rs", "// A folder.", 1),
            ("host/x.rs", "let directory = 1; // `folder`, sub-folder", 0),
            ("host/x.rs", "let old_folder = FolderOf(\"folder\", a.folder);", 3),
            ("host/x.rs", "f(\"a folder \\\" // x\"); // fine", 1),
            ("host/x.rs", "f(\"folder\");", 0),
            ("tests/x.rs", "f(\"a folder is\");", 0),
            ("tests/x.rs", "// the folders", 1),
            ("host/a/x.rs", "// the folders", 0),
            ("x.md", "The Folder\n```\na folder\n```\n", 1),
            ("x.wit", "/// A folder is.\n", 1),
        ] {
            assert_eq!(
                problems(path, text).len(),
                found,
                "{path}: {text}: {:?}",
                problems(path, text)
            );
        }
    }

    #[test]
    fn doc_comments_that_ask_or_are_too_short_or_too_long_are_reported() {
        for (text, found) in [
            ("/// Whose it is, in words.\nfn f() {}", 1),
            ("/// Ids.\nfn f() {}", 1),
            ("/// Returns the id\n/// of a request.\n///\n/// Whose.\nfn f() {}", 0),
            ("/// # Errors\nfn f() {}", 0),
            ("#[cfg(test)]\nmod tests {\n/// Why.\n}", 0),
        ] {
            assert_eq!(
                problems("host/x.rs", text).len(),
                found,
                "{text}: {:?}",
                problems("host/x.rs", text)
            );
        }
        assert_eq!(problems("host/x.rs", &format!("// {}", "x".repeat(98))).len(), 1);
    }
}
