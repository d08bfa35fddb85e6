//! `GET /metrics`: what extensions measure, and how much of what they wrote was lost, for whoever has the operator's token. Series name tenants, so they are nobody else's.

use crate::executions::ExecutionLog;
use alga_auth::AdministratorToken;
use alga_capabilities::MetricRegistry;
use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Prometheus text format 0.0.4.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

struct Scraped {
    metrics: Arc<MetricRegistry>,
    executions: Arc<ExecutionLog>,
    administrator: AdministratorToken,
}

pub(crate) fn router(
    metrics: Arc<MetricRegistry>,
    executions: Arc<ExecutionLog>,
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
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    if !token.is_some_and(|token| scraped.administrator.matches(token)) {
        let challenge = [
            (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            (CACHE_CONTROL, NO_STORE),
        ];
        return (
            StatusCode::UNAUTHORIZED,
            challenge,
            "the operator's token is required\n",
        )
            .into_response();
    }
    let lost = scraped.executions.lost();
    let text = format!("{}alga_execution_records_lost_total {lost}\n", scraped.metrics.render());
    ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, NO_STORE)], text).into_response()
}
