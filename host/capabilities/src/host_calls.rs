//! Numbers of calls from a guest to the host, by interface, and the guest's own time between them.

use crate::known;
use alga_bundle::Capability;
use alga_engine::execution_time;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

/// Maximum number of interfaces: those of [`known`], which a test compares.
const INTERFACES: usize = 53;

/// Numbers of calls by interface, in the order of [`known`]. As JSON an object with a member for
/// each interface that was called, such as `{"wasi:http/types": 9}`. An interface's number includes
/// the handles of its resources that the guest has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCalls([u32; INTERFACES]);

impl Default for HostCalls {
    fn default() -> Self {
        Self([0; INTERFACES])
    }
}

impl HostCalls {
    pub(crate) fn count(&mut self, interface: usize) {
        if let Some(calls) = self.0.get_mut(interface) {
            *calls = calls.saturating_add(1);
        }
    }

    /// Returns the interfaces that were called, with their numbers of calls.
    pub fn called(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = names().iter().zip(&self.0);
        all.map(|(name, calls)| (name.as_str(), *calls))
            .filter(|(_, calls)| *calls > 0)
    }
}

/// Returns the names of [`known`] interfaces among the numbers; those of WASI 0.3 end with `@0.3`.
fn names() -> &'static [String] {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| known().iter().map(name).collect());
    &NAMES
}

fn name(capability: &Capability) -> String {
    match capability.version {
        (0, 3, _) => format!("{}@0.3", capability.interface),
        _ => capability.interface.to_owned(),
    }
}

impl Serialize for HostCalls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.called())
    }
}

impl<'de> Deserialize<'de> for HostCalls {
    /// Reads what another process of this platform wrote, whose version may know other interfaces:
    /// those are left out.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Calls;

        impl<'de> Visitor<'de> for Calls {
            type Value = HostCalls;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of interfaces and their numbers of calls")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HostCalls, A::Error> {
                let mut calls = HostCalls::default();
                while let Some((name, number)) = map.next_entry::<String, u32>()? {
                    let place = names().iter().position(|known| *known == name);
                    if let Some(place) = place.and_then(|place| calls.0.get_mut(place)) {
                        *place = number;
                    }
                }
                Ok(calls)
            }
        }

        deserializer.deserialize_map(Calls)
    }
}

/// The time in which a guest's own code ran.
#[derive(Debug, Default)]
pub(crate) struct GuestTime {
    total: Duration,
    /// Time of the execution at which the guest continued, while it runs.
    since: Option<Duration>,
}

impl GuestTime {
    pub(crate) fn begin(&mut self) {
        self.since = Some(execution_time());
    }

    pub(crate) fn end(&mut self) {
        if let Some(since) = self.since.take() {
            self.total += execution_time().saturating_sub(since);
        }
    }

    /// Returns the time up to now, also of a guest that was cancelled while it ran.
    pub(crate) fn total(&mut self) -> Duration {
        self.end();
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_a_number_and_unknown_ones_of_other_versions_are_left_out() {
        assert!(known().len() <= INTERFACES, "{} interfaces", known().len());
        let mut calls = HostCalls::default();
        for place in 0..known().len() {
            calls.count(place);
        }
        calls.count(0);
        calls.count(INTERFACES);
        let json = serde_json::to_value(calls).unwrap();
        assert_eq!(json.as_object().unwrap().len(), known().len());
        assert_eq!(json[known()[0].interface], 2);
        assert_eq!(serde_json::from_value::<HostCalls>(json).unwrap(), calls);
        let other = serde_json::json!({ "alga:later/interface": 7 });
        assert_eq!(
            serde_json::from_value::<HostCalls>(other).unwrap(),
            HostCalls::default()
        );
    }
}
