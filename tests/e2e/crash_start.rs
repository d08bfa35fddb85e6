//! The first start, killed at every durable step: keys, directories, migrations. The next start
//! finds each of them complete, or creates it.

use crate::crash::{prepared, release};
use crate::operator::Operator;
use alga_harness::{Server, fresh_database, program, rounds};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

const CALLS: [&str; 6] = [
    "fsync",
    "fdatasync",
    "pwrite64",
    "linkat,link",
    "renameat,rename,renameat2",
    "sendto",
];
/// Highest call number that is tested in one start.
const LAST: u64 = 400;

/// Returns whether the server was killed at the `count`th call of its start.
fn is_killed_at(directory: &Path, calls: &str, count: u64) -> bool {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"])
        .arg(format!("inject={calls}:signal=SIGKILL:when={count}"))
        .arg(program("alga"))
        .args([
            "serve",
            "--json",
            "--dev",
            "--port",
            "0",
            "--trust-bundle",
            "trust.json",
            "--config",
            "alga.toml",
        ]);
    let mut child = strace
        .process_group(0)
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let has_started = line.contains("http://");
    // Kills strace and the server, which may survive strace.
    Command::new("kill")
        .args(["-KILL", "--", &format!("-{}", child.id())])
        .status()
        .unwrap();
    child.wait().unwrap();
    !has_started
}

#[test]
fn a_server_killed_at_any_step_of_its_first_start_starts_the_next_time() {
    let is_long = rounds(0) > 0;
    let mut kills = 0;
    for calls in CALLS {
        let mut count = 1;
        while count <= LAST {
            let (directory, key) = prepared();
            let database = fresh_database().map(|url| format!("database = {url:?}\n"));
            fs::write(directory.join("alga.toml"), database.unwrap_or_default()).unwrap();
            let was_killed = is_killed_at(&directory, calls, count);
            let server = Server::start(&directory);
            let operator = Operator::of(&directory, &server);
            assert_eq!(
                operator.publish(&release(&key, count)).unwrap().status,
                201,
                "{calls} {count}"
            );
            drop(server);
            fs::remove_dir_all(directory).unwrap();
            if !was_killed {
                break;
            }
            kills += 1;
            count += if is_long { 1 } else { 2 * count };
        }
        println!("{calls}: killed up to call {}", count);
    }
    assert!(kills >= 5, "too few kills by strace: {kills}");
}
