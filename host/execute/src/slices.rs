//! Slices in progress in this process, for a watchdog: when each thread began to poll a guest.

use alga_engine::monotonic_time;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Start of the slice that a thread polls, in nanoseconds of [`clock_ns`]; 0 if there is none.
type Start = AtomicU64;

static THREADS: Mutex<Vec<Weak<Start>>> = Mutex::new(Vec::new());

thread_local! {
    static START: Arc<Start> = register();
}

fn register() -> Arc<Start> {
    let start = Arc::new(Start::new(0));
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.retain(|thread| thread.strong_count() > 0);
    threads.push(Arc::downgrade(&start));
    start
}

/// Returns the nanoseconds of a [`monotonic_time`], plus 1.
pub(crate) fn clock_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).map_or(u64::MAX, |ns| ns.saturating_add(1))
}

/// A slice that the calling thread polls, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slice(());

impl Slice {
    /// Begins it at this time of [`clock_ns`].
    pub(crate) fn begin(now_ns: u64) -> Self {
        START.with(|start| start.store(now_ns, Ordering::Relaxed));
        Self(())
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        START.with(|start| start.store(0, Ordering::Relaxed));
    }
}

/// Returns the number of slices that began at least this long ago.
#[must_use]
pub fn slices_older_than(age: Duration) -> usize {
    let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    let now = clock_ns(monotonic_time());
    let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    let starts = threads.iter().filter_map(Weak::upgrade);
    let is_old = |start: u64| start > 0 && now.saturating_sub(start) >= age;
    starts.filter(|start| is_old(start.load(Ordering::Relaxed))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn a_slice_is_counted_with_its_age_until_it_ends() {
        let (begun, is_begun) = channel();
        let (end, ends) = channel::<()>();
        let polls = thread::spawn(move || {
            let slice = Slice::begin(clock_ns(monotonic_time()));
            begun.send(()).unwrap();
            ends.recv().ok();
            drop(slice);
        });
        is_begun.recv().unwrap();
        // Other tests have slices, too.
        assert!(slices_older_than(Duration::ZERO) >= 1);
        assert_eq!(slices_older_than(Duration::from_hours(1)), 0);
        drop(end);
        polls.join().unwrap();
    }
}
