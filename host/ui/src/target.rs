//! What a request for an asset names.

use alga_bundle::Digest;
use alga_http::canonical_path;

/// Prefix of all routes.
pub(crate) const PREFIX: &str = "/ext-ui/";
/// Maximum length of an extension's name or id in a path.
const EXTENSION_CHARACTERS: usize = 128;

/// A release of an extension, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page {
    /// Name or registry id of the extension.
    pub extension: String,
    /// Content hash of the release.
    pub content_hash: Digest,
    /// Id of the install in the host name, if each install has an origin of its own.
    pub install: Option<String>,
}

/// Extension, content hash, and the canonical path below them: `None` without a slash at the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) extension: String,
    pub(crate) content_hash: Digest,
    pub(crate) path: Option<String>,
}

impl Target {
    /// Reads the path of a URL. Returns `None` if it has no one canonical form, or names nothing.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let path = canonical_path(path).ok()?;
        let mut parts = path.strip_prefix(PREFIX)?.splitn(3, '/');
        let (extension, hash) = (parts.next()?, parts.next()?);
        // Some clients escape the colon.
        let content_hash = hash.replace("%3A", ":").parse().ok()?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let fits = (1..=EXTENSION_CHARACTERS).contains(&extension.len()) && extension.bytes().all(is_name);
        fits.then(|| Self {
            extension: extension.to_owned(),
            content_hash,
            path: parts.next().map(ToOwned::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn path(below: &str) -> Option<Option<String>> {
        Target::parse(&format!("/ext-ui/com.example.a/{HASH}{below}")).map(|target| target.path)
    }

    #[test]
    fn a_target_is_an_extension_a_hash_and_a_path() {
        assert_eq!(path(""), Some(None));
        assert_eq!(path("/"), Some(Some(String::new())));
        assert_eq!(path("/a/b.js"), Some(Some("a/b.js".into())));
        assert_eq!(path("/%61.js"), Some(Some("a.js".into())));
        let escaped = format!("/ext-ui/a/{}/", HASH.replace(':', "%3a"));
        assert!(Target::parse(&escaped).is_some());
        for wrong in [
            "/ext-ui/",
            "/ext-ui/a",
            "/ext-ui/a/",
            "/ext-ui/a/b/",
            "/ext-ui//b/",
            &format!("/ext-ui/a%20b/{HASH}/"),
            &format!("/ext-ui/{}/{HASH}/", "a".repeat(129)),
            &format!("/ext-ui/a/{}/", HASH.to_uppercase()),
            &format!("/ext-ui/../ext-ui/a/{HASH}/"),
        ] {
            assert_eq!(Target::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_names_nothing() {
        for below in [
            "/../x",
            "/a/../x",
            "/./x",
            "/a//x",
            "/%2e%2e/x",
            "/%2E./x",
            "/a%2Fx",
            "/a%5cx",
            "/a\\x",
            "/%00",
            "/a%",
            "/%c0%af",
            "/%ff",
            "/a b",
            "/a\u{7f}",
            "/%2e",
        ] {
            assert_eq!(path(below), None, "{below:?}");
        }
    }

    proptest! {
        #[test]
        fn no_path_has_a_segment_that_leads_elsewhere(below in "[/.%a-f0-9\\\\;A-F]{0,24}") {
            if let Some(Some(path)) = path(&format!("/{below}")) {
                prop_assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
                prop_assert!(!path.contains('\\'));
            }
        }
    }
}
