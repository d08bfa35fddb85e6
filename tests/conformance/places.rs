//! Adding a capability changes six places (`host/README.md`). Any other place would have to name
//! the capability, so this test searches all sources of host and registry for the names of every
//! capability.

use alga_capabilities::modules;
use alga_harness::root;
use std::fs;
use std::path::{Path, PathBuf};

/// Collects the source files outside of tests.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "target" {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// Returns the code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_capability_has_its_six_places_and_is_named_nowhere_else() {
    let capabilities = root().join("host/capabilities/src");
    let mut all = Vec::new();
    for directory in ["host", "registry", "adapters"] {
        sources(&root().join(directory), &mut all);
    }
    // Adapters of another world have the words of that world, such as the texts of its errors.
    all.retain(|path| !path.starts_with(root().join("adapters/components")));
    let world = fs::read_to_string(root().join("wit/world.wit")).unwrap();
    for (module, capability) in modules() {
        // Places 1 and 2.
        let package = capability.interface.split('/').next().unwrap().replace(':', "-");
        assert!(root().join("wit/deps").join(&package).is_dir(), "{package}");
        assert!(
            world.contains(&format!("import {}@", capability.interface)),
            "{}",
            capability.interface
        );
        // Places 3 and 4: its module (with its own directory) is the only source that names it; the
        // list names the module.
        let own = [capabilities.join(format!("{module}.rs")), capabilities.join(module)];
        assert!(own[0].is_file(), "{module}");
        for path in all.iter().filter(|path| !own.iter().any(|own| path.starts_with(own))) {
            let code = code(path);
            for name in [capability.interface, capability.name] {
                assert!(
                    !code.contains(name),
                    "{}: names {name}; a new capability would have to be added there",
                    path.display()
                );
            }
            let is_list = *path == capabilities.join("lib.rs");
            assert!(
                is_list || !code.contains(&format!("{module}::State")),
                "{}: reaches into {module}",
                path.display()
            );
        }
        // Places 5 and 6.
        assert!(
            root().join(format!("tests/guests/src/bin/{module}_works.rs")).is_file(),
            "{module}"
        );
        for file in ["granted.json", "denied.json"] {
            assert!(
                root().join("tests/conformance").join(module).join(file).is_file(),
                "{module}/{file}"
            );
        }
    }
}
