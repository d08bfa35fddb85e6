//! Components are published: they contain no path of the machine that built them.

use alga_harness::{component, components};
use std::env;
use std::path::PathBuf;

/// Components of toolchains with a prebuilt engine, which has paths of another machine.
const PREBUILT: [&str; 3] = ["javascript", "python", "python_sdk"];

#[test]
fn no_component_contains_the_path_of_cargos_crates() {
    let of_user = || env::home_dir().unwrap().join(".cargo");
    let home = env::var_os("CARGO_HOME").map_or_else(of_user, PathBuf::from);
    let path = home.into_os_string().into_string().unwrap();
    let names = components();
    assert!(names.len() > 40, "{names:?}");
    for name in names.iter().filter(|name| !PREBUILT.contains(&name.as_str())) {
        let has_path = component(name).windows(path.len()).any(|part| part == path.as_bytes());
        assert!(!has_path, "{name} contains {path}");
    }
}
