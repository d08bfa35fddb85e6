//! Names of modules, and the interfaces that an extension imports.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Name of the extension's module, as stacks show it.
pub(crate) const EXTENSION: &str = "extension.js";
/// Name of the module with the functions for the scripts, which extensions cannot import.
pub(crate) const NATIVE: &str = "alga:native";

thread_local! {
    static IMPORTED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes that the extension imports an interface of the host.
pub(crate) fn note_import(interface: &str) {
    IMPORTED.with_borrow_mut(|imported| imported.insert(interface.to_owned()));
}

/// Returns the interfaces that the extension imports, without versions.
pub(crate) fn imported() -> Vec<String> {
    IMPORTED.with_borrow(|imported| imported.iter().cloned().collect())
}

/// Returns whether the extension imports an interface.
pub(crate) fn is_imported(interface: &str) -> bool {
    IMPORTED.with_borrow(|imported| imported.contains(interface))
}
