//! Denial adapters composed into a component, for optional capabilities that are not granted and
//! for interfaces that no extension is ever granted.

use crate::known;
use alga_bundle::limits::Requirements;
use alga_bundle::{CapabilityName, CapabilityProof, ComponentFacts, Digest, Manifest};
use alga_compose::{ComposeError, Denied, deny};
use std::collections::BTreeSet;

/// File and socket interfaces, which many toolchains import even if the program does not use them.
/// No extension is granted any of them.
const INERT: [&str; 9] = [
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Composes the component with an adapter for its file and socket imports: there are no preopened
/// directories, and every socket is refused. Returns `None` if the component imports neither.
///
/// Used by the tools that pack a component; the registry does not modify components.
///
/// # Errors
/// Returns a [`ComposeError`] if the component cannot be composed with the adapter.
pub fn stub_unsupported_imports(component: &[u8]) -> Result<Option<Vec<u8>>, ComposeError> {
    let reason = "extensions have no files and no sockets";
    let denied = INERT.map(|interface| Denied { interface, reason });
    let composed = deny(component, &denied)?;
    Ok((composed != component).then_some(composed))
}

/// Returns the capabilities that the component imports, its manifest lists as optional, and the
/// install was not granted.
///
/// # Errors
/// Returns the required capabilities that were not granted; without them the component cannot run.
pub fn denied_optional<'a>(
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

/// Composes the component with an adapter that denies these capabilities, so that it does not
/// import them any more.
///
/// This blocks for milliseconds with a small component and for a tenth of a second with a large
/// one; do not call it on an async thread.
///
/// # Errors
/// Returns a [`ComposeError`] if the component cannot be composed with the adapter.
pub fn compose_denied(component: &[u8], denied: &BTreeSet<&CapabilityName>) -> Result<Vec<u8>, ComposeError> {
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

/// The component that an install runs if some of its optional capabilities are denied.
#[derive(Debug)]
pub struct DenyingComponent {
    /// The composed component.
    pub component: Vec<u8>,
    /// The key of its machine code: its SHA-256 digest.
    pub key: [u8; 32],
    /// The engine resources that one instance requires.
    pub requirements: Requirements,
}

/// Reason why there is no component for a set of grants.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// Required capabilities were not granted.
    #[error("capabilities that were not granted: {}", .0.iter().map(CapabilityName::as_str).collect::<Vec<_>>().join(", "))]
    Missing(Vec<CapabilityName>),
    /// The composed component still imports denied capabilities.
    #[error("the composed component still imports {}", .0.iter().map(CapabilityName::as_str).collect::<Vec<_>>().join(", "))]
    StillImported(Vec<CapabilityName>),
    /// The component cannot be composed with the adapter.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

/// Composes the component that an install with these grants runs. Returns `None` if the component
/// runs unchanged, because everything that it imports is granted.
///
/// Used by publish and install, which compile ahead, and by load: the bytes and the key are the
/// same. This blocks; see [`compose_denied`].
///
/// # Errors
/// Returns [`GrantsError::Missing`] if a required capability is not granted,
/// [`GrantsError::StillImported`] if the composed bytes import a denied one, and
/// [`GrantsError::Compose`] if the component cannot be composed.
pub fn compose_for_grants(
    component: &[u8],
    manifest: &Manifest,
    proof: &CapabilityProof,
    is_granted: impl Fn(&CapabilityName) -> bool,
) -> Result<Option<DenyingComponent>, GrantsError> {
    let missing = |names: BTreeSet<&CapabilityName>| GrantsError::Missing(names.into_iter().cloned().collect());
    let denied = denied_optional(manifest, proof, &is_granted).map_err(missing)?;
    if denied.is_empty() {
        return Ok(None);
    }
    let component = compose_denied(component, &denied)?;
    // As for every component that is linked, the imports are read from the composed bytes.
    let facts = ComponentFacts::read(&component).map_err(ComposeError::of)?;
    let needed: Vec<_> = facts.needs(known()).filter(|name| !is_granted(name)).collect();
    if !needed.is_empty() {
        return Err(GrantsError::StillImported(needed));
    }
    let key = *Digest::of(&component).as_bytes();
    Ok(Some(DenyingComponent {
        component,
        key,
        requirements: facts.requirements,
    }))
}

fn reason(name: &str) -> String {
    format!(
        "{name} is not granted to this install; manifest.json asks for it with \"optionalCapabilities\": [\"{name}\"], and the tenant grants it: `alga install … --grant {name}`"
    )
}
