//! Extensions in JavaScript: one engine for all of them, and a snapshot for each.
//!
//! ```text
//! engine.wasm   the engine as it is built: its code, and its initial memory
//! engine        the same without initial memory: what hosts compile, once; named by its digest
//! snapshot      memory of the engine after it has evaluated an extension's module: `alga build`
//! component     snapshot and connections; imports the engine, and what the module imports
//! ```
//!
//! The component has no code of its own except traps in place of the interfaces that it does not
//! import, so compiling it is quick, and its imports are what it can reach, as for every component.

mod component;
mod engine;
mod error;
mod interface;
mod memory;
mod scripts;
mod snapshot;
mod splice;

pub use component::component;
pub use engine::Engine;
pub use error::BuildError;
pub use snapshot::{Snapshot, evaluate};
