//! On-disk cache of machine code.
//!
//! Loading machine code is running it, so a record is trusted only if its MAC verifies under this
//! host's key. The MAC covers the engine version, the cache format version, the component's digest
//! and every byte of the code. The bytes are read into memory once, verified there, and the same
//! bytes are loaded. An attacker who can write to the directory but cannot read the key can make
//! the cache slow, but cannot make it return other code.

use crate::{MachineCode, settings};
use hmac::{Hmac, Mac};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"algacod1";
const MAC_BYTES: usize = 32;
/// Time in which a record is written: more than any disk needs.
const UNFINISHED_LIFE: Duration = Duration::from_hours(1);
/// Maximum number of bytes that are read of a record.
const RECORD_BYTES: u64 = 300 * 1024 * 1024;

/// SHA-256 digest of the component that the code was compiled from.
pub type CacheKey = [u8; 32];

/// Failure to use the cache. A request is never refused because of it: the component is compiled
/// again.
#[derive(Debug, thiserror::Error)]
#[error("the machine-code cache at {}", path.display())]
pub struct CacheError {
    path: PathBuf,
    source: io::Error,
}

/// Creates a directory that only this user can access, or restricts an existing one.
///
/// # Errors
/// Returns [`io::Error`] if the directory cannot be created, or its permissions cannot be set.
pub fn create_private_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

/// A directory of authenticated records.
pub struct MachineCodeCache {
    directory: PathBuf,
    key: Zeroizing<[u8; 32]>,
    limit_bytes: u64,
}

impl MachineCodeCache {
    /// Opens the directory and restricts it to this user. `key` is this host's; `limit_bytes` is
    /// the maximum size of all records.
    ///
    /// # Errors
    /// Returns [`CacheError`] if the directory cannot be created or restricted.
    pub fn open(directory: &Path, key: [u8; 32], limit_bytes: u64) -> Result<Self, CacheError> {
        create_private_directory(directory).map_err(|source| CacheError {
            path: directory.to_path_buf(),
            source,
        })?;
        remove_unfinished(directory);
        Ok(Self {
            directory: directory.to_path_buf(),
            key: Zeroizing::new(key),
            limit_bytes,
        })
    }

    /// Returns the machine code of a component if there is a record and its MAC verifies. Any other
    /// record is removed.
    #[must_use]
    pub fn get(&self, component: &CacheKey) -> Option<MachineCode> {
        let path = self.path(component);
        let mut record = read_without_following(&path).ok()?;
        if !self.is_authentic(component, &record) {
            tracing::warn!(path = %path.display(), "removed a machine-code cache record that failed authentication");
            fs::remove_file(&path).ok();
            return None;
        }
        // The time of last use, by which the oldest records are found. Without it the record only
        // seems older.
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .ok();
        record.drain(..MAGIC.len() + MAC_BYTES);
        Some(MachineCode::from_trusted_source(record))
    }

    /// Stores machine code. The record is written atomically.
    ///
    /// # Errors
    /// Returns [`CacheError`] if the record could not be written; the component is then compiled
    /// again.
    pub fn put(&self, component: &CacheKey, code: &MachineCode) -> Result<(), CacheError> {
        let path = self.path(component);
        let written = self.write(&path, component, code.as_bytes());
        self.remove_oldest_over_limit();
        written.map_err(|source| CacheError { path, source })
    }

    fn write(&self, path: &Path, component: &CacheKey, code: &[u8]) -> io::Result<()> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let temporary = self.directory.join(format!("{}.new", hex::encode(name)));
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        let write = file
            .write_all(MAGIC)
            .and_then(|()| file.write_all(&self.mac(component, code).finalize().into_bytes()))
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&temporary, path));
        write.inspect_err(|_| {
            fs::remove_file(&temporary).ok();
        })
    }

    fn is_authentic(&self, component: &CacheKey, record: &[u8]) -> bool {
        let Some(rest) = record.strip_prefix(MAGIC) else {
            return false;
        };
        let Some((mac, code)) = rest.split_at_checked(MAC_BYTES) else {
            return false;
        };
        // The comparison runs in constant time.
        self.mac(component, code).verify_slice(mac).is_ok()
    }

    /// Computes the MAC of a record. Every variable part has a fixed length or is preceded by its
    /// length.
    fn mac(&self, component: &CacheKey, code: &[u8]) -> Hmac<Sha256> {
        // HMAC accepts keys of any length, so this error cannot happen; an empty key would verify
        // nothing that `put` has written.
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_slice()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(&(settings::ENGINE_VERSION.len() as u64).to_le_bytes());
        mac.update(settings::ENGINE_VERSION.as_bytes());
        mac.update(&settings::CACHE_FORMAT_VERSION.to_le_bytes());
        mac.update(component);
        mac.update(code);
        mac
    }

    fn path(&self, component: &CacheKey) -> PathBuf {
        self.directory.join(format!("{}.code", hex::encode(component)))
    }

    fn remove_oldest_over_limit(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                // Only records: other files in the directory are left alone.
                entry.path().extension().filter(|extension| *extension == "code")?;
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if total <= self.limit_bytes {
                return;
            }
            fs::remove_file(&path).ok();
            total = total.saturating_sub(bytes);
        }
    }
}

/// Removes records that a process which was killed has not finished. Other processes of the same
/// cache finish theirs within [`UNFINISHED_LIFE`].
fn remove_unfinished(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "new")) {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > UNFINISHED_LIFE) {
            fs::remove_file(entry.path()).ok();
        }
    }
}

fn read_without_following(path: &Path) -> io::Result<Vec<u8>> {
    let descriptor = rustix::fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    File::from(descriptor).take(RECORD_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: CacheKey = [7; 32];

    fn cache(directory: &Path, key: u8) -> MachineCodeCache {
        MachineCodeCache::open(directory, [key; 32], 1 << 20).unwrap()
    }

    fn code(bytes: &[u8]) -> MachineCode {
        MachineCode::from_trusted_source(bytes.to_vec())
    }

    #[test]
    fn a_stored_record_is_read_back_and_another_host_rejects_it() {
        let directory = tempfile::tempdir().unwrap();
        cache(directory.path(), 1).put(&COMPONENT, &code(b"code")).unwrap();
        assert_eq!(cache(directory.path(), 1).get(&COMPONENT).unwrap().as_bytes(), b"code");
        assert!(cache(directory.path(), 2).get(&COMPONENT).is_none());
        assert!(
            cache(directory.path(), 1).get(&COMPONENT).is_none(),
            "a record whose MAC does not verify is removed"
        );
    }

    #[test]
    fn a_cached_record_with_any_changed_bit_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path(), 1);
        cache.put(&COMPONENT, &code(b"code")).unwrap();
        let good = fs::read(cache.path(&COMPONENT)).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(cache.path(&COMPONENT), &bad).unwrap();
            assert!(cache.get(&COMPONENT).is_none(), "byte {position}");
        }
        fs::write(cache.path(&COMPONENT), &good[..good.len() - 1]).unwrap();
        assert!(cache.get(&COMPONENT).is_none());
    }

    #[test]
    fn valid_code_of_another_component_and_a_symbolic_link_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path(), 1);
        cache.put(&COMPONENT, &code(b"code")).unwrap();
        let other = [8; 32];
        fs::copy(cache.path(&COMPONENT), cache.path(&other)).unwrap();
        assert!(cache.get(&other).is_none());
        std::os::unix::fs::symlink(cache.path(&COMPONENT), cache.path(&other)).unwrap();
        assert!(cache.get(&other).is_none());
        assert!(cache.get(&COMPONENT).is_some());
    }

    #[test]
    fn records_that_a_killed_process_did_not_finish_are_removed_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let [old, new] = ["old.new", "new.new"].map(|name| directory.path().join(name));
        for (path, age) in [(&old, UNFINISHED_LIFE * 2), (&new, UNFINISHED_LIFE / 2)] {
            let file = File::create(path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        cache(directory.path(), 1);
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn the_oldest_records_are_evicted_when_the_cache_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let cache = MachineCodeCache::open(directory.path(), [1; 32], 200).unwrap();
        for number in 0..4_u8 {
            cache.put(&[number; 32], &code(&[0; 40])).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(number));
            if let Ok(file) = File::options().write(true).open(cache.path(&[number; 32])) {
                file.set_modified(time).unwrap();
            }
        }
        assert!(cache.get(&[0; 32]).is_none() && cache.get(&[3; 32]).is_some());
    }
}
