//! `GET /metrics`: metrics of extensions and the number of lost execution records. Requires an
//! operator's credential, because series name tenants.

use crate::executions::ExecutionRecordWriter;
use crate::operator::ensure_operator;
use alga_auth::Authenticator;
use alga_capabilities::MetricRegistry;
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

struct Scraped {
    metrics: Arc<MetricRegistry>,
    executions: Arc<ExecutionRecordWriter>,
    authenticator: Arc<Authenticator>,
}

pub(crate) fn router(
    metrics: Arc<MetricRegistry>,
    executions: Arc<ExecutionRecordWriter>,
    authenticator: Arc<Authenticator>,
) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Arc::new(Scraped {
            metrics,
            executions,
            authenticator,
        }))
}

async fn scrape(State(scraped): State<Arc<Scraped>>, headers: HeaderMap) -> Result<Response, Refusal> {
    ensure_operator(&scraped.authenticator, &headers).await?;
    let lost = scraped.executions.dropped();
    let text = format!("{}alga_execution_records_lost_total {lost}\n", scraped.metrics.render());
    Ok(([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, NO_STORE)], text).into_response())
}
