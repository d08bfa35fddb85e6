//! The registry's memory: rows in SQL, bundles in an object store.
//!
//! | module | keeps |
//! |---|---|
//! | `blobs` | bundles and their signatures, create-only, under their content hash |
//! | `versions` | extensions and their published versions |
//! | `installs` | which tenant has which version, with which grants and configuration |
//! | `lifecycle` | what happens to an install later: upgrade, rollback, on and off, uninstall |
//! | `revocations` | signed lists of what is no longer believed |
//! | `audit` | every change, in a chain of hashes |
//! | `records` | the key/value records of installs |
//!
//! Every statement about a tenant's data has the tenant in its predicate. Statements are literals; values are bound.

mod audit;
mod blobs;
mod database;
mod error;
mod installs;
mod lifecycle;
mod records;
mod revocations;
mod versions;

pub use audit::{AuditChain, AuditEntry};
pub use blobs::{BlobStore, StoredBundle};
pub use database::Database;
pub use error::StoreError;
pub use installs::{Install, InstallStatus, NewInstall};
pub use records::{RecordError, RecordLimits, RecordPage, RecordWrite, Records, StoredRecord};
pub use revocations::{RevocationFile, StoredRevocations};
pub use versions::{NewVersion, PublishOutcome, VersionRow, VersionStatus, VersionSummary};
