//! The types that all other crates share, and the strict reader and writer of bundles.
//!
//! A bundle is untrusted until [`Bundle::read`] has accepted it: the archive must be byte for byte
//! the one that [`pack`] writes for the same files. There is exactly one archive for a set of
//! files, so no other data can be hidden in it.

mod archive;
mod bundle;
mod capability;
mod component;
mod crash;
mod diff;
mod digest;
mod execution_minute;
mod id;
mod manifest;
mod object;
mod path;
mod proof;
mod quota;
mod shared_engine;
mod status;
mod strict_json;
mod text_schema;
mod value_schema;

pub use alga_limits as limits;
pub use archive::{ArchiveError, pack, pack_quickly, unpack, unpack_foreign};
pub use bundle::{Bundle, BundleError};
pub use capability::{Capability, CapabilityName, InterfaceName};
pub use component::{ComponentError, ComponentFacts};
pub use crash::Crashes;
pub use diff::CapabilityDiff;
pub use digest::{Digest, DigestError};
pub use execution_minute::{DURATION_BOUNDS_US, DURATION_BUCKETS, ExecutionMinute, ExecutionTotals};
pub use id::{ExecutionId, ExtensionId, IdError, InstallId, RequestId, TenantId, VersionId};
pub use manifest::{
    Api, ConfigField, ConfigType, ConfigValue, EgressPattern, Endpoint, EndpointAccess, EventSubscription,
    ExtensionName, Manifest, ManifestError, ManifestLimits, ManifestProblem, MenuHook, Method, Metric, MetricType,
    NamespaceField, ProxyRoute, PublisherName, SecretField, Ui, UiType, is_label, manifest_schema,
};
pub use object::{StrictObject, object, objects, optional_object};
pub use path::{EntryPath, PathError};
pub use proof::{CapabilityProof, ProofError, Undeclared};
pub use quota::{HIGHEST_WEIGHT, Meter, Period, Quota, QuotaLease, QuotaSettlement, QuotaWindow, UnknownName};
pub use shared_engine::{engine_import_name, shipped_engine, shipped_engines};
pub use status::{InstallStatus, StatusError, VersionStatus};
pub use strict_json::{JsonError, check as check_json, read as read_json};
pub use value_schema::ValueSchema;

/// The version of an extension, by semantic versioning 2.0.0.
pub type Version = semver::Version;
