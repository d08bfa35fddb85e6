//! The engine compiles components in a child process, caches, loads and limits them. It is
//! independent of tenants, capabilities, HTTP and SQL.
//!
//! | module | responsibility |
//! |---|---|
//! | `settings` | settings that determine machine code, shared by compiler and runner |
//! | `engine` | the single wasmtime engine of a process: pool, ticker, loading |
//! | `ticker` | one thread that advances the epoch for all guests |
//! | `guest_limit` | limits that end a guest, and how each is recognized |
//! | `limiter` | one memory budget for everything in a store |
//! | `execution_clock` | the time in which an execution ran |
//! | `profile` | samples of guests: where their time goes |
//! | `execution` | a fresh store with its deadline, and the cause of an early stop |
//! | `compiler` | the parent's side of the compiler child process |
//! | `crash_journal` | what executes at this moment, for the process after a crash |
//! | `machine_code` | code that may be loaded: its type proves its origin |
//! | `cache` | authenticated machine code on disk |
//! | `factory` | from a component's bytes to a loaded component |

mod cache;
mod compiler;
mod crash_journal;
mod engine;
mod execution;
mod execution_clock;
mod factory;
mod guest_limit;
mod limiter;
mod machine_code;
mod profile;
pub mod settings;
mod ticker;

pub use cache::{CacheError, CacheKey, MachineCodeCache, create_private_directory};
pub use compiler::{CompileError, CompileFault, Compiler, CompilerLimits, EXIT_BROKEN, EXIT_REFUSED};
pub use crash_journal::{CrashJournal, Evidence, JournalEntry, Mark};
pub use engine::{Allocation, Engine, EngineError, LoadError};
pub use execution::{ExecutionLimits, TerminationCause, new_store, termination_cause};
pub use execution_clock::{
    count_processor_time, counts_processor_time, execution_time, monotonic_time, processor_time, start_execution_clock,
    thread_time,
};
pub use factory::ComponentFactory;
pub use guest_limit::GuestLimit;
pub use limiter::{Limited, StoreLimiter};
pub use machine_code::MachineCode;
pub use profile::{FinishedProfile, GuestProfile};
pub use settings::{CodeOptions, PoolSettings, perf_map};
