use crate::known;
use alga_bundle::{CapabilityName, CapabilityProof};

/// A set of capabilities as bits, in the order of [`known`]. Small enough to be part of every cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GrantSet(u64);

/// A name that no capability of this platform has.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a capability of this platform")]
pub struct UnknownCapability(pub CapabilityName);

impl GrantSet {
    /// The set of these capabilities.
    ///
    /// # Errors
    /// When a name is unknown: a grant that is silently ignored would be a promise that nobody keeps.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a CapabilityName>) -> Result<Self, UnknownCapability> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            bit(name.as_str())
                .map(|bit| Self(set.0 | bit))
                .ok_or_else(|| UnknownCapability(name.clone()))
        })
    }

    /// What every install has: nothing of it reaches beyond the execution.
    #[must_use]
    pub fn defaults() -> Self {
        let defaults = known().iter().filter(|capability| capability.granted_by_default);
        Self(
            defaults
                .filter_map(|capability| bit(capability.name))
                .fold(0, |set, bit| set | bit),
        )
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a capability is in the set.
    #[must_use]
    pub fn contains(self, name: &CapabilityName) -> bool {
        self.holds_name(name.as_str())
    }

    pub(crate) fn holds_name(self, name: &str) -> bool {
        bit(name).is_some_and(|bit| self.0 & bit != 0)
    }

    /// What a component needs, of what this platform has.
    #[must_use]
    pub fn needed_by(proof: &CapabilityProof) -> Self {
        let needed = proof.capabilities.iter().filter_map(|name| bit(name.as_str()));
        Self(needed.fold(0, |set, bit| set | bit))
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What a component needs and this set does not have.
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
