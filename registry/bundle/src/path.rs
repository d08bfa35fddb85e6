use crate::limits::{PATH_BYTES, PATH_SEGMENTS};
use std::fmt;
use std::str::FromStr;

/// The file suffix of code; the rules of the manifest require it of `entry`.
pub(crate) const CODE_SUFFIX: &str = ".wasm";

/// The path of a file in a bundle: `ui/index.html`.
///
/// Segments of `A-Za-z0-9._-`, none of them `.` or `..`, joined by `/`. Anything that a file
/// system, a URL or a terminal could read in two ways is not a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

/// The error for text that is not a path of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path in a bundle has at most {PATH_SEGMENTS} segments of A-Z a-z 0-9 . _ - and at most {PATH_BYTES} bytes")]
pub struct PathError;

impl EntryPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The case-folded path, which must be unique in a bundle: some file systems ignore case, and
    /// readers overlook it.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for EntryPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let segment_fits = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed);
        let fits =
            text.len() <= PATH_BYTES && text.split('/').count() <= PATH_SEGMENTS && text.split('/').all(segment_fits);
        fits.then(|| Self(text.to_owned())).ok_or(PathError)
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::EntryPath;

    #[test]
    fn ambiguous_entry_paths_are_refused() {
        for good in ["manifest.json", "ui/a/b.js", "a", "..a", "a."] {
            assert!(good.parse::<EntryPath>().is_ok(), "{good}");
        }
        let deep = vec!["a"; 17].join("/");
        let long = "a".repeat(241);
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "./a",
            "a/.",
            "../a",
            "a/../b",
            "C:\\a",
            "a\\b",
            "a\0",
            "a\n",
            "é",
            "a b",
            "a\u{202e}b",
            &deep,
            &long,
        ] {
            assert!(bad.parse::<EntryPath>().is_err(), "{bad:?}");
        }
    }
}
