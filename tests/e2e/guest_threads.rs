//! Guests that compute run on threads to which the operating system prefers all others.

use crate::platform::{Guest, Platform};
use alga_harness::{MockServer, ServerOptions};
use std::fs;

/// A thread as the operating system counts it.
#[derive(Debug)]
struct Thread {
    name: String,
    /// Processor time in clock ticks, mostly of 10 ms.
    used: u64,
    niceness: i64,
}

/// Reads all threads of a process (`proc_pid_stat(5)`).
fn threads(process: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            // None if the thread has ended since.
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(") ").unwrap();
            // From the third field on.
            let fields: Vec<&str> = rest.split(' ').collect();
            let number = |field: usize| fields[field - 3].parse::<i64>().unwrap();
            Some(Thread {
                name: name.to_owned(),
                used: u64::try_from(number(14) + number(15)).unwrap(),
                niceness: number(19),
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_computes_is_moved_to_threads_that_are_nice() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let loops = platform.install(&Guest::new("loops_forever"));
    let short = platform.install(&Guest::new("answers_ok"));
    let used = |is_guest: bool| {
        let threads = threads(platform.id());
        let of = threads.iter().filter(|thread| (thread.name == "guest") == is_guest);
        of.map(|thread| thread.used).sum::<u64>()
    };
    platform.call(&short, "/");
    let before = [used(true), used(false)];
    let response = platform.call(&loops, "/");
    assert!(response.contains("deadline_exceeded"), "{response}");
    let [guests, others] = [used(true) - before[0], used(false) - before[1]];
    assert!(guests > others, "{guests} ticks of guest threads, {others} of others");
    assert_eq!(platform.operator().get("/healthz").unwrap().status, 200);
    for thread in threads(platform.id()) {
        let nice = if thread.name == "guest" { 5 } else { 0 };
        assert_eq!(thread.niceness, nice, "{thread:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_thread_of_a_server_is_confined() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let loops = platform.install(&Guest::new("loops_forever"));
    platform.call(&loops, "/");
    let tasks = fs::read_dir(format!("/proc/{}/task", platform.id())).unwrap();
    for task in tasks {
        let Ok(status) = fs::read_to_string(task.unwrap().path().join("status")) else {
            continue;
        };
        let has = |line: &str| status.lines().any(|other| other == line);
        assert!(has("Seccomp:\t2") && has("NoNewPrivs:\t1"), "{status}");
    }
}
