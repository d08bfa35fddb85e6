//! Protects the memory of this process from other processes: it holds tenants' secrets while they
//! are used.

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Disables core files, and debuggers of the same user (`prctl(PR_SET_DUMPABLE)`). Called before
/// the first secret is read.
///
/// # Errors
/// [`Errno`] if the system refuses.
pub fn protect_memory() -> Result<(), Errno> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
