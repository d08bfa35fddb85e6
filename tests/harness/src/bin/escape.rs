//! Does what code of a guest would try that has escaped from its sandbox, in a process that is
//! confined as `alga serve` confines itself. Prints a JSON object: each attempt with `done`, or
//! with the number of its error.
//!
//! Arguments: settings as `key=value`, and `victim=PID`, a process to attack.

use alga_server::{Config, confine_files, confine_system_calls};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

fn main() {
    let mut flags: BTreeMap<String, String> = std::env::args()
        .skip(1)
        .map(|argument| {
            let (key, value) = argument.split_once('=').unwrap();
            (key.to_owned(), value.to_owned())
        })
        .collect();
    let victim: i64 = flags.remove("victim").unwrap().parse().unwrap();
    let config = Config::load(&flags, &|_| None, None).unwrap();
    fs::create_dir_all(&config.data).unwrap();
    fs::copy("/bin/true", config.data.join("program")).unwrap();
    confine_files(&config).unwrap();
    // As the thread of a runtime: started before the filter of system calls is there.
    let (go, is_confined) = channel();
    let attempts = thread::spawn({
        let config = config.clone();
        move || {
            let listener: TcpListener = is_confined.recv().unwrap();
            let mut results = all(&config, victim);
            results.extend(needed(&config, &listener));
            results
        }
    });
    let listener = TcpListener::bind(config.listen).unwrap();
    confine_system_calls(&config).unwrap();
    go.send(listener).unwrap();
    let mut results = attempts.join().unwrap();
    if let Some(compiler) = &config.compiler {
        results.insert("compiler".to_owned(), result(Command::new(compiler).output()));
    }
    println!("{}", Value::Object(results));
}

fn result<T>(done: io::Result<T>) -> Value {
    match done {
        Ok(_) => json!("done"),
        Err(error) => json!(error.raw_os_error().unwrap_or(-1)),
    }
}

/// Calls the kernel with these numbers. None of them is the address of anything.
fn call(number: i64, arguments: [i64; 4]) -> io::Result<i64> {
    let [one, two, three, four] = arguments;
    #[expect(unsafe_code, reason = "libraries offer no safe form of most of these calls")]
    // SAFETY: Where the kernel expects an address there is a null pointer, which it refuses.
    let returned = unsafe { libc::syscall(number, one, two, three, four) };
    match returned {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// Attempts at what no part of the platform needs.
fn all(config: &Config, victim: i64) -> Map<String, Value> {
    let outside = std::env::temp_dir().join(format!("alga-escape-{}", std::process::id()));
    let mut results = Map::new();
    let mut attempt = |name: &str, value: Value| results.insert(name.to_owned(), value);
    attempt("read passwd", result(fs::read("/etc/passwd")));
    attempt(
        "read environment of victim",
        result(fs::read(format!("/proc/{victim}/environ"))),
    );
    attempt(
        "read memory of victim",
        result(File::open(format!("/proc/{victim}/mem"))),
    );
    attempt("list root", result(fs::read_dir("/")));
    attempt("write outside", result(fs::write(&outside, b"x")));
    attempt(
        "link from outside",
        result(fs::hard_link("/etc/passwd", config.data.join("passwd"))),
    );
    attempt("execute", result(Command::new("/bin/true").status()));
    attempt(
        "execute own file",
        result(Command::new(config.data.join("program")).status()),
    );
    attempt("listen", result(TcpListener::bind("127.0.0.1:0")));
    attempt("listen on configured port", result(TcpListener::bind(config.listen)));
    let socket = config.data.join("socket");
    attempt("listen on unix", result(std::os::unix::net::UnixListener::bind(socket)));
    attempt("signal victim", result(call(libc::SYS_kill, [victim, 0, 0, 0])));
    let attach = i64::from(libc::PTRACE_SEIZE);
    attempt("trace victim", result(call(libc::SYS_ptrace, [attach, victim, 0, 0])));
    attempt(
        "netlink socket",
        result(call(libc::SYS_socket, [i64::from(libc::AF_NETLINK), 3, 0, 0])),
    );
    attempt(
        "packet socket",
        result(call(libc::SYS_socket, [i64::from(libc::AF_PACKET), 3, 0, 0])),
    );
    let memory = call(libc::SYS_memfd_create, [c"x".as_ptr() as i64, 0, 0, 0]).unwrap_or(-1);
    let empty = c"".as_ptr() as i64;
    attempt(
        "execute memory",
        result(call(libc::SYS_execveat, [memory, empty, 0, 0])),
    );
    let loader = Command::new("/lib64/ld-linux-x86-64.so.2").arg("--version").output();
    attempt("execute loader", result(loader));
    attempt(
        "unix socket",
        result(call(libc::SYS_socket, [i64::from(libc::AF_UNIX), 1, 0, 0])),
    );
    let user = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    attempt("clone into namespace", result(cloned(user)));
    attempt("clone3", result(call(libc::SYS_clone3, [0, 0, 0, 0])));
    attempt("limits of victim", result(call(libc::SYS_prlimit64, [victim, 0, 0, 0])));
    attempt(
        "niceness of victim",
        result(call(libc::SYS_setpriority, [0, victim, 19, 0])),
    );
    attempt("shared memory", result(call(libc::SYS_shmget, [0, 4096, 0o1600, 0])));
    attempt("x32", result(call(0x4000_0000 + libc::SYS_getpid, [0, 0, 0, 0])));
    for (name, number, first) in [
        ("user namespace", libc::SYS_unshare, i64::from(libc::CLONE_NEWNS)),
        ("root", libc::SYS_chroot, 0),
        ("mount", libc::SYS_mount, 0),
        ("bpf", libc::SYS_bpf, 0),
        ("io_uring", libc::SYS_io_uring_setup, 8),
        ("userfaultfd", libc::SYS_userfaultfd, 0),
        ("performance counters", libc::SYS_perf_event_open, 0),
        ("keys", libc::SYS_keyctl, 0),
        ("memory of others", libc::SYS_process_vm_readv, victim),
        ("module", libc::SYS_init_module, 0),
        ("clock", libc::SYS_settimeofday, 0),
    ] {
        attempt(name, result(call(number, [first, 0, 0, 0])));
    }
    results
}

/// Creates a process with these flags, which ends at once.
fn cloned(flags: i64) -> io::Result<i64> {
    let child = call(libc::SYS_clone, [flags, 0, 0, 0])?;
    if child == 0 {
        call(libc::SYS_exit_group, [0; 4]).ok();
    }
    Ok(child)
}

/// Attempts at what the platform needs.
fn needed(config: &Config, listener: &TcpListener) -> Map<String, Value> {
    let mut results = Map::new();
    let mut attempt = |name: &str, value: Value| results.insert(name.to_owned(), value);
    let file = config.cache_root.join("record.code");
    attempt("needed: write cache", result(fs::write(&file, b"code")));
    attempt(
        "needed: rename in cache",
        result(fs::rename(&file, file.with_extension("new"))),
    );
    attempt("needed: read cache", result(fs::read(file.with_extension("new"))));
    attempt(
        "needed: delete in cache",
        result(fs::remove_file(file.with_extension("new"))),
    );
    // Replaced since the process was confined, as rotated keys are.
    let keys = config.key_files.secrets.as_deref().unwrap();
    attempt("needed: read keys", result(fs::read(keys)));
    attempt(
        "needed: resolve",
        result(std::net::ToSocketAddrs::to_socket_addrs("localhost:1")),
    );
    attempt("needed: datagram", result(UdpSocket::bind("127.0.0.1:0")));
    attempt("needed: accept", result(exchange(listener)));
    results
}

/// Connects to itself and sends a byte.
fn exchange(listener: &TcpListener) -> io::Result<()> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    client.write_all(b"x")?;
    let (mut server, _) = listener.accept()?;
    server.read_exact(&mut [0])
}
