//! Composes adapters in front of a guest.
//!
//! A guest that imports an interface which it is not granted gets an adapter that exports this interface and answers every call by itself; the
//! component that comes out does not import it any more, and `wasm-tools component wit` shows it. There is no flag to forget: what is
//! not there cannot be called.
//!
//! The adapter is made from the types that the guest itself imports, so it fits whatever version and whatever part of an interface
//! that is. Its functions hold no logic: each returns a constant that was laid out in its memory.
//!
//! | module | its one idea |
//! |---|---|
//! | `constant` | the bytes of an answer, by the canonical ABI's layout |
//! | `module` | a core module whose functions return constants |
//! | `adapter` | from interfaces of a guest to a component that exports them |

mod adapter;
mod constant;
mod module;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

/// An interface that is answered inside.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    /// Without its version: `alga:storage/kv`.
    pub interface: &'a str,
    /// What its errors say.
    pub reason: &'a str,
}

/// A component could not be composed.
#[derive(Debug, thiserror::Error)]
#[error("the component cannot be composed with its adapters: {0}")]
pub struct ComposeError(String);

impl ComposeError {
    /// From what went wrong in one of the steps.
    pub fn of(error: impl Into<anyhow::Error>) -> Self {
        Self(format!("{:#}", error.into()))
    }
}

/// The guest with these interfaces answered inside. Those that it does not import change nothing; a guest that imports none of them comes back as
/// it is.
///
/// A function that answers a `result` whose error has a case for it (`denied`, `access`, `HTTP-request-denied`, …) returns that error; one that
/// cannot fail returns the empty value of its type; one that would have to make a resource traps.
///
/// # Errors
/// When the bytes are not a component, or the pieces do not fit.
pub fn deny(guest: &[u8], denied: &[Denied<'_>]) -> Result<Vec<u8>, ComposeError> {
    let Some(adapter) = adapter::denying(guest, denied).map_err(ComposeError::of)? else {
        return Ok(guest.to_vec());
    };
    let mut graph = CompositionGraph::new();
    let package = |graph: &mut CompositionGraph, name: &str, bytes: Vec<u8>| {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(ComposeError::of)?;
        graph.register_package(package).map_err(ComposeError::of)
    };
    let guest = package(&mut graph, "alga:guest", guest.to_vec())?;
    let adapter = package(&mut graph, "alga:deny", adapter)?;
    plug(&mut graph, vec![adapter], guest).map_err(ComposeError::of)?;
    graph.encode(EncodeOptions::default()).map_err(ComposeError::of)
}
