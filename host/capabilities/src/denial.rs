//! What is optional and not granted: answered inside the component, with what to do about it.

use crate::known;
use alga_bundle::{CapabilityName, CapabilityProof, Manifest};
use alga_compose::{ComposeError, Denied, deny};
use std::collections::BTreeSet;

/// The capabilities that a component imports, its manifest calls optional, and nobody granted.
///
/// # Errors
/// What it needs in any case and nobody granted either: then it cannot run.
pub fn optional_and_denied<'a>(
    manifest: &Manifest,
    proof: &'a CapabilityProof,
    is_granted: impl Fn(&CapabilityName) -> bool,
) -> Result<BTreeSet<&'a CapabilityName>, BTreeSet<&'a CapabilityName>> {
    let missing: BTreeSet<_> = proof.capabilities.iter().filter(|name| !is_granted(name)).collect();
    let needed: BTreeSet<_> = missing
        .iter()
        .copied()
        .filter(|name| !manifest.optional_capabilities.contains(name))
        .collect();
    if needed.is_empty() { Ok(missing) } else { Err(needed) }
}

/// The component with these capabilities denied inside: it does not import them any more. Takes milliseconds for a small component and a tenth of a
/// second for a large one; not for an async thread.
///
/// # Errors
/// When the component cannot be composed with its adapter.
pub fn without(component: &[u8], denied: &BTreeSet<&CapabilityName>) -> Result<Vec<u8>, ComposeError> {
    let reasons: Vec<(&str, String)> = known()
        .iter()
        .filter(|capability| denied.iter().any(|name| name.as_str() == capability.name))
        .map(|capability| (capability.interface, reason(capability.name)))
        .collect();
    let denied: Vec<Denied<'_>> = reasons
        .iter()
        .map(|(interface, reason)| Denied { interface, reason })
        .collect();
    deny(component, &denied)
}

fn reason(name: &str) -> String {
    format!(
        "{name} is not granted to this install; manifest.json asks for it with \"optionalCapabilities\": [\"{name}\"], and the tenant grants it: `alga install … --grant {name}`"
    )
}
