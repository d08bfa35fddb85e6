//! Errors of lower layers as problems.

use alga_engine::{CompileError, CompileFault};
use alga_errors::{Code, Problem};
use alga_signing::Rejected;

/// Converts a rejection of a signature.
pub(crate) fn rejected(error: &Rejected) -> Problem {
    Problem::new(Code::SignatureRejected, error.to_string())
}

/// Seconds after which a client may retry when the compiler is busy.
const COMPILER_RETRY_SECONDS: u32 = 60;

/// Converts a compile error to the problem that a publisher or a tenant gets.
pub(crate) fn not_compiled(error: CompileError, what: &str) -> Problem {
    match error.fault() {
        CompileFault::Publisher => Problem::new(Code::ComponentInvalid, format!("{what}{error}")),
        CompileFault::Busy => Problem::new(Code::CompilerBusy, error.to_string())
            .retry_after_seconds(COMPILER_RETRY_SECONDS)
            .with_hint("retry later with the same bytes"),
        CompileFault::Host | CompileFault::Absent => Problem::internal(error),
    }
}
