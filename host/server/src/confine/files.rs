//! Files, ports and signals (Landlock).

use super::ConfineError;
use crate::Config;
use crate::config::OidcSettings;
use alga_engine::create_private_directory;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use std::path::{Component, Path, PathBuf};

/// Version of Landlock whose rights are all handled.
const ABI_VERSION: ABI = ABI::V6;

/// Files that name resolution and random numbers of the C library need, and the id of the boot.
const SYSTEM_FILES: [&str; 9] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
    "/proc/sys/kernel/random/boot_id",
];

/// Certificate authorities of the system, which the client of an object store trusts.
const AUTHORITIES: [&str; 7] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
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

/// Returns rules without exceptions, or the right that this kernel does not know.
pub(super) fn rules() -> Result<RulesetCreated, ConfineError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI_VERSION))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI_VERSION))?
        .create()?;
    Ok(rules)
}

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
        .add_rules(path_beneath_rules(AUTHORITIES, READ))?
        .add_rules(path_beneath_rules(LIBRARIES, READ))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(writable(config), WRITE))?
        .add_rules(path_beneath_rules(perf_map(config), AccessFs::WriteFile))?
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

/// Returns the file in which `perf` looks for functions, if there is one.
fn perf_map(config: &Config) -> Option<PathBuf> {
    config.perf.then(alga_engine::perf_map)
}

/// Returns the directories of the files that settings name. A file that is replaced by another
/// one, as keys and certificates are, is a new file for the kernel, so that its directory is what
/// counts.
fn readable(config: &Config) -> Vec<PathBuf> {
    let files = named_files(config);
    let directories = files.iter().flat_map(|file| {
        // What is read in the end may be behind a symbolic link, such as a certificate's.
        let target = file.canonicalize().ok();
        [Some(directory_of(file)), target.as_deref().map(directory_of)]
    });
    // A name server's address may be replaced, too: by the system, in a directory of its own.
    let resolver = Path::new("/etc/resolv.conf").canonicalize().ok();
    let resolver = resolver.as_deref().map(directory_of);
    let named = config.confine_readable.iter().cloned();
    directories.flatten().chain(resolver).chain(named).collect()
}

/// Returns the files that settings name.
pub(crate) fn named_files(config: &Config) -> Vec<PathBuf> {
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
    files.into_iter().cloned().collect()
}

/// Directories that have more than the files of one program.
const SHARED_DIRECTORIES: [&str; 13] = [
    "/etc", "/home", "/root", "/run", "/tmp", "/var", "/usr", "/opt", "/srv", "/mnt", "/dev", "/proc", "/sys",
];

/// Returns the directory of a file, or the file itself if its directory has more than the files of
/// one program.
fn directory_of(file: &Path) -> PathBuf {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match path.parent() {
        Some(parent) if is_of_one_program(parent) => parent.to_owned(),
        _ => path,
    }
}

fn is_of_one_program(directory: &Path) -> bool {
    // The root, `..`, a home directory, and what is directly below the root.
    let is_shallow = directory.components().count() < 3;
    let is_home = directory.parent() == Some(Path::new("/home"));
    let is_shared = SHARED_DIRECTORIES.iter().any(|shared| directory == Path::new(shared));
    let is_relative = directory.components().any(|part| part == Component::ParentDir);
    !(is_shallow || is_home || is_shared || is_relative || directory == Path::new("/dev/shm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_directory_unless_others_have_files_there() {
        for (file, expected) in [
            ("/run/secrets/tls/key.pem", "/run/secrets/tls"),
            ("/etc/alga/key.pem", "/etc/alga"),
            ("/etc/key.pem", "/etc/key.pem"),
            ("/key.pem", "/key.pem"),
            ("/home/user/key.pem", "/home/user/key.pem"),
            ("/home/user/alga/key.pem", "/home/user/alga"),
            ("/srv/alga/../key.pem", "/srv/alga/../key.pem"),
            ("/dev/shm/key.pem", "/dev/shm/key.pem"),
            ("/data/key.pem", "/data/key.pem"),
        ] {
            assert_eq!(directory_of(Path::new(file)), Path::new(expected));
        }
        // Relative to the working directory, which must not be the root.
        let here = std::env::current_dir().unwrap();
        assert_eq!(directory_of(Path::new("key.pem")), here);
    }
}
