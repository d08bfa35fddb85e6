//! `GET /metrics`: the metrics of this process. Requires an operator's credential, because series
//! name tenants.

use crate::executions::ExecutionRecordWriter;
use crate::operator::ensure_operator;
use crate::telemetry::lost_lines;
use alga_auth::Authenticator;
use alga_http::Refusal;
use alga_metrics::{Families, Format, Metrics, Source};
use alga_store::Database;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt;
use std::sync::Arc;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Returns the route, for a process of any role.
pub(crate) fn router(metrics: Metrics, authenticator: Arc<Authenticator>) -> Router {
    metrics.add(LostLines);
    Router::new()
        .route("/metrics", get(scrape))
        .with_state((metrics, authenticator))
}

async fn scrape(
    State((metrics, authenticator)): State<(Metrics, Arc<Authenticator>)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    ensure_operator(&authenticator, &headers).await?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CACHE_CONTROL, NO_STORE),
    ];
    Ok((fields, metrics.text(format)).into_response())
}

/// Lines of the log that could not be written.
struct LostLines;

impl Source for LostLines {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        families.counter(
            "alga_log_lines_lost",
            "Lines of the log that could not be written",
            lost_lines(),
        )
    }
}

impl Source for ExecutionRecordWriter {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let help = "Records of executions that were not stored";
        families.counter("alga_execution_records_lost", help, self.dropped())
    }
}

/// Connections to the database.
pub(crate) struct Connections(pub(crate) Database);

impl Source for Connections {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let [open, idle] = self.0.connections();
        let states = [
            ([("state", "used")], open.saturating_sub(idle)),
            ([("state", "idle")], idle),
        ];
        families.gauges("alga_database_connections", "Open connections to the database", states)
    }
}
