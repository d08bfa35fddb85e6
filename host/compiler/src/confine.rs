//! The limits that the compiler sets on itself.

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;
use std::error::Error;

/// Open files: the three pipes and what the runtime opens while it starts.
const OPEN_FILES: u64 = 16;

/// Limits that hold whatever happens: memory, time, no core file, no written file.
pub(crate) fn limit_resources(address_space_bytes: u64, processor_seconds: u64) -> Result<(), Box<dyn Error>> {
    for (resource, limit) in [
        (Resource::As, address_space_bytes),
        (Resource::Cpu, processor_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
    ] {
        // A second between the two: at the first, SIGXCPU tells the parent which limit it was; at the second, SIGKILL could
        // come from anywhere.
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

/// From here on: memory, time, the open pipes, and the end. Any other system call kills the process.
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

/// What a compiler needs that has read its input already.
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
