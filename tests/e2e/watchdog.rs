//! A server that cannot enforce its limits ends itself, and one whose log is not read serves.

use crate::crash::prepared;
use crate::faults::Faults;
use crate::operator::Operator;
use alga_harness::{Release, Server, component};
use std::fs;
use std::os::unix::process::ExitStatusExt;

/// Returns the id of the thread of this name.
fn thread(process: u32, name: &str) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut paths = tasks.map(|task| task.unwrap().path());
    let found = paths.find(|path| fs::read_to_string(path.join("comm")).unwrap().trim() == name);
    found.unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn a_server_whose_clock_for_deadlines_stands_still_ends_itself() {
    let (directory, _) = prepared();
    let mut server = Server::start(&directory);
    let ticker = thread(server.id(), "guest-ticker");
    // In microseconds. strace reaps the thread when the delay is over.
    let fault = "delay_enter=5000000";
    let _stopped = Faults::attach_to_thread(ticker, "clock_nanosleep", fault);
    let status = server.wait();
    assert_eq!(status.signal(), Some(6), "{status}");
    let log = fs::read_to_string(directory.join("server.log")).unwrap();
    assert!(log.contains("the clock that ends executions stands still"), "{log}");
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_log_that_is_not_read_delays_no_request() {
    let (directory, key) = prepared();
    // A pipe of a page or more, which fills up at once.
    let (unread, written) = std::io::pipe().unwrap();
    let server = Server::start_logging_to(&directory, written.into());
    let operator = Operator::of(&directory, &server);
    let manifest = Release::manifest("com.example.flood", "1.0.0", &["cap:log.emit"]);
    let release = Release::new(&key, &manifest, &component("floods_the_log"));
    operator.publish(&release).unwrap().ok();
    operator.install(&release.install_request(&[])).unwrap().ok();
    for _ in 0..12 {
        let reply = operator.visit("/api/ext/com.example.flood/").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(operator.get("/healthz").unwrap().status, 200);
    let metrics = operator.get("/metrics").unwrap().text();
    // The process is confined, and reads what it opened before.
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("alga_log_lines_lost_total "));
    assert_ne!(lost.unwrap(), "0", "{metrics}");
    // It ends although its last lines cannot be written.
    assert!(server.terminate().success());
    drop(unread);
    fs::remove_dir_all(directory).unwrap();
}
