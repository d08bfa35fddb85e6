//! Composes adapters in front of a guest.
//!
//! For each interface that a guest imports without a grant, the adapter exports that interface and
//! implements every function of it. The composed component no longer imports the interface, and
//! `wasm-tools component wit` shows it. Denial therefore needs no check at run time: an interface
//! that is not imported cannot be called.
//!
//! The adapter is made from the types that the guest itself imports, so it fits whatever version
//! and subset of an interface that is. Its functions hold no logic: each returns a constant that
//! was laid out in its memory.
//!
//! | module | its one idea |
//! |---|---|
//! | `constant` | the bytes of a result, by the canonical ABI's layout |
//! | `module` | a core module whose functions return constants |
//! | `adapter` | from interfaces of a guest to a component that exports them |
//! | `composition` | components and the connections between them |
//! | `function` | adapters for HTTP messages as whole values |
//! | `parts` | the guest and the adapters of a composed component |
//! | `legacy` | adapters for components of AlgaPSA's runner |
//! | `standard` | adapters for proposals of WASI: keys and values, configuration, logs |

mod adapter;
mod composition;
mod constant;
mod function;
mod legacy;
mod module;
mod parts;
mod standard;

pub use function::adapt_function;
pub use legacy::adapt_legacy;
pub use parts::{Part, PartKind, parts};
pub use standard::{Adapted, adapt_standard};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

/// An interface that the adapter implements in place of the host.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    /// The interface's name without its version: `alga:storage/kv`.
    pub interface: &'a str,
    /// The message of the errors that its functions return.
    pub reason: &'a str,
}

/// The error of a failed composition.
#[derive(Debug, thiserror::Error)]
#[error("the component cannot be composed with its adapters: {0}")]
pub struct ComposeError(String);

impl ComposeError {
    /// Wraps an error of one of the composition steps.
    pub fn of(error: impl Into<anyhow::Error>) -> Self {
        Self(format!("{:#}", error.into()))
    }
}

/// Composes a guest with an adapter that implements these interfaces. Interfaces that the guest
/// does not import are ignored; a guest that imports none of them is returned unchanged.
///
/// A function that returns a `result` whose error type has a case for denial (`denied`, `access`,
/// `HTTP-request-denied`, …) returns that error. A function that cannot fail returns the empty
/// value of its type. A function traps if its error type has no such case, if it would have to
/// return a resource, or if its result is a single 64-bit integer or float.
///
/// # Errors
/// Returns [`ComposeError`] if the bytes are not a component, or the adapter does not fit the
/// guest.
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
