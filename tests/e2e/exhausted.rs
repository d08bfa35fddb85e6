//! The real server on a full disk, without free file descriptors, and on a disk that fails:
//! requests may fail, the process does not, and afterwards everything works.

use crate::crash::prepared;
use crate::faults::Faults;
use crate::operator::Operator;
use alga_harness::{Release, Server, component, rounds};
use alga_registry_types::verify_audit;
use alga_signing::SigningKey;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// System calls of files alone, and the error that they return: the runtime's own calls, such as a
/// `write` that wakes a thread, do not fail on any disk.
const FAULTS: [(&str, &str); 3] = [
    (
        "pwrite64,ftruncate,fallocate,rename,renameat,renameat2,linkat,mkdir",
        "ENOSPC",
    ),
    ("fsync,fdatasync", "EIO"),
    ("pwrite64,pread64", "EIO"),
];
/// Number of calls in a row that fail.
const IN_A_ROW: u64 = 5;
/// Highest number of the first call that fails.
const LAST: u64 = 80;
/// Size of the full disk in MiB.
const DISK_MIB: u64 = 64;

fn release(key: &SigningKey, number: u64) -> Release {
    let capabilities = ["cap:log.emit", "cap:storage.kv"];
    let manifest = Release::manifest("com.example.exhausted", &format!("1.0.{number}"), &capabilities);
    // Another custom section makes another component, whose machine code is not cached yet.
    let mut component = component("storage_works");
    component.extend([0, 10, 1, b'n']);
    component.extend(number.to_le_bytes());
    Release::new(key, &manifest, &component)
}

/// Publishes, installs, executes and reads; each of them may fail.
fn use_everything(operator: &Operator, release: &Release) {
    operator.publish(release);
    operator.install(&release.install_request(&["cap:storage.kv"]));
    for path in ["/", "/again"] {
        operator.visit(&format!("/api/ext/{}{path}", release.name));
    }
    operator.get(&format!(
        "/v1/registry/tenants/demo/installs/{}/executions",
        release.name
    ));
}

/// Asserts that the server works as if nothing had happened.
fn works(operator: &Operator, release: &Release, what: &str) {
    let ready = operator.get("/readyz").unwrap();
    assert_eq!(ready.status, 200, "{what}: {}", ready.text());
    operator.publish(release).unwrap().ok();
    let reply = operator.visit(&format!("/api/ext/{}/", release.name));
    let reply = reply.unwrap_or_else(|| panic!("{what}: no response"));
    if reply.status == 404 {
        let installed = operator.install(&release.install_request(&["cap:storage.kv"]));
        installed.unwrap().ok();
    }
    let reply = operator.visit(&format!("/api/ext/{}/", release.name)).unwrap();
    assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    let audit = operator.operate(&verify_audit()).unwrap().ok();
    assert_eq!(audit.broken_at, None, "{what}");
}

#[test]
fn a_disk_that_fails_at_any_call_fails_requests_and_not_the_server() {
    let (directory, key) = prepared();
    let server = Server::start(&directory);
    let is_long = rounds(0) > 0;
    let mut number = 0;
    works(&Operator::of(&directory, &server), &release(&key, number), "at first");
    for faults in FAULTS {
        let mut first = 1;
        while first <= LAST {
            number += 1;
            let release = release(&key, number);
            let ((calls, error), last) = (faults, first + IN_A_ROW);
            let fault = format!("error={error}:when={first}..{last}");
            let injected = Faults::attach(&server, calls, &fault);
            // Connections that failed are not used again.
            use_everything(&Operator::of(&directory, &server), &release);
            injected.detach();
            works(
                &Operator::of(&directory, &server),
                &release,
                &format!("{faults:?} from {first}"),
            );
            first += if is_long { IN_A_ROW } else { first.max(IN_A_ROW) };
        }
    }
    assert!(server.terminate().success());
    fs::remove_dir_all(directory).unwrap();
}

/// A small disk in memory, which is removed when it is dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(directory: &'a Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "none"])
            .arg(directory)
            .status();
        assert!(
            mounted.unwrap().success(),
            "this test mounts a disk, which only root may"
        );
        Self(directory)
    }

    /// Fills the disk, and returns the file that does.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.join("full");
        let mut file = File::create(&path).unwrap();
        for block in [1024 * 1024, 4096, 1] {
            let bytes = vec![1; block];
            let full = (0..).find_map(|_| file.write_all(&bytes).err()).unwrap();
            assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        }
        path
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().unwrap();
    }
}

#[test]
fn a_full_disk_fails_what_writes_and_what_is_loaded_continues() {
    let (directory, key) = prepared();
    let disk = Disk::mount(&directory);
    let trust = alga_signing::TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
    fs::write(directory.join("trust.json"), trust.to_json().unwrap()).unwrap();
    let server = Server::start(&directory);
    let operator = Operator::of(&directory, &server);
    let release_0 = release(&key, 0);
    works(&operator, &release_0, "at first");
    let full = disk.fill();
    // The log is on this disk, too, and is not written either.
    for number in 1..10 {
        use_everything(&operator, &release(&key, number));
        let called = operator.visit(&format!("/api/ext/{}/", release_0.name));
        assert!(called.is_some(), "it responds, if only with an error of its storage");
        let health = operator.get("/healthz").unwrap();
        assert_eq!(health.status, 200);
    }
    fs::remove_file(full).unwrap();
    works(&operator, &release_0, "when there is space again");
    works(&operator, &release(&key, 10), "when there is space again");
    assert!(server.terminate().success());
    drop(disk);
    fs::remove_dir_all(directory).unwrap();
}

/// Limits the number of files that a process may open.
fn limit_files(server: &Server, files: usize) {
    let limited = Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), &format!("--nofile={files}:")])
        .status();
    assert!(limited.unwrap().success());
}

#[test]
fn missing_file_descriptors_fail_requests_and_not_the_server() {
    let (directory, key) = prepared();
    let server = Server::start(&directory);
    let operator = Operator::of(&directory, &server);
    works(&operator, &release(&key, 0), "at first");
    for spare in 0..6 {
        let release = release(&key, spare + 1);
        let open = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
        limit_files(&server, open + usize::try_from(spare).unwrap());
        // On the connection that is open, and on new ones, which cannot be accepted.
        use_everything(&operator, &release);
        let waiting: Vec<_> = (0..4)
            .map(|_| std::net::TcpStream::connect(server.address().strip_prefix("http://").unwrap()).unwrap())
            .collect();
        limit_files(&server, 1_024);
        drop(waiting);
        works(
            &Operator::of(&directory, &server),
            &release,
            &format!("{spare} spare files"),
        );
    }
    assert!(server.terminate().success());
    fs::remove_dir_all(directory).unwrap();
}
