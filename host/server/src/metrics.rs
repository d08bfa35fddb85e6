//! `GET /metrics`: metrics of extensions, of their executions, and of lost records. Requires an
//! operator's credential, because series name tenants.

use crate::executions::ExecutionRecordWriter;
use crate::operator::ensure_operator;
use crate::telemetry::lost_lines;
use alga_auth::Authenticator;
use alga_capabilities::MetricRegistry;
use alga_execute::ExecutionMinutes;
use alga_http::Refusal;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Prometheus text format 0.0.4.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Sources of a scrape, and the check of its credential.
pub(crate) struct Scraped {
    pub(crate) metrics: Arc<MetricRegistry>,
    pub(crate) executions: Arc<ExecutionRecordWriter>,
    pub(crate) minutes: Arc<ExecutionMinutes>,
    pub(crate) authenticator: Arc<Authenticator>,
}

pub(crate) fn router(scraped: Scraped) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Arc::new(scraped))
}

async fn scrape(State(scraped): State<Arc<Scraped>>, headers: HeaderMap) -> Result<Response, Refusal> {
    ensure_operator(&scraped.authenticator, &headers).await?;
    let lost = scraped.executions.dropped();
    let text = format!(
        "{}{}alga_execution_records_lost_total {lost}\nalga_log_lines_lost_total {}\n",
        scraped.metrics.render(),
        scraped.minutes.render(),
        lost_lines()
    );
    Ok(([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, NO_STORE)], text).into_response())
}
