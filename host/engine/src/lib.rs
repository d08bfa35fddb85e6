//! The engine: compile in a child process, cache, load, limit. It knows no tenant, no capability, no HTTP and no SQL.
//!
//! | module | its one idea |
//! |---|---|
//! | `settings` | every choice that decides what machine code means, the same for the compiler and the process that runs it |
//! | `engine` | the one wasmtime engine of a process: pool, ticker, loading |
//! | `ticker` | one thread that advances time for all guests |
//! | `limiter` | one budget of memory for everything in a store |
//! | `execution` | a fresh store with its deadline, and what stopped it |
//! | `compiler` | the parent's side of the child that compiles |
//! | `machine_code` | code that may be loaded: its type is the proof of where it came from |
//! | `cache` | machine code on disk, authenticated |
//! | `factory` | from a component's bytes to something that can be instantiated |

mod cache;
mod compiler;
mod engine;
mod execution;
mod factory;
mod limiter;
mod machine_code;
pub mod settings;
mod ticker;

pub use cache::{CacheError, CacheKey, MachineCodeCache, private_folder};
pub use compiler::{CompileError, Compiler, CompilerLimits, EXIT_BROKEN, EXIT_REFUSED};
pub use engine::{Allocation, Engine, EngineError, LoadError, PoolSettings};
pub use execution::{ExecutionLimits, TerminationCause, new_store, termination_cause};
pub use factory::ComponentFactory;
pub use limiter::{Limited, StoreLimiter};
pub use machine_code::MachineCode;
