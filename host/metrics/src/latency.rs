use crate::families::Buckets;
use crate::{Families, Observed, Source};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Upper bounds in seconds: from a lookup in memory to the longest timeout.
const BOUNDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Durations of calls to something outside the process, by success.
#[derive(Debug, Clone, Default)]
pub struct Latency(Arc<Mutex<[Buckets<14>; 2]>>);

impl Latency {
    /// Counts a call that began at `started`.
    pub fn observe(&self, started: Instant, is_ok: bool) {
        let seconds = started.elapsed().as_secs_f64();
        // Only numbers change while the lock is held.
        let [ok, failed] = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_ok { ok } else { failed }.observe(&BOUNDS, seconds);
    }

    /// Counts a call that this future makes, unless it is given up: clients that disconnect cannot
    /// make a dependency look as if it failed.
    ///
    /// # Errors
    /// Returns the error of the call.
    pub async fn time<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let started = Instant::now();
        let result = call.await;
        self.observe(started, result.is_ok());
        result
    }

    /// Continues a call that began at `started`: it ends when what this returns is dropped.
    #[must_use]
    pub fn running(&self, started: Instant) -> Running {
        Running {
            latency: self.clone(),
            started,
            is_ok: true,
        }
    }

    fn observed(&self) -> [Observed; 2] {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.map(|buckets| buckets.observed(&BOUNDS))
    }
}

/// A call that is counted when it ends.
#[derive(Debug)]
pub struct Running {
    latency: Latency,
    started: Instant,
    is_ok: bool,
}

impl Running {
    /// Counts the call as one that failed.
    pub fn fail(&mut self) {
        self.is_ok = false;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.latency.observe(self.started, self.is_ok);
    }
}

/// The dependencies of a process.
#[derive(Default)]
pub(crate) struct Dependencies(Mutex<Vec<(&'static str, Latency)>>);

impl Dependencies {
    pub(crate) fn add(&self, name: &'static str, latency: &Latency) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name, latency.clone()));
    }
}

impl Source for Dependencies {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let labelled = all.iter().flat_map(|(name, latency)| {
            let [ok, failed] = latency.observed();
            let labels = |outcome| [("dependency", *name), ("outcome", outcome)];
            [(labels("ok"), ok), (labels("error"), failed)]
        });
        families.histograms(
            "alga_dependency_duration_seconds",
            "Durations of calls to systems outside the process",
            labelled,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_call_that_a_client_gives_up_is_no_failure_of_the_dependency() {
        let latency = Latency::default();
        let hangs = latency.time(pending::<Result<(), ()>>());
        timeout(Duration::ZERO, hangs).await.unwrap_err();
        latency.time(ready(Ok::<_, ()>(()))).await.unwrap();
        latency.time(ready(Err::<(), _>(()))).await.unwrap_err();
        assert_eq!(latency.observed().map(|observed| observed.count), [1, 1]);
    }
}
