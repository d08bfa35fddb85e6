//! The files whose changes start a build.

use ignore::WalkBuilder;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Directories of outputs, also where no `.gitignore` names them.
const OUTPUTS: [&str; 4] = ["dist", "node_modules", "target", "ui"];

/// Sources of an extension.
pub(super) struct Sources {
    directory: PathBuf,
    /// Directories of outputs that are sources of this extension.
    sources: Vec<&'static str>,
}

impl Sources {
    /// Returns the sources of the extension in a directory. `ui` is an output only if the page has
    /// sources of its own.
    pub(super) fn of(directory: &Path) -> Self {
        let has_page_sources = directory.join("page/package.json").is_file();
        Self {
            directory: directory.to_path_buf(),
            sources: if has_page_sources { Vec::new() } else { vec!["ui"] },
        }
    }

    /// Returns a value that changes with names, sizes and modification times of the sources. Hidden
    /// files, outputs, and what `.gitignore` names do not count.
    pub(super) fn state(&self) -> u64 {
        let (root, sources) = (self.directory.clone(), self.sources.clone());
        let is_output = move |path: &Path| {
            let is_named = |name: &&&str| path == root.join(name);
            OUTPUTS
                .iter()
                .filter(|name| !sources.contains(*name))
                .any(|name| is_named(&name))
        };
        let walk = WalkBuilder::new(&self.directory)
            .require_git(false)
            .parents(false)
            .sort_by_file_path(Path::cmp)
            .filter_entry(move |entry| !is_output(entry.path()))
            .build();
        let mut hasher = DefaultHasher::new();
        for entry in walk.flatten() {
            if let Some(metadata) = entry.metadata().ok().filter(std::fs::Metadata::is_file) {
                (entry.path(), metadata.len(), metadata.modified().ok()).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn sources_count_and_outputs_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/index.ts", "1");
        write(".gitignore", "/made\n");
        let sources = Sources::of(directory.path());
        let before = sources.state();
        for output in [
            "dist/main.wasm",
            "node_modules/a/index.js",
            "target/a",
            "made/a",
            ".alga/data/a",
        ] {
            write(output, "2");
            assert_eq!(sources.state(), before, "{output}");
        }
        write("ui/index.html", "3");
        assert_ne!(sources.state(), before);
        let before = sources.state();
        write("src/index.ts", "22");
        assert_ne!(sources.state(), before);
    }
}
