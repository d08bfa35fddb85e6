//! System calls (seccomp).

use super::ConfineError;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};
use std::collections::BTreeMap;

/// System calls that neither the platform nor its libraries use once it listens: they reach other
/// processes, other views of the system, or parts of the kernel that guests have no business with.
const FORBIDDEN: [i64; 52] = [
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
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
];

/// System calls that start programs; a process with a compiler beside it needs them.
const EXECUTE: [i64; 2] = [libc::SYS_execve, libc::SYS_execveat];

/// Flags of `clone` that create a namespace.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// System calls that change another process unless this argument is 0.
const OF_OTHERS: [(i64, u8); 3] = [
    (libc::SYS_prlimit64, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_sched_setaffinity, 0),
];

/// Bit of the numbers of x32, a second interface of x86-64 to the same system calls.
const X32: u32 = 0x4000_0000;

/// Forbids the system calls. A compiler is a program that is started; a database in a directory
/// has a Unix socket.
pub(super) fn forbid(has_compiler: bool, has_unix_sockets: bool) -> Result<(), ConfineError> {
    let executes: &[i64] = if has_compiler { &[] } else { &EXECUTE };
    let calls = FORBIDDEN.iter().chain(executes);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|number| (*number, Vec::new())).collect();
    rules.insert(libc::SYS_socket, vec![other_families(has_unix_sockets)?]);
    rules.insert(libc::SYS_clone, namespaces()?);
    for (number, argument) in OF_OTHERS {
        let is_other = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
        rules.insert(number, vec![SeccompRule::new(vec![is_other])?]);
    }
    apply(rules, libc::EPERM)?;
    // Its flags are in memory, which a filter does not read. The C library uses `clone` instead.
    apply(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    if cfg!(target_arch = "x86_64") {
        seccompiler::apply_filter_all_threads(&without_x32())?;
    }
    Ok(())
}

fn apply(rules: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<(), ConfineError> {
    let refused = SeccompAction::Errno(error.unsigned_abs());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// Refuses all numbers of x32 (`BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JGE | BPF_K`, `BPF_RET`).
fn without_x32() -> BpfProgram {
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        instruction(0x20, 0, 0, 0),
        instruction(0x35, 0, 1, X32),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Matches threads and processes in a namespace of their own.
fn namespaces() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let with = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        let has_flag = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
        SeccompRule::new(vec![has_flag])
    };
    NAMESPACES.into_iter().map(with).collect()
}

/// Matches sockets of all families but those that are used: IPv4, IPv6, and Unix if the database
/// has such a socket. Others of this host, such as that of a container engine, start programs.
fn other_families(has_unix_sockets: bool) -> Result<SeccompRule, seccompiler::BackendError> {
    let unix = has_unix_sockets.then_some(libc::AF_UNIX);
    let is_other = |family: i32| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let conditions = [libc::AF_INET, libc::AF_INET6].into_iter().chain(unix).map(is_other);
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}
