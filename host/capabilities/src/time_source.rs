//! Time in place of the machine's, for tests of extensions.

use crate::BoxFuture;
use std::time::{Duration, SystemTime};

/// Source of the time that guests observe.
pub trait TimeSource: Send + Sync {
    /// Returns the date.
    fn now(&self) -> SystemTime;

    /// Returns the time since this source was created.
    fn elapsed(&self) -> Duration;

    /// Waits until this time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
