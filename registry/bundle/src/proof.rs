//! The capability proof: the interfaces that a component can use, derived from its bytes and
//! compared with its manifest.

use crate::{Capability, CapabilityName, ComponentFacts, Digest, InterfaceName, Manifest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An upper bound of what a component can access. Computed at publish, signed, stored, and computed
/// again at load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CapabilityProof {
    /// The digest of the component; absent if the extension is a page alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// The engine that the component shares with others, by the name of its import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The imported interfaces with their functions.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The capabilities that those interfaces need.
    pub capabilities: BTreeSet<CapabilityName>,
    /// Capabilities that are declared in the manifest but not imported: harmless, but reported as a
    /// warning.
    pub unused: BTreeSet<CapabilityName>,
}

/// An import that the manifest does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undeclared {
    /// The WIT interface.
    pub interface: String,
    /// The capability to add to the manifest, or `None` if no capability grants this interface.
    pub capability: Option<String>,
}

/// The error for a component that imports more than its manifest declares.
#[derive(Debug, thiserror::Error)]
#[error("the component imports what its manifest does not declare:{}", lines(.0))]
pub struct ProofError(pub Vec<Undeclared>);

fn lines(undeclared: &[Undeclared]) -> String {
    let line = |item: &Undeclared| match &item.capability {
        Some(name) => format!("\n  {} needs \"{name}\" in $.capabilities", item.interface),
        None => format!("\n  {} cannot be granted on this platform", item.interface),
    };
    let mut lines: String = undeclared.iter().map(line).collect();
    if undeclared.iter().any(|item| item.capability.is_none()) {
        lines.push_str(
            "\nhint: `alga pack` composes adapters for components of AlgaPSA's runner, for wasi:keyvalue, wasi:config and \
             wasi:logging, and for files and sockets",
        );
    }
    lines
}

impl CapabilityProof {
    /// Compares the imports of a component, if there is one, with its manifest.
    ///
    /// # Errors
    /// Returns [`ProofError`] with all imports that the manifest does not declare, each with the
    /// line to add.
    pub fn compute(
        code: Option<(&[u8], &ComponentFacts)>,
        manifest: &Manifest,
        known: &[Capability],
    ) -> Result<Self, ProofError> {
        let declared = manifest.declared(known);
        let imports = code.map(|(_, facts)| facts.imports.clone()).unwrap_or_default();
        let mut capabilities = BTreeSet::new();
        let mut undeclared = Vec::new();
        for import in imports.keys() {
            match needed(import, known) {
                Need::Ambient => {}
                Need::Capability(name) if declared.contains(&name) => {
                    capabilities.insert(name);
                }
                Need::Capability(name) => undeclared.push(Undeclared {
                    interface: import.clone(),
                    capability: Some(name.to_string()),
                }),
                Need::Unknown => undeclared.push(Undeclared {
                    interface: import.clone(),
                    capability: None,
                }),
            }
        }
        if !undeclared.is_empty() {
            return Err(ProofError(undeclared));
        }
        let is_pages = |name: &CapabilityName| {
            let mut of_pages = known.iter().filter(|capability| capability.used_by_pages);
            manifest.ui.is_some() && of_pages.any(|capability| capability.name == name.as_str())
        };
        let unused = manifest
            .capabilities
            .iter()
            .filter(|name| !capabilities.contains(*name) && !is_pages(name))
            .cloned()
            .collect();
        Ok(Self {
            component: code.map(|(component, _)| Digest::of(component)),
            engine: code.and_then(|(_, facts)| facts.engine.clone()),
            imports,
            capabilities,
            unused,
        })
    }

    /// The digest that a signed statement contains. Fields and keys are ordered, so equal proofs
    /// have equal digests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let json = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(&json)
    }
}

enum Need {
    Ambient,
    Capability(CapabilityName),
    Unknown,
}

fn needed(import: &str, known: &[Capability]) -> Need {
    let import = InterfaceName::parse(import);
    match known.iter().find(|capability| capability.satisfies(&import)) {
        Some(ambient) if ambient.name.is_empty() => Need::Ambient,
        Some(capability) => capability.name.parse().map_or(Need::Unknown, Need::Capability),
        None => Need::Unknown,
    }
}
