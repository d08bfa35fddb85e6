//! Import cycles between the modules of a crate.

use crate::shell::{Outcome, output, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

/// Path of a module within its crate: empty for the root.
type Module = Vec<String>;

/// One crate's modules: their text, and the names that each re-exports.
struct Crate {
    directory: String,
    texts: BTreeMap<Module, String>,
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

/// Reports every cycle of imports between sibling modules. A parent and its child may import each
/// other: the parent declares the child, and `super` is how the child reaches shared items.
pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    let tracked = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut crates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in tracked
        .lines()
        .filter(|path| path.ends_with(".rs") && root().join(path).exists())
    {
        if let Some((directory, _)) = path.split_once("/src/") {
            crates.entry(directory).or_default().push(path);
        }
    }
    for (directory, paths) in crates {
        let mut texts = BTreeMap::new();
        for path in paths {
            texts.insert(module_of(path), code_of(&fs::read_to_string(root().join(path))?));
        }
        for cycle in Crate::new(directory, texts).cycles() {
            problems.push(format!("{directory}: import cycle between {cycle}"));
        }
    }
    Ok(())
}

fn module_of(path: &str) -> Module {
    let inner = path.split_once("/src/").map_or("", |(_, inner)| inner);
    let inner = inner.trim_end_matches(".rs").trim_end_matches("/mod");
    let is_root = matches!(inner, "lib" | "main");
    let names = inner.split('/').filter(|_| !is_root);
    names.map(str::to_owned).collect()
}

/// The text without comments and without the unit tests at its end.
fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

impl Crate {
    fn new(directory: &str, texts: BTreeMap<Module, String>) -> Self {
        let mut this = Self {
            directory: directory.to_owned(),
            texts,
            exports: BTreeMap::new(),
        };
        for (module, text) in &this.texts {
            let exported = re_exports(text).into_iter().filter_map(|path| {
                let name = path.last()?.clone();
                Some((name, this.absolute(module, &path)))
            });
            this.exports.insert(module.clone(), exported.collect());
        }
        this
    }

    /// A path from the crate's root. A path without an anchor begins at a child of the module.
    fn absolute(&self, module: &[String], path: &[String]) -> Module {
        let mut base = module.to_vec();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => base.clear(),
                "super" => drop(base.pop()),
                "self" => {}
                _ => break,
            }
            rest = others;
        }
        base.extend_from_slice(rest);
        base
    }

    /// The module in which a path ends, through re-exports.
    fn resolve(&self, path: &[String]) -> Module {
        let mut module = Module::new();
        for (index, name) in path.iter().enumerate() {
            module.push(name.clone());
            if self.texts.contains_key(&module) {
                continue;
            }
            module.pop();
            let exported = self.exports.get(&module).and_then(|names| names.get(name));
            return match exported {
                Some(target) if target.as_slice() != path.get(..=index).unwrap_or_default() => self.resolve(target),
                _ => module,
            };
        }
        module
    }

    /// Imports between siblings: parent of both, child that imports, children that are imported.
    fn edges(&self) -> BTreeMap<(Module, String), BTreeSet<String>> {
        let mut edges: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (module, text) in &self.texts {
            for path in anchored_paths(text) {
                let target = self.resolve(&self.absolute(module, &path));
                let shared = module
                    .iter()
                    .zip(&target)
                    .take_while(|(one, other)| one == other)
                    .count();
                if let (Some(from), Some(to)) = (module.get(shared), target.get(shared)) {
                    let parent = module.get(..shared).unwrap_or_default().to_vec();
                    edges.entry((parent, from.clone())).or_default().insert(to.clone());
                }
            }
        }
        edges
    }

    /// Sets of siblings that reach each other, as text.
    fn cycles(&self) -> BTreeSet<String> {
        let edges = self.edges();
        let reached = |from: &(Module, String)| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from.1.clone()];
            while let Some(name) = open.pop() {
                for next in edges.get(&(from.0.clone(), name)).into_iter().flatten() {
                    if seen.insert(next.clone()) {
                        open.push(next.clone());
                    }
                }
            }
            seen
        };
        let mut cycles = BTreeSet::new();
        for from in edges.keys() {
            let ahead = reached(from);
            let is_back = |name: &&String| reached(&(from.0.clone(), (*name).clone())).contains(&from.1);
            if ahead.contains(&from.1) {
                let members: Vec<_> = ahead.iter().filter(is_back).cloned().collect();
                cycles.insert(format!("{} in {}", members.join(", "), self.name_of(&from.0)));
            }
        }
        cycles
    }

    fn name_of(&self, module: &[String]) -> String {
        if module.is_empty() {
            self.directory.clone()
        } else {
            module.join("::")
        }
    }
}

/// Paths that begin with `crate`, `super` or `self`, with every branch of a group.
fn anchored_paths(text: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    for anchor in ["crate::", "super::", "self::"] {
        for (start, _) in text.match_indices(anchor) {
            let before = text.get(..start).and_then(|text| text.chars().next_back());
            if before.is_none_or(|before| !before.is_alphanumeric() && !"_:$".contains(before)) {
                tree(text.get(start..).unwrap_or_default(), &[], &mut paths);
            }
        }
    }
    paths
}

/// Paths of `pub use` and `pub(…) use`.
fn re_exports(text: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    for line_start in text.match_indices("pub").map(|(start, _)| start) {
        let rest = text.get(line_start + 3..).unwrap_or_default();
        let rest = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((_, rest)) => rest,
            None => rest,
        };
        if let Some(path) = rest.strip_prefix(" use ") {
            tree(path, &[], &mut paths);
        }
    }
    paths
}

/// Reads one branch of a path and returns what follows it.
fn tree<'a>(text: &'a str, prefix: &[String], paths: &mut Vec<Module>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = tree(rest, prefix, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(more),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let mut path = prefix.to_vec();
    if !name.is_empty() {
        path.push(name.to_owned());
    }
    if let Some(rest) = rest.strip_prefix("::") {
        return tree(rest, &path, paths);
    }
    paths.push(path);
    // What stands behind a name: ` as other`, or nothing that is a path.
    match rest.strip_prefix(" as ") {
        Some(alias) => alias.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_'),
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        let texts = files
            .iter()
            .map(|(path, text)| (module_of(&format!("x/src/{path}")), code_of(text)));
        Crate::new("x", texts.collect()).cycles().into_iter().collect()
    }

    #[test]
    fn cycles_between_sibling_modules_are_found_through_reexports_too() {
        assert_eq!(
            cycles(&[
                ("lib.rs", "mod a; mod b; mod c; pub use b::{B, C as D};"),
                ("a.rs", "use crate::{B, c::{self, X}};"),
                ("b.rs", "fn f() { super::a::g() }"),
                (
                    "c.rs",
                    "// use crate::a;\nstruct X;\n#[cfg(test)] mod tests { use crate::a; }"
                ),
            ]),
            ["a, b in x"]
        );
    }

    #[test]
    fn parent_and_child_may_form_a_cycle_and_children_of_siblings_may_not() {
        assert!(cycles(&[("lib.rs", "mod a; use a::A;"), ("a.rs", "use crate::B;")]).is_empty());
        assert_eq!(
            cycles(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "mod x;"),
                ("a/x.rs", "use crate::b;"),
                ("b.rs", "use crate::a::x::X;"),
                ("b/y.rs", "use super::z; "),
                ("b/z.rs", "use super::y::Y;"),
            ]),
            ["a, b in x", "y, z in b"]
        );
    }
}
