//! Requests by route and status, and refusals by code, since the process began.

use alga_errors::Code;
use alga_metrics::{Buckets, Families, Source};
use axum::extract::MatchedPath;
use http::{Method, StatusCode};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Number of parts, each with a lock of its own. A thread always counts in the same part, so that
/// threads do not wait for each other.
const PARTS: usize = 16;
/// Upper bounds in seconds: from a refusal to the longest execution.
const BOUNDS: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0,
];
/// Methods that have a label of their own; clients can invent others.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Label of requests that no route matches.
const NO_ROUTE: &str = "none";

/// Counts requests and refusals.
pub struct RequestTotals {
    parts: [Mutex<Part>; PARTS],
    refusals: Vec<AtomicU64>,
}

/// Requests by route, and then by the places of their method and the class of their status.
#[derive(Default)]
struct Part(HashMap<Box<str>, Vec<([usize; 2], Buckets<14>)>>);

impl Default for RequestTotals {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            refusals: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Part {
    fn count(&mut self, route: &str, place: [usize; 2], seconds: f64) {
        let Some(of_route) = self.0.get_mut(route) else {
            self.0.insert(route.into(), Vec::new());
            return self.count(route, place, seconds);
        };
        if let Some((_, buckets)) = of_route.iter_mut().find(|(other, _)| *other == place) {
            buckets.observe(&BOUNDS, seconds);
        } else {
            let mut buckets = Buckets::default();
            buckets.observe(&BOUNDS, seconds);
            of_route.push((place, buckets));
        }
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    // Only numbers change while the lock is held.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the number of the part of this thread.
fn own_part() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS);
    OWN.with(|own| *own)
}

impl RequestTotals {
    /// Counts a request whose response has begun.
    pub(crate) fn count(&self, route: Option<&MatchedPath>, method: usize, status: StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let Some(part) = self.parts.get(own_part()) else {
            return;
        };
        let route = route.map_or(NO_ROUTE, MatchedPath::as_str);
        lock(part).count(route, [method, class], duration.as_secs_f64());
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, code: Code) {
        let place = Code::ALL.iter().position(|other| *other == code);
        if let Some(count) = place.and_then(|place| self.refusals.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the place of a method among the labels.
pub(crate) fn place_of(method: &Method) -> usize {
    METHODS
        .iter()
        .position(|other| other == method)
        .unwrap_or(METHODS.len())
}

impl Source for RequestTotals {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let mut all: BTreeMap<_, Buckets<14>> = BTreeMap::new();
        for part in &self.parts {
            for (route, of_route) in &lock(part).0 {
                for (place, buckets) in of_route {
                    all.entry((route.clone(), *place)).or_default().add(buckets);
                }
            }
        }
        let labelled = all.iter().map(|((route, [method, class]), buckets)| {
            let method = METHODS.get(*method).map_or("other", Method::as_str);
            let status = CLASSES.get(*class).copied().unwrap_or("other");
            let labels = [("route", &**route), ("method", method), ("status", status)];
            (labels, buckets.observed(&BOUNDS))
        });
        let help = "Time from the head of a request to the head of its response";
        families.histograms("alga_http_request_duration_seconds", help, labelled)?;
        let refusals = Code::ALL.iter().zip(&self.refusals);
        let refusals = refusals.map(|(code, count)| {
            let labels = [("code", code.as_str()), ("blame", code.blame().as_str())];
            (labels, count.load(Ordering::Relaxed))
        });
        let help = "Requests that the host refused or could not complete, by the code of the error";
        families.counters("alga_refusals", help, refusals.filter(|(_, count)| *count > 0))
    }
}
