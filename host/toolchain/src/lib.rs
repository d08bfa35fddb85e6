//! Builds Rust extensions into components with any toolchain that the machine has.
//!
//! Extensions are built for `wasm32-unknown-unknown`, because the component then imports exactly
//! what the code uses. Not every machine has that target's standard library, so
//! [`GuestToolchain::find`] tries, in this order and nowhere else:
//!
//! 1. the target is installed: nothing to do;
//! 2. rustup may download it (`RUSTUP_AUTO_INSTALL` is not `0`): `rustup target add`. If it is `0`,
//!    the machine's owner decides on downloads, and rustup is not called at all;
//! 3. a compiler that ships its library source (Debian: `rustc-web`, `rust-web-src`): `std` is
//!    built once into a separate sysroot. The packages are installed only if [`Packages`]
//!    allows it;
//! 4. an error that lists the options of the user.

mod build;
mod debian;
mod encode;
mod error;
mod find;
mod names;
mod paths;
mod process;
mod sysroot;

pub use build::{Artifact, BuildRequest, Size};
pub use encode::{EncodeError, encode_component, is_module};
pub use error::ToolchainError;
pub use find::{GuestToolchain, Packages};
pub use names::split_names;

/// The target that every Rust extension is built for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Reports a slow step to the user. Called once for each step, before it starts.
pub type Progress<'a> = &'a dyn Fn(&str);
