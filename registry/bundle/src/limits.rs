//! What a bundle may cost. Each number is a promise to the processes that read bundles of strangers.

/// Compressed size of a bundle in bytes. A Python component of 18 MB compresses to about 6.
pub const BUNDLE_BYTES: usize = 64 * 1024 * 1024;
/// Size of all files of a bundle in bytes: what a reader may have to hold.
pub const CONTENT_BYTES: usize = 64 * 1024 * 1024;
/// How many times larger than its archive the content may be. Real bundles stay below 15; a bomb needs thousands.
pub const EXPANSION_RATIO: usize = 100;
/// Content up to this many bytes is below suspicion: a manifest of a few kilobytes may compress well.
pub const EXPANSION_FREE_BYTES: usize = 1024 * 1024;
/// Binary logarithm of the largest zstd window in bytes: 8 MiB, what level 19 uses.
pub const ZSTD_WINDOW_LOG: u32 = 23;
/// Files in a bundle.
pub const ENTRIES: usize = 5_000;
/// Bytes of `manifest.json`.
pub const MANIFEST_BYTES: usize = 256 * 1024;
/// Bytes of the component. JavaScript and Python components are 12 to 18 MB.
pub const COMPONENT_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of a path in a bundle; what fits ustar's two name fields.
pub const PATH_BYTES: usize = 240;
/// Segments of a path in a bundle.
pub const PATH_SEGMENTS: usize = 16;
/// Nesting of a JSON document.
pub const JSON_DEPTH: usize = 64;
/// Initial bytes of one linear memory of a component; the same as the largest that the engine ever gives.
pub const INITIAL_MEMORY_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of the JSON Schema of a namespace.
pub const SCHEMA_BYTES: usize = 16 * 1024;
/// Schemas inside of each other.
pub const SCHEMA_DEPTH: usize = 12;
/// Endpoints of an extension.
pub const ENDPOINTS: usize = 256;
/// Characters of ids.
pub const ID_CHARACTERS: usize = 128;
