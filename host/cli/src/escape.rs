//! Escaping of untrusted text for a terminal: it must not move the cursor, hide text, or change the
//! direction of writing.

use std::borrow::Cow;

/// Returns whether a terminal shows a character as something else than it is: control characters,
/// invisible characters, and characters that change the direction or the shape of the text around
/// them (Unicode, 23.2, 23.3 and 23.8).
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Escapes text of several lines: line endings and tabs stay, every other deceptive character is
/// escaped.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| {
        deceives(character) && !matches!(character, '\n' | '\t')
    })
}

/// Escapes text that must stay on one line, including line endings and tabs.
pub(crate) fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, deceives)
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Replaces deceptive characters by JSON escapes: a program parses the same value, and a terminal
/// is not deceived.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |character: char| deceives(character) && character != '\n';
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        assert_eq!(
            escape_lines("a\u{1b}[31mb\r\u{202e}c\n\td"),
            "a\\u{1b}[31mb\\r\\u{202e}c\n\td"
        );
        assert_eq!(escape_line("a\nb"), "a\\nb");
        for hidden in [
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{61c}',
            '\u{2028}',
            '\u{2029}',
            '\u{2060}',
            '\u{feff}',
            '\u{202e}',
            '\u{e0041}',
            '\u{ad}',
            '\u{3164}',
            '\u{9b}',
        ] {
            let text = format!("a{hidden}b");
            assert_eq!(
                escape_lines(&text),
                format!("a{}b", hidden.escape_default()),
                "{hidden:?}"
            );
        }
        assert_eq!(escape_lines("Größe 北京 🙂"), "Größe 北京 🙂");
    }

    #[test]
    fn escaped_json_is_ascii_and_parses_to_the_same_value() {
        let json = "{\n  \"a\": \"b\u{202e}\u{e0041}c\"\n}";
        let escaped = escape_json(json);
        assert!(escaped.is_ascii(), "{escaped}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&escaped), read(json));
    }
}
