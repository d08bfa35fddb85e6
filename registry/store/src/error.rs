/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error("the database")]
    Database(#[from] sqlx::Error),
    /// The database user could read every tenant's rows by mistake.
    #[error(
        "row-level security does not bind this database user\nhint: use one that is neither a superuser nor has BYPASSRLS: `CREATE ROLE alga LOGIN`"
    )]
    Unbound,
    /// Its migrations.
    #[error("migrating the database")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The object store.
    #[error("the object store")]
    Objects(#[from] object_store::Error),
    /// A row that this program would not have written.
    #[error("a row cannot be read: {0}")]
    Row(String),
    /// An object that no publish of ours would have made.
    #[error("the object {0} is larger than it may be")]
    TooLarge(String),
    /// Another content was published under this version before.
    #[error("version {version} of {name} is published already, with other content ({content_hash})")]
    VersionTaken {
        /// The extension.
        name: String,
        /// The version.
        version: String,
        /// What is published.
        content_hash: String,
    },
    /// What was put and never published is being removed at this moment.
    #[error("an abandoned upload of the same content is being removed; try again in a moment")]
    BeingCollected,
    /// The publish took so long that its upload was taken for abandoned.
    #[error("the upload was taken for abandoned meanwhile; publish again")]
    Abandoned,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile; look again")]
    Changed,
    /// The name belongs to another publisher.
    #[error("{name} belongs to publisher `{publisher}`")]
    NameTaken {
        /// The extension.
        name: String,
        /// Who has it.
        publisher: String,
    },
}

impl StoreError {
    pub(crate) fn row(error: impl std::fmt::Display) -> Self {
        Self::Row(error.to_string())
    }
}
