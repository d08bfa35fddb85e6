//! Quotas of tenants and installs, and what was used.

use super::JsonBody;
use super::install_lookup::{find, tenant_of};
use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_bundle::{HIGHEST_WEIGHT, InstallId, Meter, Period, Quota, TenantId};
use alga_errors::{Code, Problem};
use alga_registry_types::{InstallUsage, QuotaRequest, QuotaState, Quotas, TenantUsage, TenantWeight, UsageQuery};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use std::collections::HashMap;
use std::time::SystemTime;

/// Weights that a tenant can have: none gets nothing, and none gets everything.
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=HIGHEST_WEIGHT;

fn now_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
) -> Result<Json<Quotas>, ApiError> {
    let tenant = tenant_of(&tenant)?;
    let database = &dependencies.database;
    let now = now_ms();
    let mut leased = HashMap::new();
    for period in Period::RECURRING {
        for row in database.quota_usage(&tenant, period, period.around(now).0).await? {
            let window = row.window;
            leased.insert((window.install, window.meter, window.period), row.leased);
        }
    }
    let quotas = database.quotas(&tenant).await?;
    for quota in quotas.iter().filter(|quota| quota.meter == Meter::StorageBytes) {
        let stored = database.stored_bytes(&tenant, quota.install.as_ref()).await?;
        leased.insert((quota.install.clone(), quota.meter, quota.period), stored);
    }
    let quotas = quotas.into_iter().map(|quota| QuotaState {
        leased: leased
            .get(&(quota.install.clone(), quota.meter, quota.period))
            .copied()
            .unwrap_or_default(),
        install_id: quota.install,
        meter: quota.meter,
        period: quota.period,
        hard: quota.hard,
        soft: quota.soft,
        ends_at_ms: quota.period.around(now).1,
    });
    Ok(Json(Quotas {
        quotas: quotas.collect(),
    }))
}

pub(crate) async fn set_of_tenant(
    dependencies: Dependencies,
    Path(tenant): Path<String>,
    JsonBody(request): JsonBody<QuotaRequest>,
) -> Result<StatusCode, ApiError> {
    let tenant = tenant_of(&tenant)?;
    set(dependencies, tenant, None, &request).await
}

pub(crate) async fn set_of_install(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): Path<(String, String)>,
    JsonBody(request): JsonBody<QuotaRequest>,
) -> Result<StatusCode, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    set(
        Dependencies(dependencies),
        install.tenant_id,
        Some(install.id),
        &request,
    )
    .await
}

async fn set(
    Dependencies(dependencies): Dependencies,
    tenant: TenantId,
    install: Option<InstallId>,
    request: &QuotaRequest,
) -> Result<StatusCode, ApiError> {
    check(request)?;
    let quota = Quota {
        tenant,
        install,
        meter: request.meter,
        period: request.period,
        hard: request.hard,
        soft: request.soft,
    };
    dependencies.database.set_quota(&quota).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(request: &QuotaRequest) -> Result<(), Problem> {
    let limits = [request.hard, request.soft];
    if limits.iter().flatten().any(|limit| *limit < 0) {
        return Err(Problem::new(Code::BadRequest, "a quota is not negative"));
    }
    if (request.meter == Meter::StorageBytes) != (request.period == Period::Always) {
        let problem = Problem::new(Code::BadRequest, "this meter has no such period");
        return Err(problem.with_hint("storage_bytes has the period always, and no other meter has it"));
    }
    match limits {
        [Some(hard), Some(soft)] if soft > hard => Err(Problem::new(
            Code::BadRequest,
            "a soft quota above the hard one would never warn",
        )),
        _ => Ok(()),
    }
}

pub(crate) async fn usage(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Json<TenantUsage>, ApiError> {
    let Query(query) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let period = query.period.unwrap_or(Period::Day);
    if !matches!(period, Period::Day | Period::Month) {
        let problem = Problem::new(Code::BadRequest, "usage is recorded by day");
        return Err(problem.with_hint("pass period=day or period=month").into());
    }
    let (starts_at_ms, ends_at_ms) = period.around(query.at_ms.unwrap_or_else(now_ms));
    let used = dependencies
        .database
        .usage_between(&tenant_of(&tenant)?, starts_at_ms, ends_at_ms)
        .await?;
    let usage = used.into_iter().map(|(install_id, meter, used)| InstallUsage {
        install_id,
        meter,
        used,
    });
    Ok(Json(TenantUsage {
        starts_at_ms,
        ends_at_ms,
        usage: usage.collect(),
    }))
}

pub(crate) async fn weight(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
) -> Result<Json<TenantWeight>, ApiError> {
    let weight = dependencies.database.weight(&tenant_of(&tenant)?).await?;
    Ok(Json(TenantWeight { weight }))
}

pub(crate) async fn set_weight(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
    JsonBody(request): JsonBody<TenantWeight>,
) -> Result<StatusCode, ApiError> {
    if request.weight.is_some_and(|weight| !WEIGHTS.contains(&weight)) {
        return Err(Problem::new(Code::BadRequest, "a weight is from 1 to 1000").into());
    }
    let tenant = tenant_of(&tenant)?;
    dependencies.database.set_weight(&tenant, request.weight).await?;
    Ok(StatusCode::NO_CONTENT)
}
