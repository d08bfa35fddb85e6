//! The epoch ticker: one thread per process, never one per request.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Interval of the epoch, at which guests are interrupted past their deadline. A guest in a busy
/// loop yields to others this often.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Delay from which on the ticker counts as stalled: deadlines are no longer enforced.
const STALLED: Duration = Duration::from_millis(500);

pub(crate) struct Ticker {
    /// Time of the last tick, in milliseconds since the process's first tick.
    last_tick_ms: Arc<AtomicU64>,
}

impl Ticker {
    /// Starts the thread; it ends when the engine is dropped.
    pub(crate) fn start(engine: &wasmtime::Engine) -> io::Result<Self> {
        let last_tick_ms = Arc::new(AtomicU64::new(now_ms()));
        let engine = engine.weak();
        let last_tick = Arc::clone(&last_tick_ms);
        thread::Builder::new().name("guest-ticker".into()).spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                last_tick.store(now_ms(), Ordering::Relaxed);
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
        Ok(Self { last_tick_ms })
    }

    pub(crate) fn is_alive(&self) -> bool {
        let behind_ms = now_ms().saturating_sub(self.last_tick_ms.load(Ordering::Relaxed));
        Duration::from_millis(behind_ms) < STALLED
    }
}

fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}
