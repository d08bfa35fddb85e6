//! The limits that the compiler process sets on itself.

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;
use std::error::Error;

/// Maximum number of open files: the three pipes and what the runtime opens at startup.
const OPEN_FILES: u64 = 16;

/// Sets limits for the whole run: memory, time, no core file, no written file.
pub(crate) fn limit_resources(address_space_bytes: u64, processor_seconds: u64) -> Result<(), Box<dyn Error>> {
    for (resource, limit) in [
        (Resource::As, address_space_bytes),
        (Resource::Cpu, processor_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
    ] {
        // For CPU time the hard limit is one second above the soft limit. At the soft limit
        // the child ends with SIGXCPU, which identifies the limit to the parent; the SIGKILL at the
        // hard limit could have any cause.
        let grace = u64::from(resource == Resource::Cpu);
        setrlimit(
            resource,
            Rlimit {
                current: Some(limit),
                maximum: Some(limit.saturating_add(grace)),
            },
        )?;
    }
    Ok(())
}

/// Allows only system calls for memory, time, the open pipes and exit. Any other kills the process.
pub(crate) fn forbid_system_calls() -> Result<(), Box<dyn Error>> {
    let rules = allowed()
        .iter()
        .map(|number| (*number, Vec::new()))
        .collect::<BTreeMap<_, _>>();
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// System calls of a compiler that has already read its input.
fn allowed() -> Vec<i64> {
    vec![
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getrandom,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_tgkill,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ]
}
