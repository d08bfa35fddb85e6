//! Selection of the user interface files that go into a bundle. Hidden and ignored files are left
//! out, because a bundle is stored permanently and readable by every tenant that installs it.

use crate::outcome::{CliError, ErrorContext, Outcome};
use alga_bundle::Manifest;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::fs;
use std::path::Path;

/// A file beside the manifest, in `.gitignore` syntax, that names further files to leave out of the
/// bundle.
const IGNORE_FILE: &str = ".algaignore";
/// Files that tools create and no page needs.
const NEVER: [&str; 4] = ["node_modules/", "Thumbs.db", "desktop.ini", "*~"];

/// The packed and the left-out files of a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Assets {
    /// Paths of files that go into the bundle.
    pub(crate) packed: Vec<String>,
    /// Paths that are left out, each with the reason; directories end with `/`.
    pub(crate) left_out: Vec<String>,
}

struct Walk<'a> {
    root: &'a Path,
    ignored: Gitignore,
    patterns: Vec<glob::Pattern>,
    entry: Option<&'a str>,
    found: Assets,
}

impl Assets {
    /// Walks the directory `below` of an extension. Leaves out hidden files, files that
    /// `.algaignore` names and, if the manifest has `assets`, files that match none of its
    /// patterns.
    pub(crate) fn find(root: &Path, below: &str, manifest: &Manifest) -> Outcome<Self> {
        let mut walk = Walk {
            root,
            ignored: ignore_rules(root)?,
            patterns: manifest
                .assets
                .iter()
                .filter_map(|text| glob::Pattern::new(text).ok())
                .collect(),
            entry: manifest.ui.as_ref().map(|ui| ui.entry.as_str()),
            found: Self::default(),
        };
        if root.join(below).is_dir() {
            walk.directory(below)?;
        }
        walk.found.packed.sort();
        walk.found.left_out.sort();
        Ok(walk.found)
    }
}

fn ignore_rules(root: &Path) -> Outcome<Gitignore> {
    let mut rules = GitignoreBuilder::new(root);
    for pattern in NEVER {
        rules.add_line(None, pattern).user_error(IGNORE_FILE)?;
    }
    let file = root.join(IGNORE_FILE);
    if let Some(error) = fs::symlink_metadata(&file).is_ok().then(|| rules.add(&file)).flatten() {
        return Err(CliError::user(format!("`{IGNORE_FILE}`: {error}")));
    }
    rules.build().user_error(IGNORE_FILE)
}

/// Returns whether a path in an archive of another program is never packed: it is hidden, or
/// created by tools.
pub(crate) fn is_never_packed(path: &str) -> bool {
    path.split('/').any(|segment| {
        segment.starts_with('.')
            || segment.ends_with('~')
            || NEVER.iter().any(|name| name.trim_end_matches('/') == segment)
    })
}

impl Walk<'_> {
    fn directory(&mut self, path: &str) -> Outcome {
        for found in fs::read_dir(self.root.join(path)).user_error(path)? {
            let found = found.user_error(path)?;
            let name = found.file_name().to_string_lossy().into_owned();
            let path = format!("{path}/{name}");
            let kind = found.file_type().user_error(&path)?;
            if let Some(reason) = self.reason_against(&path, &name, kind.is_dir()) {
                let slash = if kind.is_dir() { "/" } else { "" };
                self.found.left_out.push(format!("{path}{slash} ({reason})"));
            } else if kind.is_dir() {
                self.directory(&path)?;
            } else if kind.is_file() {
                self.found.packed.push(path);
            } else {
                let failed = CliError::user(format!("`{path}` is neither a file nor a directory"));
                return Err(failed.with_hint("a bundle cannot have links; copy the file, or name it in .algaignore"));
            }
        }
        Ok(())
    }

    fn reason_against(&self, path: &str, name: &str, is_directory: bool) -> Option<&'static str> {
        if name.starts_with('.') {
            return Some("hidden");
        }
        if self.ignored.matched_path_or_any_parents(path, is_directory).is_ignore() {
            return Some("ignored");
        }
        let is_named = || self.entry == Some(path) || self.patterns.iter().any(|pattern| pattern.matches(path));
        (!is_directory && !self.patterns.is_empty() && !is_named()).then_some("no pattern of `assets` matches it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(files: &[&str], ignore: &str, assets: &str) -> Assets {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(directory.path().join(IGNORE_FILE), ignore).unwrap();
        let json = format!(
            r#"{{"name":"a.b","publisher":"a","version":"1.0.0","ui":{{"type":"iframe","entry":"ui/index.html"}},"assets":{assets}}}"#
        );
        let manifest = Manifest::parse(json.as_bytes(), &[]).unwrap();
        Assets::find(directory.path(), "ui", &manifest).unwrap()
    }

    #[test]
    fn hidden_and_ignored_files_are_left_out_and_named() {
        let files = [
            "ui/index.html",
            "ui/app.js",
            "ui/app.test.js",
            "ui/.env",
            "ui/.git/config",
            "ui/.DS_Store",
            "ui/node_modules/.cache/x",
            "ui/a/b~",
            "src/lib.rs",
        ];
        let found = find(&files, "# tests\n*.test.js\n", "[]");
        assert_eq!(found.packed, ["ui/app.js", "ui/index.html"]);
        assert_eq!(
            found.left_out,
            [
                "ui/.DS_Store (hidden)",
                "ui/.env (hidden)",
                "ui/.git/ (hidden)",
                "ui/a/b~ (ignored)",
                "ui/app.test.js (ignored)",
                "ui/node_modules/ (ignored)",
            ]
        );
    }

    #[test]
    fn asset_patterns_in_the_manifest_select_the_packed_files() {
        let found = find(&["ui/index.html", "ui/a/b.js"], "/ui\n", "[]");
        assert_eq!(
            found.packed,
            Vec::<String>::new(),
            "a directory that is ignored has nothing in it"
        );
        let found = find(&["ui/index.html", "ui/a/b.js", "ui/notes.txt"], "", r#"["ui/a/**"]"#);
        assert_eq!(found.packed, ["ui/a/b.js", "ui/index.html"]);
        assert_eq!(found.left_out, ["ui/notes.txt (no pattern of `assets` matches it)"]);
    }
}
