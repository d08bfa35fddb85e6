//! Time for guests. One thread for the process, never one for a request.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often guests are asked whether they may go on. A spinning guest gives way to its neighbours this often.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// A ticker that is this late no longer stops anybody.
const STALLED: Duration = Duration::from_millis(500);

pub(crate) struct Ticker {
    /// Milliseconds since the process's first tick, at the last tick.
    last_tick_ms: Arc<AtomicU64>,
}

impl Ticker {
    /// Starts the thread; it ends when the engine is gone.
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
