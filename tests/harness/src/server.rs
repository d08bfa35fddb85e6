use crate::{fresh_database, program};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Platform that runs as a separate process.
pub struct Server {
    child: Child,
    address: String,
}

/// Options for starting a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions<'a> {
    /// Log filter, in the syntax of `RUST_LOG`.
    pub log: &'a str,
    /// User that the process runs as; none: the user of the test.
    pub user: Option<u32>,
    /// Environment variables to set, in addition to those of the test.
    pub variables: &'a [(&'a str, &'a str)],
}

impl Default for ServerOptions<'_> {
    fn default() -> Self {
        Self {
            log: "info",
            user: None,
            variables: &[],
        }
    }
}

/// Copies the programs for another user, who may have no access to the directory they were built
/// in, and makes that user the owner of every file in `directory`.
fn as_user(directory: &Path, user: u32) -> Command {
    for name in ["alga", "alga-compiler"] {
        fs::copy(program(name), directory.join(name)).unwrap();
    }
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.chain([directory.to_path_buf()]) {
        std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    }
    let mut command = Command::new(directory.join("alga"));
    command.uid(user).gid(user);
    command
}

impl Server {
    /// Starts `alga serve` in this directory, which contains `trust.json`; the log is written to
    /// `server.log`. An `alga.toml` in the directory is used, too.
    #[must_use]
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, &ServerOptions::default())
    }

    /// Starts `alga serve` in this directory with options.
    #[must_use]
    pub fn start_with(directory: &Path, options: &ServerOptions<'_>) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(directory.join("server.log"));
        Self::launch(directory, options, log.unwrap().into())
    }

    /// Starts `alga serve` in this directory; its log is written here.
    #[must_use]
    pub fn start_logging_to(directory: &Path, log: Stdio) -> Self {
        Self::launch(directory, &ServerOptions::default(), log)
    }

    fn launch(directory: &Path, options: &ServerOptions<'_>, standard_error: Stdio) -> Self {
        let config = directory.join("alga.toml");
        if !config.exists() {
            let database = fresh_database().map(|url| format!("database = {url:?}\n"));
            fs::write(&config, database.unwrap_or_default()).unwrap();
        }
        let mut command = match options.user {
            None => Command::new(program("alga")),
            Some(user) => as_user(directory, user),
        };
        let log = options.log;
        let mut child = command
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
            .current_dir(directory)
            .envs(options.variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(standard_error)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .find_map(|line| line.ok().filter(|line| line.contains("http://")))
            .unwrap_or_else(|| panic!("{}", fs::read_to_string(directory.join("server.log")).unwrap()));
        let address = line
            .split('"')
            .find(|word| word.starts_with("http://"))
            .unwrap()
            .to_owned();
        Self { child, address }
    }

    /// Stops the server as an operator does, with SIGTERM.
    #[must_use]
    pub fn terminate(mut self) -> std::process::ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap()
    }

    /// Kills the server with SIGKILL: no handler runs and nothing in progress is completed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the server exits by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the address `http://host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn host(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// Sends these bytes and returns everything that the server sends until it closes the
    /// connection.
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
