//! Threads for guests that compute for longer than a slice: the operating system prefers all other
//! threads of this process, so that accepting, health checks and short executions do not wait for
//! them.
//!
//! An execution begins in its request's own task: a guest that responds within a slice costs no
//! change of threads. One that used up its slice is moved here.

use alga_engine::count_processor_time;
use rustix::process::setpriority_process;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads beside those that guests with a run slot occupy: they end executions whose deadline has
/// passed while they wait for a slot.
const SPARE_THREADS: usize = 1;

/// The threads of a process.
pub struct GuestThreads(Option<Runtime>);

impl GuestThreads {
    /// Starts this many threads of this niceness, from 1 to 19. With 0 there are none: guests
    /// compute on the threads of their requests.
    ///
    /// # Errors
    /// Returns the operating system's error if it starts no threads.
    pub fn start(threads: usize, niceness: u8) -> io::Result<Self> {
        if niceness == 0 {
            return Ok(Self(None));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1).saturating_add(SPARE_THREADS))
            .thread_name("guest")
            .on_thread_start(move || {
                // On Linux, of the calling thread alone. If it fails, guests compete with all else.
                setpriority_process(None, niceness.into()).unwrap_or_default();
                count_processor_time();
            })
            // Their tasks are slices of a tick: one that was woken elsewhere, by a deadline, does
            // not wait for the default of 61 others.
            .global_queue_interval(2)
            .event_interval(2)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// True if guests that compute are moved here.
    pub(crate) fn are_there(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.0
            .as_ref()
            .map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // A runtime must not wait for its end in a task of another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
