//! Reasons why a component cannot be prepared, and the errors that callers get for them.

use alga_engine::{CompileError, CompileFault};
use alga_errors::{Code, Problem, chain};

/// Reason why a component cannot be prepared.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LoadFailure {
    #[error("there is no release with this content hash")]
    Unknown,
    #[error("bundle storage is unavailable: {0}")]
    Unavailable(String),
    #[error("the stored release is invalid: {0}")]
    Rejected(String),
    #[error("{0}")]
    Revoked(String),
    #[error("it imports capabilities that were not granted: {0}")]
    Denied(String),
    #[error("{0}")]
    Busy(String),
    #[error("{0}")]
    NoCode(String),
    #[error("internal error: {0}")]
    Internal(String),
}

pub(super) fn not_made(error: &CompileError) -> LoadFailure {
    match error.fault() {
        CompileFault::Publisher => LoadFailure::Rejected(error.to_string()),
        CompileFault::Busy => LoadFailure::Busy(error.to_string()),
        CompileFault::Absent => LoadFailure::NoCode(error.to_string()),
        CompileFault::Host => LoadFailure::Internal(chain(error).to_string()),
    }
}

pub(super) fn problem(failure: &LoadFailure) -> Problem {
    let cause = failure.to_string();
    let problem = match failure {
        LoadFailure::Unknown => Problem::new(Code::ExtensionNotAvailable, "there is no such extension version"),
        LoadFailure::Unavailable(_) => {
            Problem::new(Code::BundleUnavailable, "bundle storage is unavailable").retry_after_seconds(5)
        }
        LoadFailure::Rejected(_) => Problem::new(Code::BundleRejected, "the stored extension failed its verification"),
        LoadFailure::Revoked(_) => Problem::new(Code::VersionRevoked, "this extension was revoked"),
        LoadFailure::Denied(missing) => Problem::new(
            Code::CapabilityDenied,
            format!("the extension requires capabilities that this install was not granted: {missing}"),
        )
        .with_hint("grant it to the install: `alga install … --grant <capability>`"),
        LoadFailure::Busy(_) => {
            Problem::new(Code::CompilerBusy, "this host was too busy to compile the extension").retry_after_seconds(60)
        }
        LoadFailure::NoCode(_) => {
            let message = "this runner has no machine code of the extension, and no compiler";
            Problem::new(Code::BundleUnavailable, message).retry_after_seconds(60)
        }
        LoadFailure::Internal(_) => return Problem::internal(cause),
    };
    problem.caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_compiler_an_extension_is_unavailable_until_another_process_has_compiled_it() {
        let problem = problem(&not_made(&CompileError::Absent));
        assert_eq!(problem.code(), Code::BundleUnavailable);
        assert!(problem.retry_after().is_some());
    }
}
