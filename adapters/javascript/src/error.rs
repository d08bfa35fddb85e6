/// Reason why an extension in JavaScript cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The module failed while it was evaluated, or has no handler. The text is the engine's.
    #[error("{0}")]
    Module(String),
    /// The module did not end, or needed more memory than an extension may have.
    #[error(
        "the extension's modules could not be evaluated: {0}\nhint: only the handler may do long work; modules prepare it"
    )]
    Limit(String),
    /// The engine or the component is not as this version expects: a bug of the platform.
    #[error("the component could not be built: {0}")]
    Internal(String),
}

impl BuildError {
    /// Wraps an error of one of the steps.
    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(format!("{:#}", error.into()))
    }
}
