//! The single table of limits. Docs, `alga pack`, publish, consent, the gateway and the engine use
//! its numbers.
//!
//! Each limit is a constant with its unit and its reason, and a row of [`TABLE`], from which
//! `guest-sdk/LIMITS.md` is generated (`cargo xtask limits`; a test compares the two). Internal
//! limits of a process that no author encounters (caches, queues) are defined beside the code that
//! they bound.

mod ceilings;

pub use ceilings::{Ceilings, ExceededLimit, Requirements};

/// A row of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The constant's name.
    pub name: &'static str,
    /// The limit's number.
    pub value: u64,
    /// Unit of the value: `bytes`, `elements`, `ms`.
    pub unit: &'static str,
    /// Description of the limit, with the reason for its number.
    pub about: &'static str,
    /// First step that enforces it: `pack`, `publish`, `install`, `execute`.
    pub enforced: &'static str,
}

/// Defines each limit once: a constant with its documentation, and its row of the table.
macro_rules! limits {
    ($( $(#[doc = $about:literal])+ $name:ident: $kind:ty = $value:expr, $unit:literal, $enforced:literal; )+) => {
        $( $(#[doc = $about])+ pub const $name: $kind = $value; )+

        /// All limits, in the order of a bundle's life cycle.
        pub const TABLE: &[Limit] = &[ $( Limit {
            name: stringify!($name),
            value: $name as u64,
            unit: $unit,
            about: concat!($($about),+),
            enforced: $enforced,
        }, )+ ];
    };
}

limits! {
    /// Compressed size of a bundle. A Python component of 18 MB compresses to about 6.
    BUNDLE_BYTES: usize = 64 * 1024 * 1024, "bytes", "pack";
    /// Size of all files of a bundle together: the most that a reader may have to hold.
    CONTENT_BYTES: usize = 64 * 1024 * 1024, "bytes", "pack";
    /// Content per byte of archive. Real bundles stay below 15; a decompression bomb needs
    /// thousands.
    EXPANSION_RATIO: usize = 100, "times", "pack";
    /// Content that is exempt from the ratio: a manifest of a few kilobytes may compress well.
    EXPANSION_FREE_BYTES: usize = 1024 * 1024, "bytes", "pack";
    /// Binary logarithm of the largest zstd window: 8 MiB, as level 19 uses.
    ZSTD_WINDOW_LOG: u32 = 23, "log2 bytes", "pack";
    /// Files in a bundle.
    ENTRIES: usize = 5_000, "files", "pack";
    /// Path of a file in a bundle: the capacity of ustar's two name fields.
    PATH_BYTES: usize = 240, "bytes", "pack";
    /// Segments of a path in a bundle.
    PATH_SEGMENTS: usize = 16, "segments", "pack";
    /// Size of `manifest.json`.
    MANIFEST_BYTES: usize = 256 * 1024, "bytes", "pack";
    /// Nesting of a JSON document.
    JSON_DEPTH: usize = 64, "levels", "pack";
    /// Endpoints of an extension.
    ENDPOINTS: usize = 256, "endpoints", "pack";
    /// JSON Schema of a namespace of records.
    SCHEMA_BYTES: usize = 16 * 1024, "bytes", "pack";
    /// Nesting depth of schemas.
    SCHEMA_DEPTH: usize = 12, "levels", "pack";
    /// Characters of an id.
    ID_CHARACTERS: usize = 128, "characters", "pack";
    /// Size of the component. JavaScript and Python components are 12 to 18 MB.
    COMPONENT_BYTES: usize = 32 * 1024 * 1024, "bytes", "pack";
    /// Name of a function or of a core module, which backtraces and profiles repeat. Names of
    /// generic functions of Rust have some kilobytes.
    NAME_BYTES: usize = 16 * 1024, "bytes", "pack";
    /// Core instances of one component. A Python component has about 40, and each
    /// adapter of AlgaPSA's runner adds five.
    CORE_INSTANCES_PER_COMPONENT: u32 = 128, "instances", "pack";
    /// Linear memories of one component; composed adapters bring their own.
    MEMORIES_PER_COMPONENT: u32 = 16, "memories", "pack";
    /// Tables of one component.
    TABLES_PER_COMPONENT: u32 = 64, "tables", "pack";
    /// Linear memories that one core module defines.
    MEMORIES_PER_MODULE: u32 = 1, "memories", "pack";
    /// Tables that one core module defines.
    TABLES_PER_MODULE: u32 = 4, "tables", "pack";
    /// Elements of one table: one for each function that is called through a pointer. Large Go and
    /// .NET programs have tens of thousands. Setting: `ALGA_POOL_TABLE_ELEMENTS`.
    TABLE_ELEMENTS: usize = 100_000, "elements", "pack";
    /// The runtime's own record of one core instance: 32 bytes for each function and each import,
    /// 16 for each global.
    INSTANCE_RECORD_BYTES: usize = 8 * 1024 * 1024, "bytes", "pack";
    /// Memory of an execution whose manifest and install request no other amount, over all memories
    /// and tables.
    MEMORY_DEFAULT_MB: u32 = 64, "MiB", "execute";
    /// Maximum memory that a manifest or an install may request. An operator may lower it:
    /// `ALGA_MEMORY_MAX_MB`.
    MEMORY_CEILING_MB: u32 = 256, "MiB", "pack";
    /// Time of an execution whose caller requests no other.
    TIMEOUT_DEFAULT_MS: u32 = 5_000, "ms", "execute";
    /// Maximum time that a manifest or an install may request. The gateway's own timeout may be
    /// shorter: `EXT_GATEWAY_TIMEOUT_MS`.
    TIMEOUT_CEILING_MS: u32 = 30_000, "ms", "pack";
    /// Processor time for compiling one component. JavaScript and Python components need
    /// about 30 s. Setting: `ALGA_COMPILER_SECONDS`.
    COMPILER_SECONDS: u64 = 120, "s", "publish";
    /// Wall-clock time for compiling one component on a busy host. Setting:
    /// `ALGA_COMPILER_WALL_SECONDS`.
    COMPILER_WALL_SECONDS: u64 = 600, "s", "publish";
    /// Address space for compiling one component. A component of 18 MB needs about 700 MB.
    COMPILER_ADDRESS_SPACE_BYTES: u64 = 2 * 1024 * 1024 * 1024, "bytes", "publish";
    /// Machine code of one component. A JavaScript engine becomes about 52 MB.
    MACHINE_CODE_BYTES: u64 = 256 * 1024 * 1024, "bytes", "publish";
    /// Configuration of an install: keys and values together.
    CONFIG_BYTES: usize = 64 * 1024, "bytes", "install";
    /// Configuration of an install as JSON, which the gateway sends to a runner in another process:
    /// control characters have six bytes there.
    CONFIG_JSON_BYTES: usize = 128 * 1024, "bytes", "install";
    /// Value of one secret.
    SECRET_BYTES: usize = 64 * 1024, "bytes", "install";
    /// Value of a secret that an extension attaches to a request header.
    HEADER_SECRET_BYTES: usize = 8 * 1024, "bytes", "install";
    /// Body of a request to an extension, or of its response, decoded.
    BODY_BYTES: usize = 10 * 1024 * 1024, "bytes", "execute";
    /// Headers of a message.
    HEADERS: usize = 100, "headers", "execute";
    /// All headers of a message together.
    HEADER_BYTES: usize = 32 * 1024, "bytes", "execute";
    /// Path and query of a request.
    TARGET_BYTES: usize = 8 * 1024, "bytes", "execute";
    /// User data in a caller's token.
    USER_BYTES: usize = 16 * 1024, "bytes", "execute";
    /// Calls, streams and futures of a component of WASI 0.3 that exist at the same moment; a
    /// request to another host has about six.
    ASYNC_HANDLES: u32 = 64, "handles", "execute";
    /// An idempotency key: printable ASCII.
    IDEMPOTENCY_KEY_CHARACTERS: usize = 128, "characters", "execute";
}

/// Bytes of a MiB.
pub const MIB: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_limit_has_a_unique_name_a_unit_and_a_description() {
        let names: BTreeSet<_> = TABLE.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for limit in TABLE {
            assert!(limit.value > 0 && !limit.unit.is_empty(), "{}", limit.name);
            assert!(limit.about.trim().ends_with('.'), "{}", limit.name);
        }
    }
}
