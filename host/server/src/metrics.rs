//! `GET /metrics`: the metrics of this process. Requires an operator's credential, because series
//! name tenants.

use crate::executions::ExecutionRecordWriter;
use crate::operator::ensure_operator;
use crate::telemetry::lost_lines;
use alga_auth::Authenticator;
use alga_errors::Problem;
use alga_http::Refusal;
use alga_metrics::{Families, Format, Metrics, Source};
use alga_store::Database;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Returns the route, for a process of any role.
pub(crate) fn router(metrics: Metrics, authenticator: Arc<Authenticator>) -> Router {
    metrics.add(LostLines);
    Router::new()
        .route("/metrics", get(scrape))
        .with_state((Arc::new(Scrapes::new(metrics)), authenticator))
}

async fn scrape(
    State((scrapes, authenticator)): State<(Arc<Scrapes>, Arc<Authenticator>)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    ensure_operator(&authenticator, &headers).await?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CACHE_CONTROL, NO_STORE),
    ];
    Ok((fields, scrapes.text(format).await?).into_response())
}

/// Writes the text of one scrape at a time, away from the threads that serve requests. Scrapes that
/// wait at the same moment share a text: however many scrapers there are, they cost one processor
/// at most, and the memory of a few texts.
struct Scrapes {
    metrics: Metrics,
    begun: AtomicU64,
    last: Arc<Mutex<HashMap<Format, Scraped>>>,
}

/// The last text in a format.
#[derive(Clone, Default)]
struct Scraped {
    number: u64,
    text: Bytes,
}

impl Scrapes {
    fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            begun: AtomicU64::new(0),
            last: Arc::default(),
        }
    }

    /// Returns a text whose writing began after this call.
    async fn text(&self, format: Format) -> Result<Bytes, Problem> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(scraped) = last.get(&format).filter(|scraped| scraped.number > before) {
            return Ok(scraped.text.clone());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let metrics = self.metrics.clone();
        // With the lock, which a scraper that disconnects does not release.
        let text = spawn_blocking(move || {
            let text = Bytes::from(metrics.text(format));
            let scraped = Scraped {
                number,
                text: text.clone(),
            };
            last.insert(format, scraped);
            text
        });
        text.await.map_err(Problem::internal)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    /// Counts how often it is read.
    #[derive(Default)]
    struct Reads(AtomicU64);

    impl Source for Reads {
        fn write(&self, families: &mut Families<'_>) -> fmt::Result {
            let before = self.0.fetch_add(1, Ordering::SeqCst);
            families.counter("reads", "Reads", before)
        }
    }

    #[tokio::test]
    async fn scrapes_that_wait_share_a_text_and_later_ones_get_a_new_one() {
        let (metrics, reads) = (Metrics::default(), Arc::<Reads>::default());
        metrics.add(Arc::clone(&reads));
        let scrapes = Scrapes::new(metrics);
        let formats = [Format::OpenMetrics, Format::PrometheusText];
        let all = formats.into_iter().cycle().take(10_000);
        let texts = join_all(all.map(|format| scrapes.text(format))).await;
        assert!(
            texts
                .iter()
                .all(|text| text.as_ref().is_ok_and(|text| !text.is_empty()))
        );
        let number = reads.0.load(Ordering::SeqCst);
        assert!((2..=4).contains(&number), "{number}");
        let text = scrapes.text(Format::PrometheusText).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(&format!("reads_total {number}")), "{text}");
    }
}
