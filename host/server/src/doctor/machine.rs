//! Examines this machine: clock, limits, memory, processors and what the kernel can confine.

use super::Finding;
use super::kernel::Kernel;
use crate::Config;
use crate::config::Confinement;
use crate::confine::is_supported;
use alga_engine::{Allocation, CodeOptions, Engine, PoolSettings};
use rustix::process::{Resource, getrlimit};
use std::thread;

/// File descriptors beside those of connections: database, files, requests to other hosts.
const OTHER_FILES: u64 = 1_024;
/// Mappings of memory of one component: its memories, tables, stack and their guards.
const MAPPINGS_OF_COMPONENT: u64 = 8;
/// Mappings beside those: libraries, threads, machine code.
const OTHER_MAPPINGS: u64 = 4_096;
/// Sources of time that a process reads without a system call.
const FAST_CLOCKS: [&str; 4] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];
const MIB: u64 = 1024 * 1024;

pub(super) fn examine(config: &Config, kernel: &Kernel) -> Vec<Finding> {
    let mut findings = vec![clock_source(kernel), files(config), swap(kernel)];
    findings.extend(confinement(config, kernel));
    // A gateway has no engine.
    if config.role.has_runner() || config.role.has_registry() {
        findings.extend([
            mappings(config, kernel),
            overcommit(kernel),
            huge_pages(kernel),
            memory(config, kernel),
            pool(config),
        ]);
    }
    if config.role.has_runner() {
        findings.push(processors(config, kernel));
    }
    findings
}

fn clock_source(kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "clock source";
    match kernel.text("sys/devices/system/clocksource/clocksource0/current_clocksource") {
        None => Finding::good(SUBJECT, "not known on this machine"),
        Some(source) if FAST_CLOCKS.contains(&source.as_str()) => Finding::good(SUBJECT, source),
        Some(source) => Finding::warning(
            SUBJECT,
            format!("{source}: reading the time is a system call, several times in each request"),
            "boot with clocksource=tsc if this processor has a constant TSC, or use another machine type",
        ),
    }
}

fn files(config: &Config) -> Finding {
    const SUBJECT: &str = "open files";
    let needed = config.connections.total as u64 + OTHER_FILES;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Finding::failed(
            SUBJECT,
            format!(
                "this process may open {limit} files, and {} connections need {needed}",
                config.connections.total
            ),
            format!("raise the limit to {needed} (`LimitNOFILE=` of systemd, `ulimit -n`), or lower ALGA_CONNECTIONS"),
        ),
        Some(limit) => Finding::good(SUBJECT, format!("{limit}")),
        None => Finding::good(SUBJECT, "not limited"),
    }
}

fn mappings(config: &Config, kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "memory mappings";
    let needed = u64::from(config.pool) * MAPPINGS_OF_COMPONENT + OTHER_MAPPINGS;
    match kernel.number("proc/sys/vm/max_map_count") {
        Some(limit) if limit < needed => Finding::failed(
            SUBJECT,
            format!(
                "a process may have {limit} mappings, and a pool of {} components needs {needed}",
                config.pool
            ),
            format!("`sysctl vm.max_map_count={needed}`, or lower ALGA_POOL"),
        ),
        Some(limit) => Finding::good(SUBJECT, format!("{limit}, of which the pool needs up to {needed}")),
        None => Finding::good(SUBJECT, "not known on this machine"),
    }
}

fn overcommit(kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "overcommitment of memory";
    match kernel.number("proc/sys/vm/overcommit_memory") {
        Some(2) => Finding::warning(
            SUBJECT,
            "strict: address space that is reserved and not used counts as memory",
            "`sysctl vm.overcommit_memory=0`: the pool reserves 4 GiB of address space for each memory of a component",
        ),
        _ => Finding::good(SUBJECT, "reserved address space needs no memory"),
    }
}

fn swap(kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "swap";
    let areas = kernel.text("proc/swaps").unwrap_or_default();
    match areas.lines().count().saturating_sub(1) {
        0 => Finding::good(SUBJECT, "off"),
        _ if kernel.is_without_swap() => Finding::good(SUBJECT, "off for this control group"),
        areas => Finding::warning(
            SUBJECT,
            format!("{areas} areas: secrets and data of tenants can be written to a disk, and requests wait for it"),
            "`swapoff -a`, or `MemorySwapMax=0` for this service (`memory.swap.max` of its control group)",
        ),
    }
}

fn huge_pages(kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "huge pages";
    match kernel.selected("sys/kernel/mm/transparent_hugepage/enabled").as_deref() {
        Some("always") => Finding::warning(
            SUBJECT,
            "always: a component that uses some KiB can have 2 MiB for each of its memories",
            "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`",
        ),
        Some(selected) => Finding::good(SUBJECT, selected),
        None => Finding::good(SUBJECT, "not known on this machine"),
    }
}

fn memory(config: &Config, kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "memory";
    let Some(bytes) = kernel.memory_bytes() else {
        return Finding::good(SUBJECT, "not known on this machine");
    };
    let needed = u64::from(config.cache_memory_mib) * MIB + u64::from(config.ceilings.memory_mb) * MIB;
    let mib = bytes / MIB;
    if bytes < needed {
        return Finding::warning(
            SUBJECT,
            format!(
                "{mib} MiB, less than loaded machine code and one extension at its limit need ({} MiB)",
                needed / MIB
            ),
            "give this process more memory, or lower ALGA_CACHE_MEMORY_MIB or ALGA_MEMORY_MAX_MB",
        );
    }
    Finding::good(SUBJECT, format!("{mib} MiB"))
}

fn processors(config: &Config, kernel: &Kernel) -> Finding {
    const SUBJECT: &str = "processors";
    let seen = thread::available_parallelism().map_or(1, usize::from);
    let usable = kernel
        .processor_quota()
        .map_or(seen as f64, |quota| quota.min(seen as f64));
    if config.run_slots as f64 > usable.max(1.0) {
        return Finding::warning(
            SUBJECT,
            format!(
                "{usable}, for {} extensions that compute at once: none is left for requests that wait",
                config.run_slots
            ),
            "lower ALGA_RUN_SLOTS, or give this process more processors",
        );
    }
    Finding::good(
        SUBJECT,
        format!("{usable}, for {} extensions that compute at once", config.run_slots),
    )
}

/// Checks what the kernel can confine; a process that shall not be confined needs none of it.
fn confinement(config: &Config, kernel: &Kernel) -> Option<Finding> {
    const SUBJECT: &str = "confinement";
    let is_required = match config.confinement {
        Confinement::Off => return None,
        Confinement::Auto => false,
        Confinement::Required => true,
    };
    let actions = kernel.text("proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let has_seccomp = actions.split_whitespace().any(|action| action == "errno");
    let missing: Vec<_> = [
        (is_supported(), "Landlock of ABI 6 (Linux 6.12)"),
        (has_seccomp, "seccomp"),
    ]
    .into_iter()
    .filter_map(|(exists, name)| (!exists).then_some(name))
    .collect();
    if missing.is_empty() {
        return Some(Finding::good(SUBJECT, "Landlock and seccomp"));
    }
    let text = format!("this kernel has no {}", missing.join(" and no "));
    let remedy = "use a newer kernel with CONFIG_SECURITY_LANDLOCK and CONFIG_SECCOMP_FILTER";
    Some(match is_required {
        true => Finding::failed(SUBJECT, text, remedy),
        false => Finding::warning(SUBJECT, text, remedy),
    })
}

fn pool(config: &Config) -> Finding {
    const SUBJECT: &str = "pool";
    let engine = Engine::new(&PoolSettings {
        components: config.pool,
        ceilings: config.ceilings,
        code: CodeOptions {
            counts_fuel: config.fuel.is_some(),
            runs_wasi_0_3: config.wasi_0_3,
        },
        ..PoolSettings::default()
    });
    let components = config.pool;
    match engine.map(|engine| engine.allocation()) {
        Ok(Allocation::Pooling) => Finding::good(
            SUBJECT,
            format!("address space for {components} components is reserved"),
        ),
        Ok(Allocation::OnDemand) => Finding::warning(
            SUBJECT,
            format!(
                "address space for {components} components cannot be reserved: every request maps its memories anew"
            ),
            "raise the limit of address space (`ulimit -v unlimited`, `vm.overcommit_memory=0`), or lower ALGA_POOL",
        ),
        Err(error) => Finding::failed(
            SUBJECT,
            alga_errors::chain(&error).to_string(),
            "lower ALGA_POOL and the ceilings, or use a processor that wasmtime supports",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingState;
    use std::collections::BTreeMap;
    use std::fs;

    fn config(settings: &[(&str, &str)]) -> Config {
        let flags: BTreeMap<_, _> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Config::load(&flags, &|_| None, None).unwrap()
    }

    fn state_of(findings: &[Finding], subject: &str) -> FindingState {
        let finding = findings.iter().find(|finding| finding.subject == subject);
        finding.unwrap().state
    }

    #[test]
    fn what_slows_or_endangers_a_platform_is_found_in_the_files_of_the_kernel() {
        let cases = [
            (
                "clock source",
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
                "tsc",
                "hpet",
            ),
            ("memory mappings", "proc/sys/vm/max_map_count", "1048576", "4096"),
            ("overcommitment of memory", "proc/sys/vm/overcommit_memory", "0", "2"),
            ("swap", "proc/swaps", "Filename Type", "Filename Type\n/swapfile file"),
            (
                "huge pages",
                "sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never",
                "[always] madvise never",
            ),
            ("memory", "sys/fs/cgroup/memory.max", "17179869184", "1048576"),
            ("processors", "sys/fs/cgroup/cpu.max", "max 100000", "100000 100000"),
            (
                "confinement",
                "proc/sys/kernel/seccomp/actions_avail",
                "kill errno allow",
                "kill",
            ),
        ];
        for (subject, path, good, bad) in cases {
            for (text, is_good) in [(good, true), (bad, false)] {
                let root = tempfile::tempdir().unwrap();
                let file = root.path().join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
                let findings = examine(
                    &config(&[("dev", "true"), ("run_slots", "2")]),
                    &Kernel::at(root.path()),
                );
                // Landlock depends on the kernel of the test.
                let state = state_of(&findings, subject);
                if subject != "confinement" || !is_good {
                    assert_eq!(state == FindingState::Good, is_good, "{subject} {text}: {findings:?}");
                }
            }
        }
    }

    #[test]
    fn more_connections_than_files_fail_and_every_bad_finding_has_a_remedy() {
        let root = tempfile::tempdir().unwrap();
        let config = config(&[("dev", "true"), ("connections", "100000000")]);
        let findings = examine(&config, &Kernel::at(root.path()));
        let unlimited = getrlimit(Resource::Nofile).current.is_none();
        assert!(unlimited || state_of(&findings, "open files") == FindingState::Failed);
        for finding in findings {
            assert_eq!(
                finding.remedy.is_some(),
                finding.state > FindingState::Good,
                "{finding:?}"
            );
        }
    }
}
