//! Files, ports and signals (Landlock).

use super::ConfineError;
use crate::Config;
use crate::config::OidcSettings;
use alga_engine::create_private_directory;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, make_bitflags, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// Version of Landlock whose rights are all handled.
const ABI_VERSION: ABI = ABI::V6;

/// Files that name resolution and random numbers of the C library need.
const SYSTEM_FILES: [&str; 8] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
];

/// Libraries that the C library loads to resolve names, and that the compiler needs.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// Programs that load the compiler's libraries.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const EXECUTE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | Execute});
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | RemoveFile | RemoveDir | MakeReg | MakeDir | Refer
});

pub(super) fn confine(config: &Config) -> Result<(), ConfineError> {
    for directory in writable(config) {
        // A rule needs a directory that exists. If it cannot be created, the part of the platform
        // that uses it reports that.
        create_private_directory(directory).ok();
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_VERSION))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI_VERSION))?
        .create()?
        .add_rules(path_beneath_rules(readable(config), READ))?
        .add_rules(path_beneath_rules(SYSTEM_FILES, READ))?
        .add_rules(path_beneath_rules(LIBRARIES, READ))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(writable(config), WRITE))?
        .add_rule(NetPort::new(config.listen.port(), AccessNet::BindTcp))?;
    if let Some(compiler) = &config.compiler {
        rules = rules
            .add_rules(path_beneath_rules([compiler], EXECUTE))?
            .add_rules(path_beneath_rules(LOADERS, EXECUTE))?;
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        _ => Err(ConfineError::Incomplete),
    }
}

fn writable(config: &Config) -> [&Path; 2] {
    [&config.data, &config.cache_root]
}

/// Returns the directories of the files that settings name. A file that is replaced by another
/// one, as keys and certificates are, is a new file for the kernel, so that its directory is what
/// counts.
fn readable(config: &Config) -> Vec<PathBuf> {
    let mut files: Vec<&PathBuf> = config.key_files.paths();
    files.extend(config.tls.iter().flat_map(|tls| [&tls.certificates, &tls.key]));
    files.extend(&config.runner_authorities);
    files.extend(&config.revocations);
    files.extend(&config.egress.authorities);
    files.extend(&config.platform.token_file);
    files.extend(&config.platform.ui_proxy_token_file);
    files.extend(config.vault.iter().map(|vault| &vault.token_file));
    files.extend(config.oidc.iter().flat_map(OidcSettings::files));
    let trust_bundle = config.trust_bundle.as_ref().map(PathBuf::from);
    files.extend(trust_bundle.iter().filter(|path| path.is_file()));
    let directories = files.into_iter().map(|file| directory_of(file));
    directories.chain(config.confine_readable.iter().cloned()).collect()
}

/// Returns the directory of a file, or the file itself if its directory has more than a program's
/// own files.
fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) if parent != Path::new("/") && parent != Path::new("/etc") => parent.to_owned(),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_directory_unless_that_is_the_systems() {
        for (file, expected) in [
            ("/run/secrets/tls/key.pem", "/run/secrets/tls"),
            ("/etc/alga/key.pem", "/etc/alga"),
            ("/etc/key.pem", "/etc/key.pem"),
            ("/key.pem", "/key.pem"),
            ("key.pem", "."),
        ] {
            assert_eq!(directory_of(Path::new(file)), Path::new(expected));
        }
    }
}
