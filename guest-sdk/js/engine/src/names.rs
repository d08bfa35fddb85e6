//! Names of modules, and the interfaces that an extension imports.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Name of the extension's module, as stacks show it.
pub(crate) const EXTENSION: &str = "extension.js";
/// Name of the module with the functions for the scripts, which extensions cannot import.
pub(crate) const NATIVE: &str = "alga:native";

/// Interfaces that every extension imports: messages, the event loop, clocks and randomness, and
/// the log, into which failures are written.
const ALWAYS: [&str; 9] = [
    "alga:log/logger",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

thread_local! {
    static IMPORTED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes that the extension imports an interface of the host.
pub(crate) fn note_import(interface: &str) {
    IMPORTED.with_borrow_mut(|imported| imported.insert(interface.to_owned()));
}

/// Returns the interfaces that the component of the extension imports, without versions.
pub(crate) fn imported() -> Vec<String> {
    let always = ALWAYS.iter().map(|name| (*name).to_owned());
    IMPORTED.with_borrow(|imported| imported.iter().cloned().chain(always).collect())
}

/// Returns whether the extension imports an interface.
pub(crate) fn is_imported(interface: &str) -> bool {
    IMPORTED.with_borrow(|imported| imported.contains(interface))
}
