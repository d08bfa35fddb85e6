//! The permissions that an upgrade adds to those of the installed version.

use crate::{CapabilityProof, EgressPattern, EndpointAccess, Manifest, Method};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The permissions that a version adds. If empty, the consent to the old version covers this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CapabilityDiff {
    /// Newly imported interfaces, by name.
    pub interfaces: BTreeSet<String>,
    /// Functions of interfaces that were imported before: `interface#function`.
    pub functions: BTreeSet<String>,
    /// Declared capabilities, required or optional.
    pub capabilities: BTreeSet<String>,
    /// Hosts that the extension may call.
    pub egress: BTreeSet<EgressPattern>,
    /// Secrets, and hosts that they may be sent to: `name` or `name → host`.
    pub secrets: BTreeSet<String>,
    /// Routes of the host application that the extension calls: `GET /api/tickets/:id`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<String>,
    /// Places in the host application's user interface.
    pub ui_hooks: BTreeSet<String>,
    /// Event topics that the extension subscribes to.
    pub events: BTreeSet<String>,
    /// Endpoints that are not GET and require only `read` of their callers: `POST /search`.
    pub open_endpoints: BTreeSet<String>,
    /// Limits that were raised: `memoryMb 64 → 128`.
    pub limits: BTreeSet<String>,
}

impl CapabilityDiff {
    /// Returns everything that `new` has and `old` does not have.
    #[must_use]
    pub fn between(old: (&Manifest, &CapabilityProof), new: (&Manifest, &CapabilityProof)) -> Self {
        let added = |of: fn(&Manifest) -> BTreeSet<String>| of(new.0).difference(&of(old.0)).cloned().collect();
        let old_egress: BTreeSet<_> = old.0.egress.iter().collect();
        Self {
            interfaces: new
                .1
                .imports
                .keys()
                .filter(|name| !old.1.imports.contains_key(*name))
                .cloned()
                .collect(),
            functions: functions(old.1, new.1),
            capabilities: added(capabilities),
            egress: new
                .0
                .egress
                .iter()
                .filter(|host| !old_egress.contains(host))
                .cloned()
                .collect(),
            secrets: added(secrets),
            routes: added(|manifest| {
                manifest
                    .ui_proxy
                    .iter()
                    .map(|route| format!("{} {}", route.method.as_str(), route.path))
                    .collect()
            }),
            ui_hooks: added(|manifest| manifest.ui.iter().flat_map(|ui| ui.hooks.keys().cloned()).collect()),
            events: added(|manifest| manifest.events.iter().map(|event| event.topic.clone()).collect()),
            open_endpoints: added(open_endpoints),
            limits: limits(old.0, new.0),
        }
    }

    /// Returns every added permission with its kind, which is the name of its field.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let Self {
            interfaces,
            functions,
            capabilities,
            egress,
            secrets,
            routes,
            ui_hooks,
            events,
            open_endpoints,
            limits,
        } = self;
        let hosts: BTreeSet<String> = egress.iter().map(ToString::to_string).collect();
        let kinds = [
            ("capabilities", capabilities),
            ("egress", &hosts),
            ("events", events),
            ("functions", functions),
            ("interfaces", interfaces),
            ("limits", limits),
            ("open_endpoints", open_endpoints),
            ("routes", routes),
            ("secrets", secrets),
            ("ui_hooks", ui_hooks),
        ];
        let entries = kinds.map(|(kind, names)| names.iter().map(move |name| (kind, name.clone())).collect::<Vec<_>>());
        entries.into_iter().flatten()
    }

    /// True if nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn functions(old: &CapabilityProof, new: &CapabilityProof) -> BTreeSet<String> {
    let known = new
        .imports
        .iter()
        .filter_map(|(interface, functions)| Some((interface, functions, old.imports.get(interface)?)));
    known
        .flat_map(|(interface, functions, before)| {
            let added = functions.iter().filter(|function| !before.contains(*function));
            added.map(move |function| format!("{interface}#{function}"))
        })
        .collect()
}

fn capabilities(manifest: &Manifest) -> BTreeSet<String> {
    let declared = manifest.capabilities.iter().chain(&manifest.optional_capabilities);
    declared.map(ToString::to_string).collect()
}

fn open_endpoints(manifest: &Manifest) -> BTreeSet<String> {
    let endpoints = manifest.api.endpoints.iter();
    let open =
        endpoints.filter(|endpoint| endpoint.method != Method::Get && endpoint.auth == Some(EndpointAccess::Read));
    open.map(|endpoint| format!("{} {}", endpoint.method.as_str(), endpoint.path))
        .collect()
}

fn secrets(manifest: &Manifest) -> BTreeSet<String> {
    let names = manifest.secrets.iter().map(|secret| secret.name.clone());
    let hosts = manifest
        .secrets
        .iter()
        .flat_map(|secret| secret.hosts.iter().map(move |host| format!("{} → {host}", secret.name)));
    names.chain(hosts).collect()
}

/// Returns the raised limits. An omitted limit requests nothing beyond the platform's default.
fn limits(old: &Manifest, new: &Manifest) -> BTreeSet<String> {
    let of = |manifest: &Manifest| {
        manifest
            .limits
            .map(|limits| (limits.memory_mb, limits.timeout_ms))
            .unwrap_or_default()
    };
    let (old, new) = (of(old), of(new));
    [("memoryMb", old.0, new.0), ("timeoutMs", old.1, new.1)]
        .into_iter()
        .filter_map(|(name, old, new)| {
            let new = new.filter(|new| old.is_none_or(|old| *new > old))?;
            let old = old.map_or_else(|| "default".to_owned(), |old| old.to_string());
            Some(format!("{name} {old} → {new}"))
        })
        .collect()
}
