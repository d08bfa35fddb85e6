//! The memory of this process is nobody else's: tenants' secrets are in it while they are used.

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core file, no debugger of the same user (`prctl(PR_SET_DUMPABLE)`). Called before the first secret is read.
///
/// # Errors
/// When the system does not do it.
pub fn keep_memory_private() -> Result<(), Errno> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
