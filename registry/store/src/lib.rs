//! The registry's memory: rows in SQL, bundles in an object store.
//!
//! | module | keeps |
//! |---|---|
//! | `blobs` | bundles, signatures and receipts under their content hash: in a folder or an S3-compatible store |
//! | `staging` | uploads on their way |
//! | `garbage` | what was put and never published, and its removal |
//! | `versions` | extensions and their published versions |
//! | `installs` | which tenant has which version, with which grants and configuration |
//! | `secrets` | the sealed secrets of installs |
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
mod executions;
mod garbage;
mod installs;
mod lifecycle;
mod records;
mod revocations;
mod secrets;
mod staging;
mod versions;

pub use audit::{AuditChain, AuditEntry};
pub use blobs::{BlobStore, NewBundle, S3Settings, StoredBundle};
pub use database::Database;
pub use error::StoreError;
pub use executions::ExecutionRow;
pub use garbage::{BundleClaim, CLAIM_GRACE, MarkedClaim, collect_garbage};
pub use installs::{Install, InstallSettings, InstallStatus, NewInstall};
pub use records::{RecordError, RecordLimits, RecordPage, RecordUsage, RecordWrite, Records, StoredRecord};
pub use revocations::{RevocationFile, StoredRevocations};
pub use staging::{StagedUpload, Staging, StagingError, UPLOAD_LIFE, UploadWriter};
pub use versions::{NewVersion, PublishOutcome, VersionRow, VersionStatus, VersionSummary};
