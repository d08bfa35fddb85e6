//! Writing into the log of this execution (`alga:log`, granted by `cap:log.emit`).
//!
//! ```no_run
//! alga::log::info("agreement created");
//! alga::log::warn_with("price is zero", &[("agreement", "a-17")]);
//! ```

use crate::bindings::alga::log::logger::{Field, Level, emit};

/// For whoever is looking for a fault.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// What normally happens.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// [`info`] with fields that a machine can search for.
pub fn info_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Not wrong yet.
pub fn warn(message: &str) {
    write(Level::Warn, message, &[]);
}

/// [`warn`] with fields that a machine can search for.
pub fn warn_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Somebody did not get what they asked for.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}

/// [`error`] with fields that a machine can search for.
pub fn error_with(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

/// A log that is full must not fail the work that it describes: the host counts what it does not keep.
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let fields: Vec<Field> = fields.iter().map(field).collect();
    emit(level, message, &fields).ok();
}
