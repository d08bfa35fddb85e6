//! `GET /v1/profile/{tenant}`: samples of an install's guests, as a profile of the Firefox
//! Profiler, for principals that may read the tenant's installs.

use crate::live::{Live, tenant_id};
use alga_errors::{Code, Problem};
use alga_http::Refusal;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Seconds of a profile: less than the time after which proxies end a response that does not begin.
const SECONDS: RangeInclusive<u64> = 1..=60;

/// Builds the route.
pub(crate) fn router(live: Live) -> Router {
    Router::new()
        .route("/v1/profile/{tenant}", get(profile))
        .with_state(live)
}

#[derive(Deserialize)]
struct Wanted {
    install: String,
    seconds: u64,
}

/// Samples the executions of an install that begin in this time. Ends early if the client leaves.
async fn profile(
    State(live): State<Live>,
    Path(tenant): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    live.check(&headers, &tenant).await?;
    let tenant = tenant_id(&tenant)?;
    if !SECONDS.contains(&wanted.seconds) {
        let message = format!("`seconds` is from {} to {}", SECONDS.start(), SECONDS.end());
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let install = live.install(&tenant, &wanted.install).await?;
    let profiling = live.runner.profiles().start(&install.id, install.name.as_str())?;
    tokio::time::sleep(Duration::from_secs(wanted.seconds)).await;
    let finished = profiling.profile().finish().map_err(Problem::internal)?;
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("x-alga-executions"),
            profiling.executions().into(),
        ),
        (HeaderName::from_static("x-alga-samples"), finished.samples.into()),
        (
            HeaderName::from_static("x-alga-samples-left-out"),
            finished.left_out.into(),
        ),
    ];
    Ok((fields, finished.json).into_response())
}
