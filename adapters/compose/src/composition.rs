//! Components and the connections between them.

use crate::ComposeError;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// An instance of a component in a composition, with the names of what it imports and exports.
pub(crate) struct Instance {
    node: NodeId,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Instances and their connections. What no instance provides, the composed component imports.
#[derive(Default)]
pub(crate) struct Composition(CompositionGraph);

impl Composition {
    /// Adds an instance of a component.
    pub(crate) fn add(&mut self, name: &str, component: &[u8]) -> Result<Instance, ComposeError> {
        let package = Package::from_bytes(name, None, component.to_vec(), self.0.types_mut());
        let package = package.map_err(ComposeError::of)?;
        let world = &self.0.types()[package.ty()];
        let imports = world.imports.keys().cloned().collect();
        let exports = world.exports.keys().cloned().collect();
        let id = self.0.register_package(package).map_err(ComposeError::of)?;
        Ok(Instance {
            node: self.0.instantiate(id),
            imports,
            exports,
        })
    }

    /// Satisfies an import with an export.
    pub(crate) fn connect(&mut self, from: (&Instance, &str), to: (&Instance, &str)) -> Result<(), ComposeError> {
        let export = self.alias(from.0, from.1)?;
        self.give(export, to)
    }

    /// Returns what an instance exports under this name.
    pub(crate) fn alias(&mut self, instance: &Instance, name: &str) -> Result<NodeId, ComposeError> {
        self.alias_of(instance.node, name)
    }

    /// Returns what an exported interface contains under this name.
    pub(crate) fn alias_of(&mut self, exported: NodeId, name: &str) -> Result<NodeId, ComposeError> {
        self.0.alias_instance_export(exported, name).map_err(ComposeError::of)
    }

    /// Satisfies an import.
    pub(crate) fn give(&mut self, item: NodeId, to: (&Instance, &str)) -> Result<(), ComposeError> {
        self.0
            .set_instantiation_argument(to.0.node, to.1, item)
            .map_err(ComposeError::of)
    }

    /// Exports these of what an instance exports, and returns the composed component.
    pub(crate) fn export(mut self, instance: &Instance, names: &[String]) -> Result<Vec<u8>, ComposeError> {
        for name in names {
            let export = self.alias(instance, name)?;
            self.0.export(export, name).map_err(ComposeError::of)?;
        }
        self.0.encode(EncodeOptions::default()).map_err(ComposeError::of)
    }
}
