//! Positions in the bundle, and in the author's files. `alga build` reads the source map of the
//! bundler and passes on what a stack needs.
//!
//! ```text
//! src/index.ts           names of files, one in each line, then an empty line
//! 0 4 0 12 8             line and column in the bundle; file, line and column of the author;
//! ascending
//! ```

use crate::names::EXTENSION;
use std::cell::RefCell;

/// Position in the bundle, and what is there.
struct Mapping {
    at: (u32, u32),
    file: usize,
    line: u32,
    column: u32,
}

struct Map {
    files: Vec<String>,
    mappings: Vec<Mapping>,
}

thread_local! {
    static MAP: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Sets the map of this extension. It is parsed only when an error is logged.
pub(crate) fn set(text: String) {
    MAP.set(text);
}

impl Map {
    fn parse(text: &str) -> Self {
        let (files, rows) = text.split_once("\n\n").unwrap_or_default();
        let mapping = |row: &str| {
            let mut numbers = row.split(' ').map_while(|number| number.parse().ok());
            let at = (numbers.next()?, numbers.next()?);
            let file = usize::try_from(numbers.next()?).ok()?;
            let (line, column) = (numbers.next()?, numbers.next()?);
            Some(Mapping { at, file, line, column })
        };
        Self {
            files: files.lines().map(ToOwned::to_owned).collect(),
            mappings: rows.lines().filter_map(mapping).collect(),
        }
    }

    /// Returns `file:line:column` of the author for a position in the bundle; lines and columns
    /// count from 1.
    fn original(&self, line: u32, column: u32) -> Option<String> {
        let at = (line.checked_sub(1)?, column.saturating_sub(1));
        let after = self.mappings.partition_point(|mapping| mapping.at <= at);
        let found = self.mappings.get(after.checked_sub(1)?)?;
        let file = self.files.get(found.file).filter(|_| found.at.0 == at.0)?;
        Some(format!("{file}:{}:{}", found.line + 1, found.column + 1))
    }
}

/// Returns a stack with the author's positions in place of the bundle's.
pub(crate) fn translated(stack: &str) -> String {
    let map = MAP.with_borrow(|text| Map::parse(text));
    let mut result = String::with_capacity(stack.len());
    let mut rest = stack;
    while let Some(start) = rest.find(EXTENSION) {
        let (before, found) = rest.split_at(start);
        result.push_str(before);
        let position = found.strip_prefix(EXTENSION).unwrap_or_default();
        let length = position
            .chars()
            .take_while(|each| each.is_ascii_digit() || *each == ':')
            .count();
        let (position, after) = position.split_at(length);
        match original(&map, position) {
            Some(original) => result.push_str(&original),
            None => result.extend([EXTENSION, position]),
        }
        rest = after;
    }
    result.push_str(rest);
    result
}

fn original(map: &Map, position: &str) -> Option<String> {
    let mut numbers = position.split(':').skip(1).map_while(|number| number.parse().ok());
    map.original(numbers.next()?, numbers.next().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_the_authors_positions_and_what_the_map_does_not_know_is_unchanged() {
        set("src/index.ts\nsrc/other.ts\n\n0 0 0 0 0\n2 4 0 10 2\n2 20 1 6 0\n".to_owned());
        let stack = "at handle (extension.js:3:9)\nat other (extension.js:3:22)\nat <eval> (extension.js:9:1)\nat x (alga:web/url:1:2)";
        let expected = "at handle (src/index.ts:11:3)\nat other (src/other.ts:7:1)\nat <eval> (extension.js:9:1)\nat x (alga:web/url:1:2)";
        assert_eq!(translated(stack), expected);
    }
}
