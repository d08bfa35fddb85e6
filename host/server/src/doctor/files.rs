//! Examines the files and directories that a configuration names, and what is in them.

use super::{Finding, reason};
use crate::Config;
use crate::confine::named_files;
use crate::shared::trust;
use alga_egress::OperatorPolicy;
use rustix::fs::{Access, access, statfs};
use std::fs::File;
use std::path::Path;

/// Magic numbers of file systems on other machines, by `statfs`: NFS, SMB, CIFS.
const NETWORK_FILE_SYSTEMS: [u64; 3] = [0x6969, 0xfe53_4d42, 0xff53_4d42];

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        directory("data directory", &config.data, config.database.is_none()),
        directory("cache directory", &config.cache_root, false),
        files(config),
    ];
    if config.role.has_runner() || config.role.has_registry() {
        findings.push(trust_bundle(config));
    }
    if config.role.has_runner() {
        findings.push(egress(config));
    }
    findings
}

/// Checks that this process can write into a directory, or create it.
fn directory(subject: &'static str, path: &Path, has_database: bool) -> Finding {
    let text = format!("`{}`", path.display());
    let existing = path.ancestors().find(|directory| directory.exists());
    let existing = existing.filter(|directory| !directory.as_os_str().is_empty());
    let existing = existing.unwrap_or(Path::new("."));
    let is_writable = existing.is_dir() && access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    if !is_writable {
        return Finding::failed(
            subject,
            format!("{text}: this user cannot write to `{}`", existing.display()),
            "mount it for writing, and change its owner to the user of this process",
        );
    }
    let kind = statfs(existing).ok().and_then(|found| u64::try_from(found.f_type).ok());
    if has_database && kind.is_some_and(|kind| NETWORK_FILE_SYSTEMS.contains(&kind)) {
        return Finding::failed(
            subject,
            format!("{text} is on another machine: locks of SQLite do not hold there"),
            "use a local disk, or Postgres (ALGA_DATABASE)",
        );
    }
    Finding::good(subject, text)
}

/// Checks that the files of keys, certificates, tokens and lists can be read.
fn files(config: &Config) -> Finding {
    const SUBJECT: &str = "files of settings";
    let files = named_files(config);
    let unreadable = files.iter().filter_map(|path| {
        let error = File::open(path).err()?;
        Some(format!("`{}`: {error}", path.display()))
    });
    let unreadable: Vec<_> = unreadable.collect();
    if unreadable.is_empty() {
        return Finding::good(SUBJECT, format!("{} can be read", files.len()));
    }
    let remedy = "create them, or change their owner to the user of this process; `alga config` shows which setting names a file";
    Finding::failed(SUBJECT, unreadable.join(", "), remedy)
}

fn trust_bundle(config: &Config) -> Finding {
    const SUBJECT: &str = "trust bundle";
    match trust(config) {
        Ok(_) if config.trust_bundle.is_none() => Finding::warning(
            SUBJECT,
            "none: nothing can be published or run",
            "set SIGNING_TRUST_BUNDLE (`alga keygen` writes one)",
        ),
        Ok(_) => Finding::good(SUBJECT, "valid"),
        Err(error) => Finding::failed(
            SUBJECT,
            reason(&error),
            "correct SIGNING_TRUST_BUNDLE; `alga trust` changes one",
        ),
    }
}

fn egress(config: &Config) -> Finding {
    const SUBJECT: &str = "policy of other hosts";
    let settings = &config.egress;
    match OperatorPolicy::parse(&settings.allowlist, &settings.exceptions, &settings.denied) {
        Ok(_) => Finding::good(SUBJECT, "valid"),
        Err(error) => Finding::failed(
            SUBJECT,
            reason(&error),
            "correct EXT_EGRESS_ALLOWLIST, or its exceptions",
        ),
    }
}
