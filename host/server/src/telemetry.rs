use std::io::{IsTerminal, Write as _};
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;

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

/// Starts logging to standard error. `filter` has the syntax of `RUST_LOG`.
pub fn start_log(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // If logging is started twice in one process, as in tests, the first start applies.
    match format {
        LogFormat::Text => builder.with_target(false).try_init().ok(),
        LogFormat::Json => builder.json().flatten_event(true).try_init().ok(),
    };
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
