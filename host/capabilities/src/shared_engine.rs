//! The engine that extensions in JavaScript share: a core module that their components import.

use crate::{GrantSet, StoreData, new_linker};
use alga_bundle::CapabilityProof;
use alga_engine::{CompileError, ComponentFactory};
use alga_javascript::Engine;
use std::io;
use wasmtime::Module;
use wasmtime::component::{Component, Linker};

/// The engine that a component imports, compiled.
#[derive(Debug, Clone)]
pub struct SharedEngine {
    name: String,
    module: Module,
}

impl SharedEngine {
    /// Returns the engine that a component imports, compiled if it was not yet; none if the
    /// component imports none. The proof has only engines that this host ships.
    ///
    /// # Errors
    /// Returns [`CompileError`] if the engine cannot be compiled now.
    pub async fn of(proof: &CapabilityProof, factory: &ComponentFactory) -> Result<Option<Self>, CompileError> {
        let Some(name) = &proof.engine else { return Ok(None) };
        let broken = |reason: String| CompileError::Pipe(io::Error::other(reason));
        let engine = Engine::with_import_name(name).map_err(|error| broken(error.to_string()))?;
        let engine = engine.ok_or_else(|| broken(format!("{name} is not part of this host")))?;
        let module = factory.shared_module(*engine.digest().as_bytes(), engine.module());
        Ok(Some(Self {
            name: name.clone(),
            module: module.await?,
        }))
    }

    /// Links a component with the engine and with every capability, to find imports whose types
    /// differ.
    ///
    /// # Errors
    /// Returns wasmtime's error for the first import that does not link.
    pub fn check(&self, factory: &ComponentFactory, component: &Component) -> wasmtime::Result<()> {
        let mut linker = new_linker(factory.engine(), GrantSet::all())?;
        self.link(&mut linker)?;
        linker.instantiate_pre(component).map(drop)
    }

    /// Adds the engine to a linker.
    ///
    /// # Errors
    /// Returns wasmtime's error if the linker has something of this name.
    pub fn link(&self, linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
        linker.root().module(&self.name, &self.module)
    }
}
