/// Reasons a store operation fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// An operator has yanked the version.
    #[error("an operator has yanked this version; only an operator can undo that")]
    Held,
    /// The tenant, or the platform, has as many API keys as it can have.
    #[error("there are too many API keys")]
    TooManyKeys,
    /// A database operation failed.
    #[error("database error")]
    Database(#[from] sqlx::Error),
    /// The database user bypasses row-level security, so a faulty query could read every tenant's
    /// rows.
    #[error(
        "row-level security does not apply to this database user\nhint: use one that is neither a superuser nor has BYPASSRLS: `CREATE ROLE alga LOGIN`"
    )]
    Unbound,
    /// A migration of the database failed.
    #[error("database migration failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// An operation of the object store failed.
    #[error("object store error")]
    Objects(#[from] object_store::Error),
    /// Stored data is invalid: a row, an object, or a value to be stored in one.
    #[error("invalid stored data: {0}")]
    Row(String),
    /// A file or directory of the store cannot be read or written.
    #[error("cannot read or write a file of the store")]
    File(#[from] std::io::Error),
    /// An object exceeds its size limit, so this registry cannot have written it.
    #[error("the object {0} exceeds its size limit")]
    TooLarge(String),
    /// The version is already published with different content.
    #[error("version {version} of {name} is already published with different content ({content_hash})")]
    VersionExists {
        /// Name of the extension.
        name: String,
        /// The published version.
        version: String,
        /// Hash of the published content.
        content_hash: String,
    },
    /// An unpublished bundle with the same content is being removed by garbage collection.
    #[error("an abandoned upload of the same content is being removed; try again in a moment")]
    BeingCollected,
    /// The publish lasted so long that garbage collection considered its upload abandoned.
    #[error("the upload expired before the version was published; publish again")]
    Abandoned,
    /// A concurrent request modified the resource, or it no longer exists in the expected state.
    #[error("the resource was modified concurrently; reload and retry")]
    Changed,
    /// The name belongs to another publisher.
    #[error("{name} belongs to publisher `{publisher}`")]
    NameInUse {
        /// Name of the extension.
        name: String,
        /// Publisher that owns the name.
        publisher: String,
    },
}

impl StoreError {
    pub(crate) fn row(error: impl std::fmt::Display) -> Self {
        Self::Row(error.to_string())
    }
}
