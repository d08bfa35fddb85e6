//! The request and response types of the registry's API, which server, command line and tests
//! share.
//!
//! | module | bodies and operations of |
//! |---|---|
//! | `versions` | publishing, and the versions of an extension |
//! | `uploads` | uploads in chunks |
//! | `installs` | a tenant's installs, their upgrades and secrets |
//! | `executions` | the execution log of an install |
//! | `keys` | API keys |
//! | `statistics` | sums of the executions of an install |
//! | `quarantine` | extensions that crashed runners |
//! | `quotas` | quotas of tenants and installs, and what was used |
//! | `console_links` | one-time links for browsers |
//! | `revocations` | the revocation list |
//! | `audit` | the audit log |
//! | `garbage` | garbage collection |
//! | `operation` | one request: method, path, body, and the type of its response |
//! | `form` | `multipart/form-data` |
//!
//! A function that returns an [`Operation`] builds a request for a client. The server routes the
//! same paths in `registry/api/src/routes.rs`, and `registry/openapi.json` describes them.

mod audit;
mod console_links;
mod executions;
mod form;
mod garbage;
mod installs;
mod keys;
mod operation;
mod quarantine;
mod quotas;
mod revocations;
mod statistics;
mod uploads;
mod versions;

pub use audit::{AuditChain, AuditEntry, AuditPage, AuditQuery, audit_after, verify_audit};
pub use console_links::{ConsoleLink, create_console_link};
pub use executions::{Execution, ExecutionUsage, Executions, ExecutionsQuery, LogRecord, executions, some_executions};
pub use form::{Part, form};
pub use garbage::{Removed, collect_garbage};
pub use installs::{
    ConsentRequest, Install, InstallRequest, Installs, SecretRequest, TermsRequest, Upgrade, UpgradeOutcome,
    UpgradeRequest, consent, delete_secret, disable, enable, install, installs, roll_back, set_secret, set_terms,
    show_install, uninstall, upgrade,
};
pub use keys::{ApiKey, ApiKeys, CreatedApiKey, KeyRequest, create_key, keys, revoke_key};
pub use operation::{Operation, Page, RequestBody};
pub use quarantine::{CrashedExtension, Quarantined, lift_quarantine, quarantined};
pub use quotas::{
    InstallUsage, QuotaRequest, QuotaState, Quotas, TenantUsage, TenantWeight, UsageQuery, quotas, set_quota,
    set_weight, usage, weight,
};
pub use revocations::{RevocationStatus, revocations, send_revocations};
pub use statistics::{DurationBucket, ExecutionStatistics, ExecutionSum, StatisticsQuery, statistics};
pub use uploads::{Upload, append_upload, begin_upload, delete_upload, show_upload};
pub use versions::{
    Published, Reason, VersionDetails, VersionSummary, Versions, change_version, publish, show_version, versions,
};
