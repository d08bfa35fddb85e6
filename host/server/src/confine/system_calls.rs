//! System calls (seccomp).

use super::ConfineError;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// System calls that neither the platform nor its libraries use once it listens: they reach other
/// processes, other views of the system, or parts of the kernel that guests have no business with.
const FORBIDDEN: [i64; 49] = [
    libc::SYS_listen,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_personality,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_fanotify_init,
    libc::SYS_memfd_secret,
];

/// System calls that start programs; a process with a compiler beside it needs them.
const EXECUTE: [i64; 2] = [libc::SYS_execve, libc::SYS_execveat];

/// Families of sockets that are used: Unix, IPv4 and IPv6.
const SOCKET_FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

pub(super) fn forbid(has_compiler: bool) -> Result<(), ConfineError> {
    let executes: &[i64] = if has_compiler { &[] } else { &EXECUTE };
    let calls = FORBIDDEN.iter().chain(executes);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|number| (*number, Vec::new())).collect();
    rules.insert(libc::SYS_socket, vec![other_families()?]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// Matches sockets of all families but those that are used.
fn other_families() -> Result<SeccompRule, seccompiler::BackendError> {
    let is_other = |family: i32| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let conditions = SOCKET_FAMILIES.map(is_other);
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}
