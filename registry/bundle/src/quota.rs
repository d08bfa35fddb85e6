//! Quotas: what they limit, and the periods in which they start again.

use crate::{InstallId, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Days of 400 years of the Gregorian calendar, after which it repeats.
const ERA_DAYS: i64 = 146_097;

/// Highest weight of a tenant: with 1 as the lowest, no tenant gets nothing or everything.
pub const HIGHEST_WEIGHT: u32 = 1_000;

/// Something that executions use, with the unit in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Executions that were admitted.
    Requests,
    /// Processor time in microseconds.
    CpuUs,
    /// Peak memory times duration, in KiB times milliseconds.
    MemoryKibMs,
    /// Bytes sent to other hosts.
    EgressBytes,
    /// Bytes of keys, values and metadata that are stored: not used up, but occupied.
    StorageBytes,
}

impl Meter {
    /// All meters, in the order of every list.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::CpuUs,
        Self::MemoryKibMs,
        Self::EgressBytes,
        Self::StorageBytes,
    ];
    /// Meters of what executions use up, for which runners lease credit.
    pub const OF_EXECUTIONS: [Self; 4] = [Self::Requests, Self::CpuUs, Self::MemoryKibMs, Self::EgressBytes];

    /// Returns the name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::CpuUs => "cpu_us",
            Self::MemoryKibMs => "memory_kib_ms",
            Self::EgressBytes => "egress_bytes",
            Self::StorageBytes => "storage_bytes",
        }
    }
}

/// The time after which a quota starts again, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// A day, from midnight.
    Day,
    /// A month of the calendar.
    Month,
    /// The period of what is occupied and not used up: all time.
    Always,
}

impl Period {
    /// All periods, shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::Day, Self::Month, Self::Always];
    /// Periods after which a quota starts again, shortest first.
    pub const RECURRING: [Self; 3] = [Self::Minute, Self::Day, Self::Month];

    /// Returns the name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Month => "month",
            Self::Always => "always",
        }
    }

    /// Returns the first and the last millisecond since 1970 of the period that contains this one.
    #[must_use]
    pub const fn around(self, now_ms: i64) -> (i64, i64) {
        let (start, next) = match self {
            Self::Always => (0, i64::MAX),
            Self::Minute => {
                let start = now_ms.div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS);
                (start, start.saturating_add(MINUTE_MS))
            }
            Self::Day => {
                let start = now_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS);
                (start, start.saturating_add(DAY_MS))
            }
            Self::Month => {
                let day = now_ms.div_euclid(DAY_MS);
                let start = day - day_of_month(day);
                // Within the next month, whatever the length of this one is.
                let next = start + 32;
                let next = next - day_of_month(next);
                (start.saturating_mul(DAY_MS), next.saturating_mul(DAY_MS))
            }
        };
        (start, next - 1)
    }
}

/// Returns the day of the month, from 0, of a day since 1970 (Hinnant, "chrono-compatible low-level
/// date algorithms", `civil_from_days`).
const fn day_of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months from March: 31, 30, 31, 30, 31 days, repeated.
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5
}

/// Limits of a tenant, or of one of its installs, for one meter and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Tenant that is limited.
    pub tenant: TenantId,
    /// Install that is limited; `None` for all installs of the tenant together.
    pub install: Option<InstallId>,
    /// Meter that is limited.
    pub meter: Meter,
    /// Time after which it starts again.
    pub period: Period,
    /// Amount that is not exceeded. With neither limit, the quota was removed.
    pub hard: Option<i64>,
    /// Amount above which the tenant is warned.
    pub soft: Option<i64>,
}

/// A meter in one period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaWindow {
    /// Install that the meter counts; `None` for all installs of the tenant together.
    pub install: Option<InstallId>,
    /// Meter that is counted.
    pub meter: Meter,
    /// Length of the period.
    pub period: Period,
    /// Start of the period, in milliseconds since 1970.
    pub starts_at_ms: i64,
}

/// Changes of a meter in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaSettlement {
    /// The meter and its period.
    pub window: QuotaWindow,
    /// Amount to add to what was used.
    pub used: i64,
    /// Amount to add to the credit of runners; negative for credit that is returned.
    pub leased: i64,
}

/// Credit that a runner leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLease {
    /// Amount that it leased: less than it asked for if no more is left.
    pub granted: i64,
    /// Amount that all runners have leased in the period.
    pub total: i64,
}

/// Error of a name that is none of these.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not one of {expected}")]
pub struct UnknownName {
    name: String,
    expected: &'static str,
}

macro_rules! by_name {
    ($($type:ty: $expected:literal;)+) => { $(
        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
                found.ok_or_else(|| UnknownName { name: text.escape_default().to_string(), expected: $expected })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    )+ };
}

by_name! {
    Meter: "requests, cpu_us, memory_kib_ms, egress_bytes, storage_bytes";
    Period: "minute, day, month, always";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn periods_begin_at_minutes_midnights_and_months_in_utc() {
        // 2024-02-29T12:34:56.789Z
        let now = 1_709_210_096_789;
        assert_eq!(Period::Minute.around(now), (1_709_210_040_000, 1_709_210_099_999));
        assert_eq!(Period::Day.around(now), (1_709_164_800_000, 1_709_251_199_999));
        assert_eq!(Period::Month.around(now), (1_706_745_600_000, 1_709_251_199_999));
        // 2026-12-31T23:59:59.999Z and one millisecond later.
        assert_eq!(Period::Month.around(1_798_761_599_999).1, 1_798_761_599_999);
        assert_eq!(Period::Month.around(1_798_761_600_000).0, 1_798_761_600_000);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        assert!(
            Meter::ALL
                .iter()
                .all(|meter| meter.to_string().parse::<Meter>().unwrap() == *meter)
        );
        assert!(
            Period::ALL
                .iter()
                .all(|period| period.to_string().parse::<Period>().unwrap() == *period)
        );
        let error = "cpu\n".parse::<Meter>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`cpu\\n` is not one of requests, cpu_us, memory_kib_ms, egress_bytes, storage_bytes"
        );
    }

    proptest! {
        #[test]
        fn periods_follow_each_other_without_gaps(now in 0_i64..4_102_444_800_000) {
            for period in Period::RECURRING {
                let (start, last) = period.around(now);
                prop_assert!((start..=last).contains(&now));
                prop_assert_eq!(period.around(last + 1).0, last + 1);
                prop_assert_eq!(period.around(start - 1).1, start - 1);
            }
        }
    }
}
