//! Builds Rust extensions into components on whatever machine this is.
//!
//! Extensions are built for `wasm32-unknown-unknown`, because the component then imports exactly what the code uses. Not every
//! machine has that target's standard library, so [`GuestToolchain::find`] tries, in this order and nowhere else:
//!
//! 1. the target is installed: nothing to do;
//! 2. rustup may download it (`RUSTUP_AUTO_INSTALL` is not `0`): `rustup target add`. When it is `0`, downloads are the owner's
//!    decision and rustup is not called at all;
//! 3. a compiler that ships its library source (Debian: `rustc-web`, `rust-web-src`): `std` is built once into a sysroot of our own;
//! 4. an error that says which of these the reader can do.

mod build;
mod encode;
mod error;
mod find;
mod sysroot;

pub use build::{Artifact, BuildRequest, Size};
pub use encode::{EncodeError, encode_component};
pub use error::ToolchainError;
pub use find::GuestToolchain;

/// The target that every Rust extension is built for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Tells a person what takes long. Called once for each step, before it starts.
pub type Progress<'a> = &'a dyn Fn(&str);
