use alga_traces::{LogLines, LogQueue};
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing::Metadata;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, registry};

/// Maximum number of lines that wait for standard error, some hundred bytes each. Further ones are
/// lost: no request waits for a reader of the log that has stopped.
const WAITING_LINES: usize = 4_096;
/// The same for lines of extensions, which may have some ten kilobytes each: they do not displace
/// those of this process.
const WAITING_EXTENSION_LINES: usize = 1_024;
/// Target of lines of extensions.
const EXTENSION_TARGET: &str = "alga::extension";
/// Targets of the libraries that send lines to a collector: their lines would cause further ones.
const EXPORTING: [&str; 6] = ["h2", "hyper", "opentelemetry", "reqwest", "rustls", "tonic"];
/// Time to write what is logged when the process ends.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Format of the log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text for a terminal.
    Text,
    /// One JSON object per line: third-party text cannot start a record of its own.
    Json,
}

impl LogFormat {
    /// Returns text for a terminal, JSON otherwise.
    #[must_use]
    pub fn for_standard_error() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Log lines that could not be written, for example to a full disk.
static LOST_LINES: AtomicU64 = AtomicU64::new(0);

/// Returns the number of log lines that could not be written, or were not accepted.
pub(crate) fn lost_lines() -> u64 {
    let logs = [LOG.get(), EXTENSION_LOG.get()].into_iter().flatten();
    let refused: usize = logs.map(|log| log.lines.error_counter().dropped_lines()).sum();
    LOST_LINES.load(Ordering::Relaxed) + refused as u64
}

/// The log of this process and its thread. It starts with the first line, so that a process that
/// confines itself first has no thread before.
static LOG: OnceLock<Log> = OnceLock::new();
static EXTENSION_LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    lines: NonBlocking,
    thread: Mutex<Option<WorkerGuard>>,
}

impl Log {
    fn start(waiting_lines: usize) -> Self {
        let builder = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(waiting_lines)
            .thread_name("log");
        let (lines, thread) = builder.finish(LogWriter(io::stderr()));
        Self {
            lines,
            thread: Mutex::new(Some(thread)),
        }
    }
}

/// Makes writers that pass lines on to the thread of the log.
struct StandardError;

impl MakeWriter<'_> for StandardError {
    type Writer = NonBlocking;

    fn make_writer(&self) -> NonBlocking {
        LOG.get_or_init(|| Log::start(WAITING_LINES)).lines.clone()
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> NonBlocking {
        if line.target() != EXTENSION_TARGET {
            return self.make_writer();
        }
        let log = EXTENSION_LOG.get_or_init(|| Log::start(WAITING_EXTENSION_LINES));
        log.lines.clone()
    }
}

/// The lines that are exported to a collector, and their exit until that is started.
static EXPORTED: OnceLock<(LogQueue, Mutex<Option<LogLines>>)> = OnceLock::new();

/// Returns the queue of exported lines, and its exit for the one who starts the export.
pub(crate) fn exported_lines() -> Option<(LogQueue, Option<LogLines>)> {
    let (queue, lines) = EXPORTED.get()?;
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).take();
    Some((queue.clone(), lines))
}

/// Makes writers that pass lines on to the queue of exported lines.
struct Exported;

impl MakeWriter<'_> for Exported {
    type Writer = ExportedLine;

    fn make_writer(&self) -> ExportedLine {
        ExportedLine {
            queue: EXPORTED.get().map(|(queue, _)| queue.clone()),
            is_of_extension: false,
        }
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> ExportedLine {
        ExportedLine {
            is_of_extension: line.target() == EXTENSION_TARGET,
            ..self.make_writer()
        }
    }
}

/// Writer of one line.
struct ExportedLine {
    queue: Option<LogQueue>,
    is_of_extension: bool,
}

impl Write for ExportedLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.queue {
            Some(queue) if self.is_of_extension => queue.push_of_extension(line),
            Some(queue) => queue.push(line),
            None => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_exported(line: &Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    !EXPORTING.iter().any(|name| library.starts_with(name))
}

/// The log of a process that is about to end: when it is dropped, what was logged is written, for a
/// second at most.
#[must_use = "what was logged last is written when it is dropped"]
pub struct StartedLog(());

impl Drop for StartedLog {
    fn drop(&mut self) {
        let logs = [EXTENSION_LOG.get(), LOG.get()].into_iter().flatten();
        let threads: Vec<_> = logs
            .filter_map(|log| log.thread.lock().unwrap_or_else(PoisonError::into_inner).take())
            .collect();
        // In a thread of its own: with a reader that has stopped, it may not end.
        let (written, is_written) = channel();
        let write = move || {
            drop(threads);
            written.send(()).ok();
        };
        if std::thread::Builder::new().spawn(write).is_ok() {
            is_written.recv_timeout(LAST_MOMENT).ok();
        }
    }
}

/// A destination of the log. What cannot be written is counted: no request fails because of it.
struct LogWriter<W>(W);

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A line is passed on in one call.
        if self.0.write_all(line).is_err() {
            LOST_LINES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().ok();
        Ok(())
    }
}

/// Starts logging to standard error and, if `exports` is true, to the queue of lines for a
/// collector. `filter` has the syntax of `RUST_LOG`.
pub fn start_log(format: LogFormat, filter: &str, exports: bool) -> StartedLog {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Otherwise a line that cannot be written is reported on standard error, which panics.
    let lines = fmt::layer().log_internal_errors(false).with_writer(StandardError);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let exported = exports.then(|| {
        let (queue, exit) = LogQueue::new();
        EXPORTED.set((queue, Mutex::new(Some(exit)))).ok();
        let lines = fmt::layer().log_internal_errors(false).with_writer(Exported);
        let filter = tracing_subscriber::filter::filter_fn(is_exported);
        lines.json().flatten_event(true).with_filter(filter)
    });
    // If logging is started twice in one process, as in tests, the first start applies.
    registry().with(filter).with(lines).with(exported).try_init().ok();
    std::panic::set_hook(Box::new(|panic| {
        let location = location_of(panic);
        tracing::error!(
            target: "alga::panic",
            place = location,
            "internal panic; message withheld because it may contain secrets"
        );
        if !tracing::enabled!(target: "alga::panic", tracing::Level::ERROR) {
            writeln!(std::io::stderr(), "internal panic at {location}").ok();
        }
    }));
    StartedLog(())
}

/// Returns the location of a panic. Its message may contain a request's data or a secret.
fn location_of(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_log_line_that_cannot_be_written_is_counted() {
        let before = lost_lines();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = LogWriter(full);
        assert_eq!(log.write(b"line").unwrap(), 4);
        log.flush().unwrap();
        assert_eq!(lost_lines(), before + 1);
    }

    #[test]
    fn a_panic_is_logged_with_its_location_and_without_its_message() {
        let recorded = Arc::new(Mutex::new(String::new()));
        let before = std::panic::take_hook();
        let in_hook = Arc::clone(&recorded);
        std::panic::set_hook(Box::new(move |panic| *in_hook.lock().unwrap() = location_of(panic)));
        let secret = "s3cret";
        std::panic::catch_unwind(|| panic!("{secret}")).unwrap_err();
        std::panic::set_hook(before);
        let recorded = recorded.lock().unwrap();
        assert!(
            recorded.contains("telemetry.rs") && !recorded.contains(secret),
            "{recorded}"
        );
    }
}
