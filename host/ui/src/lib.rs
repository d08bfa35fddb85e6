//! Static assets of extensions, `GET|HEAD /ext-ui/{extension}/{content_hash}/{path…}`: pages that
//! host applications show in sandboxed iframes.
//!
//! | module | responsibility |
//! |---|---|
//! | `target` | what a request names: extension, content hash, path |
//! | `releases` | which releases have pages; loads and verifies their bundles |
//! | `assets` | the files of one bundle, with their compressed copies |
//! | `negotiate` | conditions, ranges and encodings of a request |
//! | `security` | the header fields that confine a page |
//! | `serve` | the routes |
//!
//! A path is looked up in the entry table of the verified bundle. It is never joined to a path of
//! the file system.

mod assets;
mod negotiate;
mod releases;
mod security;
mod serve;
mod target;

pub use releases::{AssetSource, FetchFuture, FindFuture, Releases, StoredBundle};
pub use security::{FrameAncestors, InvalidAncestor};
pub use serve::{UiDependencies, router};
pub use target::Page;
