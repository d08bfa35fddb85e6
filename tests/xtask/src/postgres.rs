//! Private Postgres for a run of the tests: installed from Debian's package if it is missing, with
//! a data directory and a socket of its own, removed at the end.

use crate::debian::install;
use crate::shell::{Outcome, output};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Owner of the server's files; `initdb` refuses to run as root.
const SYSTEM_USER: &str = "postgres";

pub(crate) struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
}

impl Postgres {
    pub(crate) fn start(name: &str) -> Outcome<Self> {
        let programs = programs()?;
        // Socket paths have at most 107 characters, so the directory is not below the target
        // directory.
        let directory = std::env::temp_dir().join(format!("alga-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
        let server = Self { programs, directory };
        server.run(
            "initdb",
            &[
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--pgdata",
            ],
            &server.data(),
        )?;
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=300",
            server.directory.display()
        );
        let log = server.directory.join("log");
        server.run(
            "pg_ctl",
            &[
                "start",
                "--wait",
                "--silent",
                "--options",
                &options,
                "--log",
                &log.display().to_string(),
                "--pgdata",
            ],
            &server.data(),
        )?;
        // As in production: a role that row-level security applies to.
        let create = [
            "--quiet",
            "--username=postgres",
            "--dbname=postgres",
            "--command=CREATE ROLE alga LOGIN CREATEDB",
            "--host",
        ];
        output(Command::new("psql").args(create).arg(&server.directory))?;
        Ok(server)
    }

    /// Returns the URL of a database; `{}` stands for its name.
    pub(crate) fn url(&self) -> String {
        format!("postgres://alga@localhost/{{}}?host={}", self.directory.display())
    }

    /// Returns the environment variables that a test needs to kill and restart this server.
    pub(crate) fn as_victim(&self) -> [(&'static str, String); 3] {
        [
            ("ALGA_TEST_VICTIM", self.url()),
            ("ALGA_TEST_VICTIM_PROGRAMS", self.programs.display().to_string()),
            ("ALGA_TEST_VICTIM_DATA", self.data().display().to_string()),
        ]
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn run(&self, program: &str, arguments: &[&str], last: &Path) -> Outcome<String> {
        let program = self.programs.join(program);
        let is_root = rustix::process::geteuid().is_root();
        let mut command = if is_root {
            let mut command = Command::new("runuser");
            command.args(["--user", SYSTEM_USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // `pg_ctl start --log` redirects the output of the server, which would otherwise hold this
        // pipe open.
        output(command.args(arguments).arg(last).current_dir("/"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run(
            "pg_ctl",
            &["stop", "--mode=immediate", "--silent", "--pgdata"],
            &self.data(),
        )
        .ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Returns the directory of the newest server programs.
fn programs() -> Outcome<PathBuf> {
    if let Some(found) = newest() {
        return Ok(found);
    }
    install(&["postgresql", "postgresql-client"])?;
    newest().ok_or_else(|| "Postgres is not installed; `apt-get install postgresql`".into())
}

fn newest() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs.filter(|directory| directory.join("initdb").exists()).max()
}
