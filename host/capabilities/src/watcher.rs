use crate::LogRecord;
use std::sync::Arc;

/// Receives what an execution does while it runs. It is called on the execution's thread, so it
/// does not wait.
pub trait Watcher: Send + Sync {
    /// The guest or the host has written a record.
    fn wrote(&self, record: &LogRecord);

    /// The guest calls a granted capability, by the name of its interface.
    fn called(&self, interface: &'static str);
}

/// The watcher of an execution, if there is one.
pub type Watching = Option<Arc<dyn Watcher>>;
