//! Writes records into the log of this execution (`alga:log`, granted by `cap:log.emit`).
//!
//! ```no_run
//! alga::log::info("agreement created");
//! alga::log::warn_with("price is zero", &[("agreement", "a-17")]);
//! ```

use crate::bindings::alga::log::logger::{Field, Level, emit};

/// Logs a message for troubleshooting.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// Logs a message about normal operation.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// Logs like [`info`], with searchable fields.
pub fn info_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Logs a potential problem that has not caused a failure yet.
pub fn warn(message: &str) {
    write(Level::Warn, message, &[]);
}

/// Logs like [`warn`], with searchable fields.
pub fn warn_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Logs a failed request or operation.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}

/// Logs like [`error`], with searchable fields.
pub fn error_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

/// Writes a record and ignores errors: a full log must not fail the work that it describes, and the
/// host counts the records that it drops.
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let fields: Vec<Field> = fields.iter().map(field).collect();
    emit(level, message, &fields).ok();
}
