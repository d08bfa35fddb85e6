//! Warnings about the files of a page: what its policy blocks in a browser, and what only makes the
//! bundle larger.

use alga_bundle::EntryPath;
use html5gum::{StartTag, Token, Tokenizer};
use std::collections::BTreeMap;

/// Directory of the files of a page.
const DIRECTORY: &str = "ui/";
/// Warnings of one bundle that are listed: a generated page could cause thousands.
const MOST: usize = 50;
/// File extensions of text in which other files are named.
const TEXTS: [&str; 8] = ["html", "js", "mjs", "css", "json", "svg", "webmanifest", "txt"];

/// Returns the warnings about a page, at most 50.
pub(crate) fn warnings(files: &BTreeMap<EntryPath, Vec<u8>>, entry: &str) -> Vec<String> {
    let own: Vec<(&str, &[u8])> = files
        .iter()
        .filter(|(path, _)| path.as_str().starts_with(DIRECTORY))
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect();
    let blocked = own.iter().filter(|(path, _)| extension(path) == "html");
    let blocked = blocked.flat_map(|(path, bytes)| blocked_in(path, bytes));
    let mut found: Vec<String> = blocked
        .chain(source_maps(&own))
        .chain(unreferenced(&own, entry))
        .collect();
    if found.len() > MOST {
        let more = found.len() - MOST;
        found.truncate(MOST);
        found.push(format!("{more} more about the page"));
    }
    found
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Returns what the page's policy blocks in an HTML file.
fn blocked_in(path: &str, html: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(html);
    let tags = Tokenizer::new(&*text).filter_map(|token| match token {
        Ok(Token::StartTag(tag)) => Some(tag),
        _ => None,
    });
    let warn = |what: String| format!("{path}: {what} is blocked by the page's policy");
    let of_tag = |tag: StartTag<()>| {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        let has = |wanted: &[u8]| tag.attributes.keys().any(|key| key.as_slice() == wanted);
        let mut found = Vec::new();
        match name.as_str() {
            "script" if !has(b"src") => found.push(warn("an inline <script> (move it into a file)".into())),
            "style" => found.push(warn("an inline <style> (move it into a file)".into())),
            "base" | "iframe" | "object" | "embed" => found.push(warn(format!("<{name}>"))),
            _ => {}
        }
        for (key, value) in &tag.attributes {
            let (key, value) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value));
            let is_loaded = matches!(
                (name.as_str(), &*key),
                ("script" | "img" | "video" | "audio" | "source", "src") | ("link", "href")
            );
            if key == "style" {
                found.push(warn(format!(
                    "style=\"…\" of <{name}> (use a class, or set it in a script)"
                )));
            } else if key.starts_with("on") {
                found.push(warn(format!("{key}=\"…\" of <{name}> (add a listener in a script)")));
            } else if value.trim_start().to_ascii_lowercase().starts_with("javascript:") {
                found.push(warn(format!("a javascript: URL of <{name}>")));
            } else if is_loaded && (value.contains("://") || value.starts_with("//")) {
                found.push(warn(format!("{value}, which is not a file of the bundle,")));
            }
        }
        found
    };
    tags.flat_map(of_tag).collect()
}

/// Returns files that let anyone read the sources, which are public with the bundle.
fn source_maps<'a>(own: &'a [(&'a str, &'a [u8])]) -> impl Iterator<Item = String> + 'a {
    own.iter().filter_map(|(path, bytes)| {
        let is_inline = matches!(extension(path), "js" | "mjs" | "css")
            && String::from_utf8_lossy(bytes).contains("sourceMappingURL=data:");
        let is_map = extension(path) == "map";
        (is_map || is_inline).then(|| format!("{path}: a source map is public with the bundle; build without it"))
    })
}

/// Returns files that no other file of the page names.
fn unreferenced<'a>(own: &'a [(&'a str, &'a [u8])], entry: &'a str) -> impl Iterator<Item = String> + 'a {
    let texts = own.iter().filter(|(path, _)| TEXTS.contains(&extension(path)));
    let texts: Vec<_> = texts
        .map(|(path, bytes)| (*path, String::from_utf8_lossy(bytes)))
        .collect();
    own.iter().filter_map(move |(path, _)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_named = || texts.iter().any(|(other, text)| other != path && text.contains(name));
        let is_known = *path == entry || extension(path) == "map" || is_named();
        (!is_known).then(|| format!("{path}: no file of the page names it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let files = files
            .iter()
            .map(|(path, text)| (path.parse().unwrap(), text.as_bytes().to_vec()));
        warnings(&files.collect(), "ui/index.html")
    }

    #[test]
    fn a_page_that_loads_its_own_files_has_no_warning() {
        let html = "<!doctype html><link rel=stylesheet href=a.css><script type=module src=./a.js></script>\
            <!-- <script>not a script</script> --><p>style=\"x\" onclick=</p>";
        assert_eq!(
            of(&[
                ("ui/index.html", html),
                ("ui/a.js", "1"),
                ("ui/a.css", ""),
                ("dist/x.map", "")
            ]),
            [""; 0]
        );
    }

    #[test]
    fn what_the_policy_blocks_is_named_with_its_file() {
        let html = "<script>alert(1)</script><style>p{}</style><p style=x onclick=\"y()\"><a href=' JavaScript:z()'>\
            <script src=https://cdn.example.com/x.js></script><link href='//cdn/x.css'><iframe src=a.html>";
        let found = of(&[("ui/index.html", html)]);
        for expected in [
            "inline <script>",
            "inline <style>",
            "style=",
            "onclick=",
            "javascript:",
            "cdn.example.com",
            "//cdn/x.css",
            "<iframe>",
        ] {
            assert!(
                found
                    .iter()
                    .any(|text| text.starts_with("ui/index.html: ") && text.contains(expected)),
                "{expected}: {found:?}"
            );
        }
        assert_eq!(found.len(), 8, "{found:?}");
    }

    #[test]
    fn source_maps_and_files_without_a_reference_are_reported_within_bounds() {
        let found = of(&[
            ("ui/index.html", "<script src=a.js></script>"),
            ("ui/a.js", "1//# sourceMappingURL=data:x"),
            ("ui/b.js.map", "{}"),
            ("ui/old.png", ""),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        let html = "<p onclick=x>".repeat(1000);
        assert_eq!(of(&[("ui/index.html", &html)]).len(), MOST + 1);
    }
}
