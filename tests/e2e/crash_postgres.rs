//! Postgres itself, killed while releases are published, and restarted. The server survives it.

use crate::crash::{is_whole, prepared, release};
use crate::operator::Operator;
use alga_harness::{Server, query, rounds};
use alga_registry_types::verify_audit;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A Postgres that may be killed, as described by the environment variables of `cargo xtask test`.
struct Victim {
    url: String,
    programs: PathBuf,
    data: PathBuf,
}

impl Victim {
    fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let name = format!("victim_{}", std::process::id());
        let template = variable("ALGA_TEST_VICTIM")?;
        query(&template.replace("{}", "postgres"), &format!("CREATE DATABASE {name}"));
        Some(Self {
            url: template.replace("{}", &name),
            programs: variable("ALGA_TEST_VICTIM_PROGRAMS")?.into(),
            data: variable("ALGA_TEST_VICTIM_DATA")?.into(),
        })
    }

    /// Kills the postmaster and all its children at once: nothing is flushed, and no client is
    /// notified.
    fn kill(&self) {
        let pid = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        // Stopped first, so that it does not start recovery while its children die.
        Command::new("kill").args(["-STOP", &pid]).status().unwrap();
        Command::new("pkill").args(["-KILL", "-P", &pid]).status().unwrap();
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    }

    /// Restarts it with the same options; it refuses to start while a process of the previous run
    /// still exists.
    fn start(&self) {
        let begun = Instant::now();
        while !self.starts() {
            assert!(begun.elapsed() < Duration::from_secs(60), "Postgres does not come back");
        }
    }

    fn starts(&self) -> bool {
        let mut start = Command::new("runuser");
        start
            .args(["--user", "postgres", "--"])
            .arg(self.programs.join("pg_ctl"));
        let options = fs::read_to_string(self.data.join("postmaster.opts")).unwrap();
        // `pg_ctl` adds the program and the data directory itself.
        let options = options.split_whitespace().skip(3);
        let options: Vec<_> = options.map(|option| option.replace('"', "'")).collect();
        let log = self.data.with_file_name("log");
        let started = start
            .args(["start", "--wait", "--silent", "--log"])
            .arg(log)
            .arg("--pgdata")
            .arg(&self.data)
            .args(["--options", &options.join(" ")])
            .current_dir("/")
            .output();
        started.unwrap().status.success()
    }
}

#[test]
fn acknowledged_publishes_survive_a_kill_of_postgres() {
    // On the run with SQLite, there is no server to kill.
    let Some(victim) = Victim::from_environment() else {
        return;
    };
    let (directory, key) = prepared();
    fs::write(directory.join("alga.toml"), format!("database = {:?}\n", victim.url)).unwrap();
    let server = Server::start(&directory);
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let mut number = 0;
    for round in 0..rounds(3) {
        let stop = Arc::new(AtomicBool::new(false));
        let publisher = {
            let (operator, key, stop) = (Operator::of(&directory, &server), Arc::clone(&key), Arc::clone(&stop));
            let acknowledged = Arc::clone(&acknowledged);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let reply = operator.publish(&release(&key, number)).expect("the server lives");
                    match reply.status.as_u16() {
                        200 | 201 => drop(acknowledged.lock().unwrap().insert(number)),
                        status => assert!(status >= 500 && !reply.code().is_empty(), "{status} {}", reply.text()),
                    }
                    number += 1;
                }
                number
            })
        };
        let moment = Instant::now();
        let enough = acknowledged.lock().unwrap().len() + 3;
        while acknowledged.lock().unwrap().len() < enough && moment.elapsed() < Duration::from_secs(60) {
            std::thread::yield_now();
        }
        victim.kill();
        victim.start();
        stop.store(true, Ordering::Relaxed);
        number = publisher.join().unwrap();
        let operator = Operator::of(&directory, &server);
        for number in acknowledged.lock().unwrap().iter() {
            let release = release(&key, *number);
            let row = operator
                .version(&release)
                .unwrap_or_else(|| panic!("round {round}: publish {number} is missing"));
            is_whole(&directory, &row, &release);
        }
        assert_eq!(operator.operate(&verify_audit()).unwrap().ok().broken_at, None);
        let again = operator.publish(&release(&key, number)).unwrap();
        assert!(again.status.is_success(), "{}", again.text());
        number += 1;
    }
}
