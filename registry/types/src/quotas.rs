//! Quotas of tenants and installs, and what was used.

use crate::Operation;
use alga_bundle::{InstallId, Meter, Period, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of one meter in each period; without any limit, the quota is removed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaRequest {
    /// Limited meter, with its unit in the name.
    pub meter: Meter,
    /// The time after which it starts again.
    pub period: Period,
    /// Amount that is not exceeded: further requests are refused with 429 until the period ends,
    /// and writes of records beyond `storage_bytes` fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub hard: Option<i64>,
    /// Amount above which the operator's log has a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub soft: Option<i64>,
}

/// Quotas of a tenant and of its installs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Quotas {
    /// All quotas, the tenant's own first.
    pub quotas: Vec<QuotaState>,
}

/// A quota in the current period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaState {
    /// Install that is limited; null for all installs of the tenant together.
    pub install_id: Option<InstallId>,
    /// Limited meter, with its unit in the name.
    pub meter: Meter,
    /// The time after which it starts again.
    pub period: Period,
    /// Amount that is not exceeded.
    pub hard: Option<i64>,
    /// Amount above which the operator's log has a warning.
    pub soft: Option<i64>,
    /// Amount that runners have leased in this period: used, or about to be. Of `storage_bytes`,
    /// what is stored.
    pub leased: i64,
    /// End of the period, in milliseconds since 1970.
    pub ends_at_ms: i64,
}

/// The share of a tenant in the processors, when several compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantWeight {
    /// Weight from 1 to 1000; null for the configured one, which is 1 unless configured otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub weight: Option<u32>,
}

/// The period of which the usage is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    /// `day` (if omitted) or `month`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Any time in the period, in milliseconds since 1970; now if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// Usage of a tenant's installs in one period: the tenant's bill. A deleted install stays in it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TenantUsage {
    /// Start of the period, in milliseconds since 1970.
    pub starts_at_ms: i64,
    /// Last millisecond of the period.
    pub ends_at_ms: i64,
    /// Usage by install and meter.
    pub usage: Vec<InstallUsage>,
}

/// Usage of one meter by an install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstallUsage {
    /// Install that was executed.
    pub install_id: InstallId,
    /// Used meter, with its unit in the name.
    pub meter: Meter,
    /// Amount that executions used which have ended, up to half a minute ago. Of `storage_bytes`,
    /// the most that was stored in the period, noted once an hour.
    pub used: i64,
}

/// Lists the quotas of a tenant and of its installs.
#[must_use]
pub fn quotas(tenant: &TenantId) -> Operation<Quotas> {
    Operation::new("GET", &[&"tenants", tenant, &"quotas"])
}

/// Sets a quota of a tenant, or of one of its installs.
#[must_use]
pub fn set_quota(tenant: &TenantId, install: Option<&str>, request: &QuotaRequest) -> Operation<()> {
    let operation = match install {
        Some(install) => Operation::new("PUT", &[&"tenants", tenant, &"installs", &install, &"quotas"]),
        None => Operation::new("PUT", &[&"tenants", tenant, &"quotas"]),
    };
    operation.json(request)
}

/// Returns the weight of a tenant.
#[must_use]
pub fn weight(tenant: &TenantId) -> Operation<TenantWeight> {
    Operation::new("GET", &[&"tenants", tenant, &"weight"])
}

/// Sets the weight of a tenant.
#[must_use]
pub fn set_weight(tenant: &TenantId, weight: TenantWeight) -> Operation<()> {
    Operation::new("PUT", &[&"tenants", tenant, &"weight"]).json(&weight)
}

/// Returns what a tenant's installs used in one period.
#[must_use]
pub fn usage(tenant: &TenantId, query: &UsageQuery) -> Operation<TenantUsage> {
    Operation::new("GET", &[&"tenants", tenant, &"usage"])
        .query("period", query.period)
        .query("at_ms", query.at_ms)
}
