use crate::known;
use alga_bundle::{CapabilityName, CapabilityProof};
use std::sync::LazyLock;

/// A set of capabilities as a bit set in the order of [`known`], small enough to be part of every
/// cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GrantSet(u64);

/// Error for a name that is not a capability of this platform.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a capability of this platform")]
pub struct UnknownCapability(pub CapabilityName);

impl GrantSet {
    /// Builds the set from capability names.
    ///
    /// # Errors
    /// Returns [`UnknownCapability`] for the first unknown name; an unknown grant must not be
    /// ignored silently.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a CapabilityName>) -> Result<Self, UnknownCapability> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            bit(name.as_str())
                .map(|bit| Self(set.0 | bit))
                .ok_or_else(|| UnknownCapability(name.clone()))
        })
    }

    /// Returns the capabilities that are granted by default; none of them reaches outside the
    /// execution.
    #[must_use]
    pub fn defaults() -> Self {
        let defaults = known().iter().filter(|capability| capability.granted_by_default);
        Self(
            defaults
                .filter_map(|capability| bit(capability.name))
                .fold(0, |set, bit| set | bit),
        )
    }

    /// Returns the set of all capabilities.
    pub(crate) fn all() -> Self {
        let all = known().iter().filter_map(|capability| bit(capability.name));
        Self(all.fold(0, |set, bit| set | bit))
    }

    /// Returns the union of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reports whether the capability is in the set.
    #[must_use]
    pub fn contains(self, name: &CapabilityName) -> bool {
        self.holds_name(name.as_str())
    }

    pub(crate) fn holds_name(self, name: &str) -> bool {
        bit(name).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Reports whether a capability in the set sends bytes to other hosts.
    #[must_use]
    pub fn sends(self) -> bool {
        static SENDERS: LazyLock<u64> = LazyLock::new(|| {
            let senders = known().iter().filter(|capability| capability.sends);
            senders
                .filter_map(|capability| bit(capability.name))
                .fold(0, |set, bit| set | bit)
        });
        self.0 & *SENDERS != 0
    }

    /// Returns the capabilities that a component needs, without those unknown to this platform.
    #[must_use]
    pub fn needed_by(proof: &CapabilityProof) -> Self {
        let needed = proof.capabilities.iter().filter_map(|name| bit(name.as_str()));
        Self(needed.fold(0, |set, bit| set | bit))
    }

    /// Returns the intersection of both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the capabilities that a component needs and that are not in this set.
    pub fn missing(self, proof: &CapabilityProof) -> impl Iterator<Item = &CapabilityName> {
        proof.capabilities.iter().filter(move |name| !self.contains(name))
    }
}

fn bit(name: &str) -> Option<u64> {
    let position = known()
        .iter()
        .position(|capability| !name.is_empty() && capability.name == name)?;
    1_u64.checked_shl(u32::try_from(position).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_something_unknown_is_an_error() {
        let names: Vec<CapabilityName> = vec!["cap:moon.landing".parse().unwrap()];
        assert!(GrantSet::from_names(&names).is_err());
    }

    #[test]
    fn ambient_interfaces_are_not_capabilities() {
        assert!(!GrantSet(u64::MAX).holds_name(""));
        assert!(known().iter().filter(|capability| !capability.name.is_empty()).count() <= 64);
    }
}
