//! `GET /metrics`: metrics of extensions and the number of lost execution records. Requires the
//! operator's token, because series name tenants.

use crate::executions::ExecutionRecordWriter;
use alga_auth::AdministratorToken;
use alga_capabilities::MetricRegistry;
use alga_errors::{Code, Problem};
use alga_http::{Refusal, bearer};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
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
    administrator: AdministratorToken,
}

pub(crate) fn router(
    metrics: Arc<MetricRegistry>,
    executions: Arc<ExecutionRecordWriter>,
    administrator: AdministratorToken,
) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Arc::new(Scraped {
            metrics,
            executions,
            administrator,
        }))
}

async fn scrape(State(scraped): State<Arc<Scraped>>, headers: HeaderMap) -> Response {
    if !bearer(&headers).is_some_and(|token| scraped.administrator.matches(token)) {
        let problem = Problem::new(Code::Unauthenticated, "the operator's token is required");
        let mut response = Refusal(problem).into_response();
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    let lost = scraped.executions.dropped();
    let text = format!("{}alga_execution_records_lost_total {lost}\n", scraped.metrics.render());
    ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, NO_STORE)], text).into_response()
}
