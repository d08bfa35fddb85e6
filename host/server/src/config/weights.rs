//! Weights of tenants, written `tenant=weight,…`.

use alga_bundle::{HIGHEST_WEIGHT, TenantId};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Range of weights: a tenant never gets nothing, and never everything.
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=HIGHEST_WEIGHT;

/// Shares of tenants in the processors. One that is not listed has weight 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantWeights(pub BTreeMap<TenantId, u32>);

/// Error of a text that does not list weights.
#[derive(Debug, thiserror::Error)]
#[error("`{entry}`: {reason}")]
pub struct InvalidWeight {
    entry: String,
    reason: &'static str,
}

impl FromStr for TenantWeights {
    type Err = InvalidWeight;

    fn from_str(text: &str) -> Result<Self, InvalidWeight> {
        let mut weights = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let invalid = |reason| InvalidWeight {
                entry: entry.escape_default().to_string(),
                reason,
            };
            let (tenant, weight) = entry.split_once('=').ok_or_else(|| invalid("not tenant=weight"))?;
            let tenant: TenantId = tenant.parse().map_err(|_| invalid("not the id of a tenant"))?;
            let weight = weight.parse().ok().filter(|weight| WEIGHTS.contains(weight));
            let weight = weight.ok_or_else(|| invalid("a weight is a number from 1 to 1000"))?;
            if weights.insert(tenant, weight).is_some() {
                return Err(invalid("the tenant has another weight already"));
            }
        }
        Ok(Self(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_and_wrong_ones_are_refused_with_the_reason() {
        let weights: TenantWeights = "acme=4, globex=1000".parse().unwrap();
        assert_eq!(weights.0.values().copied().collect::<Vec<_>>(), [4, 1000]);
        assert_eq!("".parse::<TenantWeights>().unwrap(), TenantWeights::default());
        for (text, reason) in [
            ("acme", "tenant=weight"),
            ("acme=0", "1 to 1000"),
            ("acme=1001", "1 to 1000"),
            ("acme=1000000", "1 to 1000"),
            ("acme=-1", "1 to 1000"),
            ("a b=1", "id of a tenant"),
            ("acme=1,acme=2", "already"),
        ] {
            let error = text.parse::<TenantWeights>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
