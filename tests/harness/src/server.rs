use crate::{fresh_database, program};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A platform as a process of its own.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts `alga serve` in this folder, which holds `trust.json`; its log goes to `server.log`. With an `alga.toml` there, that holds, too.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::start_logging(folder, "info")
    }

    /// The same, logging this, in the form of `RUST_LOG`.
    #[must_use]
    pub fn start_logging(folder: &Path, log: &str) -> Self {
        let config = folder.join("alga.toml");
        if !config.exists() {
            let database = fresh_database().map(|url| format!("database = {url:?}\n"));
            fs::write(&config, database.unwrap_or_default()).unwrap();
        }
        let mut child = Command::new(program("alga"))
            .args([
                "serve",
                "--json",
                "--dev",
                "--dev-tenant",
                "demo",
                "--port",
                "0",
                "--log",
                log,
            ])
            .args(["--trust-bundle", "trust.json", "--config", "alga.toml"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(folder.join("server.log"))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .find_map(|line| line.ok().filter(|line| line.contains("http://")))
            .expect("the server started");
        let address = line
            .split('"')
            .find(|word| word.starts_with("http://"))
            .unwrap()
            .to_owned();
        Self { child, address }
    }

    /// As an operator stops it.
    #[must_use]
    pub fn terminate(mut self) -> std::process::ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap()
    }

    /// Kills it as nothing else can: no handler runs, nothing is finished.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `http://host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn host(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// What it answers to these bytes, until it closes.
    #[must_use]
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.write_all(request).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).ok();
        response
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
