//! The capability proof: what a component can touch, derived from its bytes and compared with its manifest.

use crate::{Capability, CapabilityName, ComponentFacts, Digest, InterfaceName, Manifest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a component can touch, at the most. Computed at publish, signed for, kept, and computed again at load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CapabilityProof {
    /// The component that this is about.
    pub component: Digest,
    /// Its imported interfaces with their functions.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The capabilities that those interfaces need.
    pub capabilities: BTreeSet<CapabilityName>,
    /// Declared in the manifest, but not imported: harmless, and worth a warning.
    pub unused: BTreeSet<CapabilityName>,
}

/// An import that nothing in the manifest allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undeclared {
    /// The WIT interface.
    pub interface: String,
    /// What to add to the manifest; none when no capability grants this interface.
    pub capability: Option<String>,
}

/// The component imports more than its manifest declares.
#[derive(Debug, thiserror::Error)]
#[error("the component imports what its manifest does not declare:{}", lines(.0))]
pub struct ProofError(pub Vec<Undeclared>);

fn lines(undeclared: &[Undeclared]) -> String {
    let line = |item: &Undeclared| match &item.capability {
        Some(name) => format!("\n  {} needs \"{name}\" in $.capabilities", item.interface),
        None => format!("\n  {} cannot be granted on this platform", item.interface),
    };
    undeclared.iter().map(line).collect()
}

impl CapabilityProof {
    /// Compares real imports with a manifest.
    ///
    /// # Errors
    /// All imports that the manifest does not declare, each with the line to add.
    pub fn compute(
        component: &[u8],
        facts: &ComponentFacts,
        manifest: &Manifest,
        known: &[Capability],
    ) -> Result<Self, ProofError> {
        let declared = manifest.declared(known);
        let mut capabilities = BTreeSet::new();
        let mut undeclared = Vec::new();
        for import in facts.imports.keys() {
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
        let unused = manifest
            .capabilities
            .iter()
            .filter(|name| !capabilities.contains(*name))
            .cloned()
            .collect();
        Ok(Self {
            component: Digest::of(component),
            imports: facts.imports.clone(),
            capabilities,
            unused,
        })
    }

    /// The digest that a signed statement binds. Fields and keys are ordered, so equal proofs have equal digests.
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
    match known.iter().find(|capability| capability.answers(&import)) {
        Some(ambient) if ambient.name.is_empty() => Need::Ambient,
        Some(capability) => capability.name.parse().map_or(Need::Unknown, Need::Capability),
        None => Need::Unknown,
    }
}
