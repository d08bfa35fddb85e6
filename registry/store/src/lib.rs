//! Persistence of the registry: rows in SQL, bundles in an object store.
//!
//! | module | stores |
//! |---|---|
//! | `blobs` | bundles, signatures and receipts by content hash: in a directory or an S3 store |
//! | `staging` | uploads that are not published yet |
//! | `garbage` | claims on bundles, and the removal of bundles that were never published |
//! | `versions` | extensions and their published versions |
//! | `installs` | the installed versions of each tenant, with their grants and configuration |
//! | `secrets` | the sealed secrets of installs |
//! | `lifecycle` | changes of an install: upgrade, rollback, enable, disable, uninstall |
//! | `revocations` | signed lists of bundles and signers that are no longer trusted |
//! | `api_keys` | the API keys of the platform and of tenants, as digests |
//! | `idempotency` | responses by idempotency key, for a day |
//! | `sessions` | sessions of browsers, as digests |
//! | `audit` | every change, in a hash chain |
//! | `changes` | notifications of changes in other processes |
//! | `crashes` | extensions that were executing when a runner crashed |
//! | `execution_minutes` | executions counted by minute |
//! | `executions` | the execution log of installs |
//! | `quotas` | limits of tenants and installs, and what was used of them |
//! | `weights` | shares of tenants in the processors |
//! | `records` | the key/value records of installs |
//!
//! Every statement about a tenant's data has the tenant in its predicate. Statements are literals;
//! values are bound.

mod api_keys;
mod audit;
mod blobs;
mod changes;
mod connection;
mod crashes;
mod database;
mod error;
mod examination;
mod execution_minutes;
mod executions;
mod garbage;
mod idempotency;
mod install_row;
mod installs;
mod lifecycle;
mod quotas;
mod records;
mod revocations;
mod secrets;
mod sessions;
mod staging;
mod versions;
mod weights;

pub use api_keys::{ApiKeyRow, NewApiKey};
pub use audit::{AuditChain, AuditRow};
pub use blobs::{BlobStore, NewBundle, S3Settings, StoredBundle};
pub use changes::{ChangeListener, ChangeNotice};
pub use database::Database;
pub use error::StoreError;
pub use examination::{DatabaseExamination, Migrations, ObjectExamination, examine_postgres};
pub use execution_minutes::ExecutionSum;
pub use executions::{ExecutionFilter, ExecutionOutcome, ExecutionPage, ExecutionRow};
pub use garbage::{BundleClaim, CLAIM_GRACE, MarkedClaim, collect_garbage};
pub use idempotency::{ClaimOutcome, IdempotencyClaim, StoredReply};
pub use install_row::InstallRow;
pub use installs::{InstallSettings, NewInstall};
pub use quotas::QuotaUsageRow;
pub use records::{RecordError, RecordLimits, RecordPage, RecordUsage, RecordWrite, Records, StoredRecord};
pub use revocations::{RevocationFile, StoredRevocations};
pub use sessions::{SessionKind, SessionRow};
pub use staging::{StagedUpload, Staging, StagingError, UPLOAD_LIFE, UploadWriter};
pub use versions::{NewVersion, PublishOutcome, VersionRow, VersionSummaryRow};
