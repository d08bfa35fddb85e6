//! A gateway in a process of its own, on the core of its runner.

use crate::load::on_core;
use crate::servers::Stored;
use alga_server::{Config, Listener, Platform, ServeLimits, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CORE: usize = 0;

/// The process; it ends when this is dropped.
pub(crate) struct OwnGateway {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl OwnGateway {
    /// Starts a gateway with this data directory and database, which calls this runner. Only
    /// Postgres is shared by several processes.
    pub(crate) fn start((directory, database): &Stored, runner: SocketAddr) -> Self {
        let database = database.as_ref().expect("ALGA_TEST_POSTGRES is set");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("own-gateway")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let order = json!({ "directory": directory, "database": database, "runner": format!("http://{runner}") });
        writeln!(child.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse();
        let address = address.unwrap_or_else(|_| panic!("the gateway ended early: {line}"));
        Self { child, address }
    }
}

impl Drop for OwnGateway {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// Serves a gateway for the parent process, until that closes the input.
pub(crate) fn serve_parent() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let order: Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| order[name].as_str().unwrap().to_owned();
    let flags = BTreeMap::from([
        ("data".to_owned(), text("directory")),
        ("database".to_owned(), text("database")),
        ("dev".to_owned(), "true".to_owned()),
        ("role".to_owned(), "gateway".to_owned()),
        ("runner_base_url".to_owned(), text("runner")),
        ("gateway_requests_per_second".to_owned(), "1000000".to_owned()),
    ]);
    on_core(CORE, async move || {
        let config = Config::load(&flags, &|_| None, None).unwrap();
        let platform = Platform::start(&config).await.unwrap();
        let limits = ServeLimits::default();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
        println!("{}", listener.local_addr().unwrap());
        let ended = async {
            tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
                .await
                .ok();
        };
        let limits = ServeLimits {
            drain: Duration::ZERO,
            ..limits
        };
        serve(listener, platform.router.clone(), limits, ended).await.unwrap();
    })
    .join()
    .unwrap();
}
