//! Keys of this host, in its data directory: generated once from the system's randomness, readable
//! by this user alone.

use alga_engine::create_private_directory;
use alga_signing::{Ed25519Key, SigningKey};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Error when reading or creating a key file.
#[derive(Debug, thiserror::Error)]
#[error("the key file `{}`", path.display())]
pub struct HostKeyError {
    path: PathBuf,
    source: io::Error,
}

/// All keys of a host.
pub struct HostKeys {
    /// Authenticates machine code of this host.
    pub machine_code: [u8; 32],
    /// Authenticates cursors of lists.
    pub cursors: [u8; 32],
    /// Signs service tokens and, for tests, callers' tokens.
    pub tokens: Ed25519Key,
    /// Seals secrets of installs if no external service does.
    pub sealing: Zeroizing<String>,
    /// Signs the registry's receipts.
    pub registry: Arc<SigningKey>,
    /// The operator's token.
    pub administrator: Zeroizing<String>,
}

impl HostKeys {
    /// Reads the keys, and creates those that do not exist.
    ///
    /// # Errors
    /// [`HostKeyError`] if a file cannot be read or created, or its content is not a valid key.
    pub fn open(directory: &Path) -> Result<Self, HostKeyError> {
        create_private_directory(directory).map_err(|source| HostKeyError {
            path: directory.to_path_buf(),
            source,
        })?;
        Ok(Self {
            machine_code: key(&directory.join("machine-code.key"))?,
            cursors: key(&directory.join("cursors.key"))?,
            sealing: token(&directory.join("secrets.key"))?,
            tokens: signing_key(&directory.join("tokens.key"))?,
            registry: Arc::new(SigningKey::Ed25519(signing_key(&directory.join("registry.key"))?)),
            administrator: token(&directory.join("admin.token"))?,
        })
    }
}

fn key(path: &Path) -> Result<[u8; 32], HostKeyError> {
    let digits = token(path)?;
    let mut bytes = [0; 32];
    let decoded = hex::decode_to_slice(digits.as_bytes(), &mut bytes);
    decoded.map(|()| bytes).map_err(|error| HostKeyError {
        path: path.to_path_buf(),
        source: io::Error::other(error),
    })
}

/// Reads or creates a file with 64 random hexadecimal digits.
fn token(path: &Path) -> Result<Zeroizing<String>, HostKeyError> {
    read_or_make(path, || {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
        Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
    })
}

fn signing_key(path: &Path) -> Result<Ed25519Key, HostKeyError> {
    let pem = read_or_make(path, || {
        Ed25519Key::generate()
            .and_then(|key| key.to_pem())
            .map_err(io::Error::other)
    })?;
    Ed25519Key::from_pem(&pem).map_err(|error| HostKeyError {
        path: path.to_path_buf(),
        source: io::Error::other(error),
    })
}

fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> io::Result<Zeroizing<String>>,
) -> Result<Zeroizing<String>, HostKeyError> {
    let in_file = |source| HostKeyError {
        path: path.to_path_buf(),
        source,
    };
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other.map_err(in_file),
    }
    let secret = make().map_err(in_file)?;
    match write_new(path, &secret) {
        Ok(()) => Ok(secret),
        // Another process of this host created the file first; its key is used.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path).map_err(in_file),
        Err(error) => Err(in_file(error)),
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.read_to_string(&mut text)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Writes a key file completely and synced, or not at all: a partial key would lock all callers
/// out.
fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = writeln!(file, "{secret}")
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary).ok();
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_only_their_user_can_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let first = HostKeys::open(directory.path()).unwrap();
        let second = HostKeys::open(directory.path()).unwrap();
        assert_eq!(first.machine_code, second.machine_code);
        assert_eq!(first.tokens.public_bytes(), second.tokens.public_bytes());
        assert_eq!(*first.administrator, *second.administrator);
        assert_ne!(first.machine_code, first.cursors);
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
