use crate::{Families, Source};
use std::fmt;
use tokio::runtime::Handle;

/// The async runtime that a scrape runs in.
pub(crate) struct Runtime;

impl Source for Runtime {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let Ok(handle) = Handle::try_current() else {
            return Ok(());
        };
        let metrics = handle.metrics();
        let threads = metrics.num_workers();
        families.gauge("alga_runtime_threads", "Threads that run tasks", threads)?;
        let tasks = metrics.num_alive_tasks();
        families.gauge("alga_runtime_tasks", "Tasks that have not ended", tasks)?;
        let waiting = metrics.global_queue_depth();
        families.gauge("alga_runtime_waiting_tasks", "Tasks that no thread has begun", waiting)?;
        let busy = (0..threads).map(|thread| metrics.worker_total_busy_duration(thread).as_secs_f64());
        families.counter(
            "alga_runtime_busy_seconds",
            "Time in which threads ran tasks",
            busy.sum::<f64>(),
        )
    }
}
