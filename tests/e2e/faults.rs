//! Faults that strace injects into a running server.

use alga_harness::Server;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// An strace attached to a running server, until it is dropped.
pub(crate) struct Faults {
    strace: Child,
    /// Pipe held open: strace reports each new thread and would exit if it were closed.
    _stderr: BufReader<ChildStderr>,
}

impl Faults {
    /// Injects a fault, such as `error=EIO:when=3`, into calls of the server. Their names have
    /// commas between them.
    pub(crate) fn attach(server: &Server, calls: &str, fault: &str) -> Self {
        Self::attach_to(server.id(), &["-f"], calls, fault)
    }

    /// Injects a fault into calls of one thread.
    pub(crate) fn attach_to_thread(thread: u32, calls: &str, fault: &str) -> Self {
        Self::attach_to(thread, &[], calls, fault)
    }

    fn attach_to(task: u32, options: &[&str], calls: &str, fault: &str) -> Self {
        let mut strace = Command::new("strace");
        strace.args(options);
        strace.args(["-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:{fault}"));
        strace.args(["-p", &task.to_string()]);
        let mut child = strace.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        Self {
            strace: child,
            _stderr: stderr,
        }
    }

    /// Ends the faults between two calls, so that the server continues without one.
    pub(crate) fn detach(mut self) {
        Command::new("kill").arg(self.strace.id().to_string()).status().unwrap();
        self.strace.wait().unwrap();
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // Asked to end, it waits for threads of a server that was killed.
        self.strace.kill().ok();
        self.strace.wait().ok();
    }
}
