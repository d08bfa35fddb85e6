//! What is optional and not granted, and what nobody is ever granted: answered inside the component.

use crate::known;
use alga_bundle::{CapabilityName, CapabilityProof, Manifest};
use alga_compose::{ComposeError, Denied, deny};
use std::collections::BTreeSet;

/// What many toolchains import whether a program uses it or not, and no extension has: no files, no sockets.
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

/// The component with its imports of files and sockets answered inside: there are no folders, and every socket is refused. None when it imports
/// neither. For whoever packs a component; a registry takes what it gets.
///
/// # Errors
/// When the component cannot be composed with its adapter.
pub fn stub_unsupported_imports(component: &[u8]) -> Result<Option<Vec<u8>>, ComposeError> {
    let reason = "extensions have no files and no sockets";
    let denied = INERT.map(|interface| Denied { interface, reason });
    let composed = deny(component, &denied)?;
    Ok((composed != component).then_some(composed))
}

/// The capabilities that a component imports, its manifest calls optional, and nobody granted.
///
/// # Errors
/// What it needs in any case and nobody granted either: then it cannot run.
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

/// The component with these capabilities denied inside: it does not import them any more. Takes milliseconds for a small component and a tenth of a
/// second for a large one; not for an async thread.
///
/// # Errors
/// When the component cannot be composed with its adapter.
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

fn reason(name: &str) -> String {
    format!(
        "{name} is not granted to this install; manifest.json asks for it with \"optionalCapabilities\": [\"{name}\"], and the tenant grants it: `alga install … --grant {name}`"
    )
}
