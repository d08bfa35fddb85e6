//! The parent's side of the compiler child process. An exploit of the compiler through its input
//! stays in that process.

use crate::{CodeOptions, MachineCode};
use alga_limits::{COMPILER_ADDRESS_SPACE_BYTES, COMPILER_SECONDS, COMPILER_WALL_SECONDS, MACHINE_CODE_BYTES};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// An empty component: only the preamble (component model, `Binary.md`).
const SMALLEST_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Exit code of the child for a component that wasmtime does not accept.
pub const EXIT_REFUSED: u8 = 1;
/// Exit code of the child if it could not confine itself or read its input: not the component's
/// fault.
pub const EXIT_BROKEN: u8 = 2;

/// Limits on compiling one component.
#[derive(Debug, Clone, Copy)]
pub struct CompilerLimits {
    /// Wall-clock time for one component: generous, because a busy host is not the component's
    /// fault.
    pub wall: Duration,
    /// Processor time in seconds, which the child sets as its own limit: the one that decides about
    /// a component.
    pub processor_seconds: u64,
    /// Bytes of address space, which the child sets as its own limit.
    pub address_space_bytes: u64,
    /// Maximum number of concurrent compilations; others wait.
    pub concurrent: usize,
    /// Maximum number of bytes of machine code.
    pub code_bytes: u64,
    /// Options of the machine code, as those of [`crate::PoolSettings::code`].
    pub code: CodeOptions,
}

/// The kind of code that the child compiles.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Component,
    Module,
}

impl Kind {
    /// Returns the last argument of the child.
    fn argument(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Module => "module",
        }
    }
}

impl Default for CompilerLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(COMPILER_WALL_SECONDS),
            processor_seconds: COMPILER_SECONDS,
            address_space_bytes: COMPILER_ADDRESS_SPACE_BYTES,
            concurrent: 2,
            code_bytes: MACHINE_CODE_BYTES,
            code: CodeOptions::default(),
        }
    }
}

impl CompileError {
    /// Returns the party that can do something about it.
    #[must_use]
    pub fn fault(&self) -> CompileFault {
        match self {
            Self::Refused(_) | Self::TooCostly(_) => CompileFault::Publisher,
            Self::OutOfTime { .. } | Self::Killed(_) => CompileFault::Busy,
            Self::Absent => CompileFault::Absent,
            _ => CompileFault::Host,
        }
    }
}

/// The party at fault for a [`CompileError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileFault {
    /// Fault of the publisher: the component does not compile within the limits.
    Publisher,
    /// The host was busy: the same component may compile later.
    Busy,
    /// There is no compiler: another process has to compile the component.
    Absent,
    /// The host, or its operator.
    Host,
}

/// Failure to compile a component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The publisher's fault: wasmtime does not accept the component.
    #[error("the component does not compile: {0}")]
    Refused(String),
    /// The publisher's fault: compiling exceeds a limit.
    #[error("compiling the component requires more than {0}")]
    TooCostly(String),
    /// The host's fault: it was too busy to compile the component in time. The same bytes may
    /// compile later.
    #[error(
        "this host is too busy: the component was not compiled within {} s on the wall clock (ALGA_COMPILER_WALL_SECONDS); it has used {} of its {processor_seconds} s of \
         CPU time", wall.as_secs(), seconds(*used_seconds)
    )]
    OutOfTime {
        /// The limit on wall-clock time.
        wall: Duration,
        /// Processor time that the compiler had used until then, in seconds, if this process may
        /// read it.
        used_seconds: Option<f64>,
        /// Limit on CPU time, in seconds.
        processor_seconds: u64,
    },
    /// The host's fault: the compiler was killed from outside, for example when the system ran out
    /// of memory.
    #[error("the compiler was killed from outside ({0}); the component is not to blame")]
    Killed(String),
    /// The operator's choice: this process has no compiler, and the cache has no machine code.
    #[error(
        "this process has no compiler, and its cache has no machine code of the component\nhint: set ALGA_COMPILER, or share the cache of a process that has one"
    )]
    Absent,
    /// The operator's fault: the compiler could not be started.
    #[error("the compiler `{}` could not be run: {source}\nhint: it is installed beside `alga`; set ALGA_COMPILER to its path", program.display())]
    Spawn {
        /// Path of the compiler program.
        program: PathBuf,
        /// The system's error for the attempt.
        source: io::Error,
    },
    /// The operator's fault: the program is not the compiler, or has another version.
    #[error(
        "the compiler does not work here: {0}\nhint: `alga-compiler` must be of the same version as `alga`, and needs Linux with seccomp"
    )]
    Pipe(#[source] io::Error),
}

/// Compiler that runs each compilation in a child process of its own.
#[derive(Debug, Clone)]
pub struct Compiler {
    program: PathBuf,
    limits: CompilerLimits,
    permits: Arc<Semaphore>,
}

impl Compiler {
    /// Creates a compiler that runs this program.
    #[must_use]
    pub fn new(program: &Path, limits: CompilerLimits) -> Self {
        Self {
            program: program.to_path_buf(),
            limits,
            permits: Arc::new(Semaphore::new(limits.concurrent)),
        }
    }

    /// Compiles a component to machine code.
    ///
    /// # Errors
    /// Returns [`CompileError`] if the component is refused, a limit is exceeded, or the child
    /// cannot run; the child is dead in every case.
    pub async fn compile(&self, component: &[u8]) -> Result<MachineCode, CompileError> {
        self.compile_as(Kind::Component, component).await
    }

    /// Compiles the smallest component, to check that the program runs here.
    ///
    /// # Errors
    /// Returns [`CompileError`] if it does not, or refuses that component.
    pub async fn probe(&self) -> Result<MachineCode, CompileError> {
        self.compile(SMALLEST_COMPONENT).await
    }

    /// Compiles a core module of this host to machine code: an engine that components share.
    ///
    /// # Errors
    /// Returns the errors of [`Compiler::compile`].
    pub async fn compile_module(&self, module: &[u8]) -> Result<MachineCode, CompileError> {
        self.compile_as(Kind::Module, module).await
    }

    async fn compile_as(&self, kind: Kind, component: &[u8]) -> Result<MachineCode, CompileError> {
        // The semaphore is never closed; if it were, the child's own limits would still hold.
        let _permit = self.permits.acquire().await;
        let child = self.spawn(kind)?;
        let pid = child.id();
        let conversation = converse(child, component, &self.limits);
        let mut conversation = std::pin::pin!(conversation);
        match tokio::time::timeout(self.limits.wall, &mut conversation).await {
            Ok(made) => made,
            // Read before the child is dropped, which kills it.
            Err(_) => Err(CompileError::OutOfTime {
                wall: self.limits.wall,
                used_seconds: pid.and_then(processor_seconds),
                processor_seconds: self.limits.processor_seconds,
            }),
        }
    }

    fn spawn(&self, kind: Kind) -> Result<Child, CompileError> {
        if self.program.as_os_str().is_empty() {
            return Err(CompileError::Absent);
        }
        let mut command = Command::new(&self.program);
        // The child inherits nothing of this process: its environment is empty, its working
        // directory is `/`, and its only open files are pipes. It is killed when its handle is
        // dropped.
        for limit in [self.limits.address_space_bytes, self.limits.processor_seconds] {
            command.arg(limit.to_string());
        }
        let CodeOptions {
            counts_fuel,
            runs_wasi_0_3,
        } = self.limits.code;
        command.args([counts_fuel.to_string(), runs_wasi_0_3.to_string()]);
        command.arg(kind.argument());
        command.env_clear().current_dir("/").kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map_err(|source| CompileError::Spawn {
            program: self.program.clone(),
            source,
        })
    }
}

fn seconds(used: Option<f64>) -> String {
    used.map_or_else(|| "an unknown part".to_owned(), |used| format!("{used:.1} s"))
}

/// Bytes of the child's error output that are read; more would not help a reader.
const EXPLANATION_BYTES: u64 = 4 * 1024;

/// Processor time that a process has used so far, in seconds (proc(5): fields 14 and 15 of `stat`).
fn processor_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The process name in parentheses may contain spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    let ticks_per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(f64::from(user.saturating_add(system)) / f64::from(ticks_per_second))
}

async fn converse(mut child: Child, component: &[u8], limits: &CompilerLimits) -> Result<MachineCode, CompileError> {
    let code_bytes = limits.code_bytes;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(CompileError::Pipe(io::Error::other("no pipes")));
    };
    let send = async move {
        // A child that exits early closes the pipe; its exit code gives the reason.
        stdin.write_all(component).await.ok();
    };
    // Each pipe is closed as soon as enough was read, so a child that goes on writing ends instead
    // of waiting for a reader.
    let ((), code, explanation) = tokio::join!(
        send,
        read_at_most(stdout, code_bytes + 1),
        read_at_most(stderr, EXPLANATION_BYTES)
    );
    let (code, explanation) = (code.map_err(CompileError::Pipe)?, explanation.unwrap_or_default());
    if code.len() as u64 > code_bytes {
        return Err(CompileError::TooCostly(format!("{code_bytes} bytes of machine code")));
    }
    let status = child.wait().await.map_err(CompileError::Pipe)?;
    let explanation = String::from_utf8_lossy(&explanation).trim().to_owned();
    match status.code() {
        Some(0) if !code.is_empty() => Ok(MachineCode::from_trusted_source(code)),
        Some(code) if code == i32::from(EXIT_REFUSED) => Err(CompileError::Refused(explanation)),
        Some(code) if code == i32::from(EXIT_BROKEN) => Err(CompileError::Pipe(io::Error::other(explanation))),
        _ => Err(ended_early(status, &explanation, limits)),
    }
}

/// Maps an unexpected end of the child to its cause. The child's limits on memory and time end it
/// with distinct signals; only signals that nothing in the child can cause are the host's fault.
fn ended_early(status: ExitStatus, explanation: &str, limits: &CompilerLimits) -> CompileError {
    const HANG_UP: i32 = 1;
    const INTERRUPT: i32 = 2;
    const ABORT: i32 = 6;
    const KILL: i32 = 9;
    const SEGMENTATION_FAULT: i32 = 11;
    const TERMINATE: i32 = 15;
    const PROCESSOR_TIME: i32 = 24;
    const FORBIDDEN_CALL: i32 = 31;
    /// Exit code of a Rust program after a panic.
    const PANICKED: i32 = 101;
    match (status.signal(), status.code()) {
        (Some(PROCESSOR_TIME), _) => CompileError::TooCostly(format!(
            "{} s of CPU time (ALGA_COMPILER_SECONDS); all of it was used",
            limits.processor_seconds
        )),
        (Some(SEGMENTATION_FAULT), _) => CompileError::TooCostly("the compiler's stack".to_owned()),
        (Some(ABORT), _) if explanation.contains("stack overflow") => {
            CompileError::TooCostly("the compiler's stack".to_owned())
        }
        (Some(ABORT), _) => CompileError::TooCostly(format!("{} bytes of address space", limits.address_space_bytes)),
        (Some(FORBIDDEN_CALL), _) => {
            CompileError::Refused("the compiler was stopped at a forbidden system call".to_owned())
        }
        (Some(signal @ (HANG_UP | INTERRUPT | KILL | TERMINATE)), _) => {
            CompileError::Killed(format!("signal {signal}"))
        }
        (Some(signal), _) => CompileError::Refused(format!("the compiler crashed on it (signal {signal})")),
        (None, Some(PANICKED)) => CompileError::Refused("the compiler panicked on it".to_owned()),
        (None, _) => CompileError::Pipe(io::Error::other(format!("it ended with {status} and no machine code"))),
    }
}

async fn read_at_most(pipe: impl AsyncRead + Unpin, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    pipe.take(bytes).read_to_end(&mut read).await?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiler_exit_status_decides_whether_host_or_publisher_is_at_fault() {
        let limits = CompilerLimits::default();
        let ended = |raw: i32, explanation: &str| ended_early(ExitStatus::from_raw(raw), explanation, &limits);
        for signal in [1, 2, 9, 15] {
            assert!(ended(signal, "").fault() == CompileFault::Busy, "signal {signal}");
        }
        for signal in [4, 6, 7, 8, 11, 24, 31] {
            assert!(ended(signal, "").fault() == CompileFault::Publisher, "signal {signal}");
        }
        assert!(ended(101 << 8, "").fault() == CompileFault::Publisher, "a panic");
        let overflow = ended(6, "fatal runtime error: stack overflow").to_string();
        assert!(overflow.contains("stack"), "{overflow}");
        for code in [0, 3, 127] {
            let error = ended(code << 8, "");
            assert!(error.fault() == CompileFault::Host, "exit {code}: {error}");
        }
    }
}
