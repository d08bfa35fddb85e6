//! Positions in a bundle and in the author's files, from a source map (ECMA-426), in the format
//! that the engine reads (`guest-sdk/js/engine/src/source_map.rs`). One position for each line of
//! the author is enough for a stack.

use serde::Deserialize;
use std::fmt::Write;

/// The part of a source map that is read.
#[derive(Deserialize)]
struct SourceMap {
    sources: Vec<String>,
    mappings: String,
}

/// Origin of a segment of the bundle: source, line, column.
type Original = (i64, i64, i64);

/// Reads a source map.
///
/// # Errors
/// Returns the error of a text that is not JSON, or not a source map.
pub(crate) fn of(map: &[u8]) -> Result<String, serde_json::Error> {
    let map: SourceMap = serde_json::from_slice(map)?;
    // Relative to the bundle in `dist`: from there to the extension's directory.
    let name = |source: &String| source.trim_start_matches("../").to_owned();
    let mut text: String = map.sources.iter().map(|source| name(source) + "\n").collect();
    text.push('\n');
    let mut original: Original = (0, 0, 0);
    for (line, segments) in map.mappings.split(';').enumerate() {
        let (mut column, mut last) = (0_i64, None);
        for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
            let fields = fields(segment);
            column += fields.first().unwrap_or(&0);
            let [_, source, original_line, original_column, ..] = fields.as_slice() else {
                continue;
            };
            original = (
                original.0 + source,
                original.1 + original_line,
                original.2 + original_column,
            );
            let of = (original.0, original.1);
            if last != Some(of) {
                last = Some(of);
                // Writing into a string does not fail.
                writeln!(text, "{line} {column} {} {} {}", original.0, original.1, original.2).ok();
            }
        }
    }
    Ok(text)
}

/// Decodes the numbers of a segment: Base64 digits of five bits each, the lowest first, the first
/// bit of a number its sign (ECMA-426, `VLQ`).
fn fields(segment: &str) -> Vec<i64> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut numbers, mut number, mut shift) = (Vec::new(), 0_i64, 0_u32);
    for byte in segment.bytes() {
        let Some(digit) = DIGITS.iter().position(|digit| *digit == byte) else {
            return numbers;
        };
        let digit = i64::try_from(digit).unwrap_or_default();
        number |= (digit & 0b1_1111).checked_shl(shift).unwrap_or_default();
        shift += 5;
        if digit & 0b10_0000 == 0 {
            let value = number >> 1;
            numbers.push(if number & 1 == 1 { -value } else { value });
            (number, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decoded_and_each_line_of_the_author_has_one_position() {
        assert_eq!(fields("AAgBC"), [0, 0, 16, 1]);
        assert_eq!(fields("D"), [-1]);
        assert_eq!(fields("!"), Vec::<i64>::new());
        let map = r#"{ "version": 3, "sources": ["../src/a.ts", "../src/b.ts"], "names": [], "mappings": ";AAAA,EAAC;CCEC,EADD" }"#;
        assert_eq!(
            of(map.as_bytes()).unwrap(),
            "src/a.ts\nsrc/b.ts\n\n1 0 0 0 0\n2 1 1 2 2\n2 3 1 1 1\n"
        );
    }
}
