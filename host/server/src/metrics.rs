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
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Part of the time in which texts are written at most, as a divisor: a scraper that asks for one
/// text after the other uses this part of one processor.
const WRITING: u32 = 20;
/// Longest time between two texts, so that a scrape ends before its scraper gives up. Texts that
/// need more than about 50 ms each use a larger part of the time for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
/// wait at the same moment share a text, and there is a pause after each: however many scrapers
/// there are, they cost a small part of one processor, and the memory of a few texts.
struct Scrapes {
    metrics: Metrics,
    begun: AtomicU64,
    written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    last: HashMap<Format, Scraped>,
    /// The time from which the next text may be written.
    next: Option<Instant>,
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
            written: Arc::default(),
        }
    }

    /// Returns a text whose writing began after this call.
    async fn text(&self, format: Format) -> Result<Bytes, Problem> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if let Some(scraped) = written.last.get(&format).filter(|scraped| scraped.number > before) {
            return Ok(scraped.text.clone());
        }
        if let Some(next) = written.next {
            sleep_until(next.into()).await;
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let metrics = self.metrics.clone();
        // With the lock, which a scraper that disconnects does not release.
        let text = spawn_blocking(move || {
            let started = Instant::now();
            let text = Bytes::from(metrics.text(format));
            let scraped = Scraped {
                number,
                text: text.clone(),
            };
            written.last.insert(format, scraped);
            let ended = Instant::now();
            let pause = (ended - started).saturating_mul(WRITING - 1).min(LONGEST_PAUSE);
            written.next = ended.checked_add(pause);
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

    /// Writes for a moment, and notes when.
    struct Slow(Arc<std::sync::Mutex<Vec<[Instant; 2]>>>);

    impl Source for Slow {
        fn write(&self, _: &mut Families<'_>) -> fmt::Result {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(3) {}
            self.0.lock().unwrap().push([begun, Instant::now()]);
            Ok(())
        }
    }

    #[tokio::test]
    async fn scrapes_one_after_the_other_leave_most_of_the_time_to_executions() {
        let (metrics, times) = (Metrics::default(), Arc::default());
        metrics.add(Slow(Arc::clone(&times)));
        let scrapes = Scrapes::new(metrics);
        for _ in 0..3 {
            scrapes.text(Format::PrometheusText).await.unwrap();
        }
        let times = times.lock().unwrap();
        assert_eq!(times.len(), 3);
        for pair in times.windows(2) {
            let [[begun, ended], [next, _]] = [pair[0], pair[1]];
            assert!(next - ended >= ((ended - begun) * (WRITING - 1)).min(LONGEST_PAUSE));
        }
    }
}
