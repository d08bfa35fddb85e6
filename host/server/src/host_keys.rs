//! Keys of this host, in its data directory: generated once from the system's randomness, readable
//! by this user alone.

use crate::config::KeyFiles;
use alga_engine::create_private_directory;
use alga_signing::{Ed25519Key, SigningKey, VerifyingKey};
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

/// Keys of a process. Each is read when it is asked for, and created if it does not exist, so that
/// a process has only the keys that its role needs.
#[derive(Debug)]
pub struct HostKeys {
    directory: PathBuf,
    files: KeyFiles,
}

impl HostKeys {
    /// Refers to the keys in a data directory, which is created if it does not exist.
    ///
    /// # Errors
    /// [`HostKeyError`] if the directory cannot be created.
    pub fn open(directory: &Path) -> Result<Self, HostKeyError> {
        Self::with_files(directory, KeyFiles::default())
    }

    /// Like [`Self::open`], with files that are elsewhere.
    ///
    /// # Errors
    /// [`HostKeyError`] if the directory cannot be created.
    pub fn with_files(directory: &Path, files: KeyFiles) -> Result<Self, HostKeyError> {
        create_private_directory(directory).map_err(|source| in_file(directory, source))?;
        Ok(Self {
            directory: directory.to_path_buf(),
            files,
        })
    }

    /// Returns the key that authenticates cached machine code.
    ///
    /// # Errors
    /// [`HostKeyError`] if the file cannot be read or created, or is not a valid key; the same for
    /// every other key.
    pub fn machine_code(&self) -> Result<[u8; 32], HostKeyError> {
        key(&self.path(self.files.machine_code.as_ref(), "machine-code.key"))
    }

    /// Returns the key that authenticates cursors of lists.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn cursors(&self) -> Result<[u8; 32], HostKeyError> {
        key(&self.path(self.files.cursors.as_ref(), "cursors.key"))
    }

    /// Returns the keys that seal secrets of installs if no external service does, the newest
    /// first.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn sealing(&self) -> Result<Zeroizing<String>, HostKeyError> {
        token(&self.path(self.files.secrets.as_ref(), "secrets.key"))
    }

    /// Returns the key of callers' tokens, with which `alga token` also issues them.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn callers(&self) -> Result<Ed25519Key, HostKeyError> {
        let path = self.directory.join("tokens.key");
        let key = signing_key(&path)?;
        self.publish("tokens.pub", &signing_key(&path)?)?;
        Ok(key)
    }

    /// Returns the public keys that verify callers' tokens: those of the host applications that
    /// sign tokens for their users, or else of this host.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn callers_public(&self) -> Result<Vec<[u8; 32]>, HostKeyError> {
        match &self.files.caller_public {
            Some(path) => public_keys(path),
            None => Ok(vec![self.callers()?.public_bytes()]),
        }
    }

    /// Returns the key that signs service tokens, and writes its public half beside it.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn service(&self) -> Result<Ed25519Key, HostKeyError> {
        let path = self.path(self.files.service.as_ref(), "service.key");
        let key = signing_key(&path)?;
        self.publish("service.pub", &signing_key(&path)?)?;
        Ok(key)
    }

    /// Returns the public keys that verify service tokens.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn service_public(&self) -> Result<Vec<[u8; 32]>, HostKeyError> {
        match &self.files.service_public {
            Some(path) => public_keys(path),
            None => Ok(vec![self.service()?.public_bytes()]),
        }
    }

    /// Returns the key that signs the registry's receipts, and writes its public half beside it.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn registry(&self) -> Result<Arc<SigningKey>, HostKeyError> {
        let key = signing_key(&self.directory.join("registry.key"))?;
        self.publish("registry.pub", &signing_key(&self.directory.join("registry.key"))?)?;
        Ok(Arc::new(SigningKey::Ed25519(key)))
    }

    /// Returns the public key that verifies receipts.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn registry_public(&self) -> Result<VerifyingKey, HostKeyError> {
        let Some(path) = &self.files.registry_public else {
            return Ok(self.registry()?.verifying_key());
        };
        let text = read(path).map_err(|source| in_file(path, source))?;
        VerifyingKey::from_pem(&text).map_err(|error| in_file(path, io::Error::other(error)))
    }

    /// Returns the operator's token.
    ///
    /// # Errors
    /// [`HostKeyError`], as [`Self::machine_code`].
    pub fn administrator(&self) -> Result<Zeroizing<String>, HostKeyError> {
        token(&self.directory.join("admin.token"))
    }

    fn path(&self, given: Option<&PathBuf>, name: &str) -> PathBuf {
        given.cloned().unwrap_or_else(|| self.directory.join(name))
    }

    /// Writes the public half of a key, for the processes that verify its signatures.
    fn publish(&self, name: &str, key: &Ed25519Key) -> Result<(), HostKeyError> {
        let path = self.directory.join(name);
        let error = |source| in_file(&path, source);
        let pem = key.public_pem().map_err(|cause| error(io::Error::other(cause)))?;
        if read(&path).is_ok_and(|present| *present == pem.trim()) {
            return Ok(());
        }
        std::fs::remove_file(&path).ok();
        match write_new(&path, pem.trim()) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(error(source)),
            _ => Ok(()),
        }
    }
}

/// Reads the Ed25519 public keys of a PEM file; two during a rotation.
fn public_keys(path: &Path) -> Result<Vec<[u8; 32]>, HostKeyError> {
    let text = read(path).map_err(|source| in_file(path, source))?;
    let blocks = text.split_inclusive("-----END PUBLIC KEY-----");
    let keys =
        blocks
            .filter(|block| !block.trim().is_empty())
            .map(|block| match VerifyingKey::from_pem(block.trim()) {
                Ok(VerifyingKey::Ed25519(key)) => Ok(key.to_bytes()),
                Ok(VerifyingKey::P256(_)) => Err(in_file(path, io::Error::other("a key is not an Ed25519 key"))),
                Err(error) => Err(in_file(path, io::Error::other(error))),
            });
    keys.collect()
}

fn in_file(path: &Path, source: io::Error) -> HostKeyError {
    HostKeyError {
        path: path.to_path_buf(),
        source,
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
    let in_file = |source| in_file(path, source);
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
        let machine_code = first.machine_code().unwrap();
        assert_eq!(machine_code, second.machine_code().unwrap());
        assert_eq!(
            first.callers().unwrap().public_bytes(),
            second.callers().unwrap().public_bytes()
        );
        assert_eq!(*first.administrator().unwrap(), *second.administrator().unwrap());
        assert_ne!(machine_code, first.cursors().unwrap());
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
        }
    }

    #[test]
    fn a_runner_reads_public_keys_and_creates_no_key_of_another_part() {
        let (parts, runner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = HostKeys::open(parts.path()).unwrap();
        let (service, registry) = (keys.service().unwrap(), keys.registry().unwrap());
        let files = KeyFiles {
            service_public: Some(parts.path().join("service.pub")),
            registry_public: Some(parts.path().join("registry.pub")),
            ..KeyFiles::default()
        };
        let keys = HostKeys::with_files(runner.path(), files).unwrap();
        assert_eq!(keys.service_public().unwrap(), [service.public_bytes()]);
        assert_eq!(keys.registry_public().unwrap(), registry.verifying_key());
        assert_eq!(std::fs::read_dir(runner.path()).unwrap().count(), 0);
    }
}
