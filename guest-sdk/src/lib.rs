#![doc = include_str!("../README.md")]

#[expect(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::semicolon_if_nothing_returned,
    clippy::too_many_lines,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "generated from wit/, where the documentation lives"
)]
mod bindings;
pub mod context;
mod error;
mod export;
pub mod http;
pub mod kv;
pub mod log;
#[cfg(all(target_family = "wasm", feature = "allocator"))]
mod memory;
mod message;
pub mod metrics;
pub mod psa;
mod router;
pub mod secrets;
pub mod time;
pub mod trace;
pub mod ui_proxy;
pub mod user;

pub use alga_sdk_macros::handler;
pub use error::{Error, Result};
pub use message::{Method, Request, Response};
pub use router::Router;

/// The items that nearly every extension needs: `use alga::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Error, Method, Request, Response, Result, Router, context, http, kv, log, metrics, psa, secrets, trace,
        ui_proxy, user,
    };
}

/// Items used by the code that [`macro@handler`] generates; not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::__export_http_extension_impl as export;
    pub use crate::bindings::exports::wasi::http::incoming_handler::Guest;
    pub use crate::bindings::wasi::http::types::{IncomingRequest, ResponseOutparam};
    pub use crate::export::{run_handler, send, write_all};
    pub use crate::message::read_all;

    /// The module in which the export macro looks up its types.
    pub mod bindings {
        pub use crate::bindings::*;
    }
}
