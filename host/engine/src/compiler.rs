//! The parent's side of the child that compiles. A compiler that is attacked through its input dies alone.

use crate::MachineCode;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// The child's exit code for a component that wasmtime does not accept.
pub const EXIT_REFUSED: u8 = 1;
/// The child's exit code when it could not confine itself or read its input: nobody's component is to blame.
pub const EXIT_BROKEN: u8 = 2;

/// What compiling may cost.
#[derive(Debug, Clone, Copy)]
pub struct CompilerLimits {
    /// Time for one component on the wall clock.
    pub wall: Duration,
    /// Seconds of processor time that the child gives itself.
    pub processor_seconds: u64,
    /// Bytes of address space that the child gives itself. A component of 18 MB needs about 700 MB.
    pub address_space_bytes: u64,
    /// Components compiled at the same time; the rest wait.
    pub concurrent: usize,
    /// Bytes of machine code. A JavaScript engine becomes about 52 MB.
    pub code_bytes: u64,
}

impl Default for CompilerLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            processor_seconds: 45,
            address_space_bytes: 2 * 1024 * 1024 * 1024,
            concurrent: 2,
            code_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The publisher's fault: wasmtime does not accept the component.
    #[error("the component does not compile: {0}")]
    Refused(String),
    /// The publisher's fault: compiling costs more than it may.
    #[error("compiling the component takes more than {0}")]
    TooCostly(&'static str),
    /// The operator's fault: the compiler could not be started.
    #[error("the compiler `{}` could not be run: {source}\nhint: it is installed beside `alga`; set ALGA_COMPILER to its path", program.display())]
    Spawn {
        /// Its path.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operator's fault: what runs there is no compiler, or not the one of this version.
    #[error(
        "the compiler does not work here: {0}\nhint: `alga-compiler` must be of the same version as `alga`, and needs Linux with seccomp"
    )]
    Pipe(#[source] io::Error),
}

/// Compiles components, each in a child process of its own.
#[derive(Debug, Clone)]
pub struct Compiler {
    program: PathBuf,
    limits: CompilerLimits,
    places: Arc<Semaphore>,
}

impl Compiler {
    /// A compiler that is this program.
    #[must_use]
    pub fn new(program: &Path, limits: CompilerLimits) -> Self {
        Self {
            program: program.to_path_buf(),
            limits,
            places: Arc::new(Semaphore::new(limits.concurrent)),
        }
    }

    /// Compiles a component.
    ///
    /// # Errors
    /// See [`CompileError`]; the child is dead in every case.
    pub async fn compile(&self, component: &[u8]) -> Result<MachineCode, CompileError> {
        // The semaphore is never closed; if it were, the child's own limits would still hold.
        let _place = self.places.acquire().await;
        let child = self.spawn()?;
        let conversation = converse(child, component, self.limits.code_bytes);
        tokio::time::timeout(self.limits.wall, conversation)
            .await
            .map_err(|_| CompileError::TooCostly("its time on the wall clock"))?
    }

    fn spawn(&self) -> Result<Child, CompileError> {
        let mut command = Command::new(&self.program);
        // Nothing of ours is in the child: no environment, no folder, no open file, and it dies with us.
        for limit in [self.limits.address_space_bytes, self.limits.processor_seconds] {
            command.arg(limit.to_string());
        }
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

/// Bytes of the child's explanation that are read; the rest is of no use to anybody.
const EXPLANATION_BYTES: u64 = 4 * 1024;

async fn converse(mut child: Child, component: &[u8], code_bytes: u64) -> Result<MachineCode, CompileError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(CompileError::Pipe(io::Error::other("no pipes")));
    };
    let send = async move {
        // A child that refuses early closes its end; its exit code tells why.
        stdin.write_all(component).await.ok();
    };
    // Each pipe is closed as soon as enough was read: a child that goes on writing ends instead of waiting for a reader.
    let ((), code, explanation) = tokio::join!(
        send,
        read_at_most(stdout, code_bytes + 1),
        read_at_most(stderr, EXPLANATION_BYTES)
    );
    let (code, explanation) = (code.map_err(CompileError::Pipe)?, explanation.unwrap_or_default());
    if code.len() as u64 > code_bytes {
        return Err(CompileError::TooCostly("its size of machine code"));
    }
    let status = child.wait().await.map_err(CompileError::Pipe)?;
    match status.code() {
        Some(0) if !code.is_empty() => Ok(MachineCode::from_trusted_source(code)),
        Some(code) if code == i32::from(EXIT_REFUSED) => Err(CompileError::Refused(
            String::from_utf8_lossy(&explanation).trim().to_owned(),
        )),
        Some(code) if code == i32::from(EXIT_BROKEN) => Err(CompileError::Pipe(io::Error::other(
            String::from_utf8_lossy(&explanation).trim().to_owned(),
        ))),
        // Killed by a limit of its own (memory, processor time, a forbidden system call) or aborted.
        _ => Err(CompileError::TooCostly("its memory or processor time")),
    }
}

async fn read_at_most(pipe: impl AsyncRead + Unpin, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    pipe.take(bytes).read_to_end(&mut read).await?;
    Ok(read)
}
