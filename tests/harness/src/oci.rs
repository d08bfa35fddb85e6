//! Real OCI registry: Debian's docker-registry, which serves a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// OCI registry; it stops when this value is dropped.
pub struct OciRegistry {
    directory: TempDir,
    child: Child,
    host: String,
}

impl OciRegistry {
    /// Starts the registry on a free port of loopback.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\n  delete: {{ enabled: true }}\nhttp: {{ addr: '127.0.0.1:0' }}\n",
            data.display()
        );
        fs::write(directory.path().join("config.yml"), config).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(directory.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed; `cargo xtask test` does that");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines
            .find_map(|line| line.ok().filter(|line| line.contains("listening on")))
            .expect("it listens");
        let host = line
            .split("listening on ")
            .nth(1)
            .unwrap()
            .split(['"', ','])
            .next()
            .unwrap()
            .to_owned();
        // The registry would block if its log were not read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { directory, child, host }
    }

    /// Returns the address `127.0.0.1:port`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path of the file in which the registry stores a blob.
    #[must_use]
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.directory.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
