//! `wasi:cli` without access to the host: no arguments, no environment, no input, no terminal. Each
//! line that a guest writes to standard output or error becomes a record of the execution's log;
//! `exit` ends the execution.

use crate::ambient::interface;
use crate::guest_log::{GuestLog, Level, Source};
use alga_bundle::Capability;
use bytes::Bytes;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, OutputStream, Pollable, StreamResult};

/// Maximum bytes of a line; a longer line is split.
const LINE_BYTES: usize = 4 * 1024;
/// Maximum bytes that may be written per call.
pub(crate) const WRITE_BYTES: usize = 64 * 1024;

/// The interfaces that this module implements.
pub(crate) const INTERFACES: [Capability; 10] = [
    interface("wasi:cli/environment", "an empty environment"),
    interface("wasi:cli/exit", "ends the execution"),
    interface("wasi:cli/stdin", "an empty input"),
    interface("wasi:cli/stdout", "lines into the execution's log"),
    interface("wasi:cli/stderr", "lines into the execution's log"),
    interface("wasi:cli/terminal-input", "no terminal"),
    interface("wasi:cli/terminal-output", "no terminal"),
    interface("wasi:cli/terminal-stdin", "no terminal"),
    interface("wasi:cli/terminal-stdout", "no terminal"),
    interface("wasi:cli/terminal-stderr", "no terminal"),
];

/// Places in [`INTERFACES`].
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Environment,
    Exit,
    Stdin,
    Stdout,
    Stderr,
    TerminalInput,
    TerminalOutput,
    TerminalStdin,
    TerminalStdout,
    TerminalStderr,
}

/// The parts of a store that these interfaces use.
pub(crate) struct View<'a> {
    pub(crate) guest_log: &'a GuestLog,
    pub(crate) table: &'a mut ResourceTable,
}

/// Data of a store with the log and the table of resource handles.
pub(crate) trait HasStdio: Send + 'static {
    /// Counts a call of an interface, and returns those parts.
    fn stdio(&mut self, called: Place) -> View<'_>;
}

/// The view that the bindings of both versions of `wasi:cli` use.
pub(crate) struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

/// Links every interface of this module.
pub(crate) fn link<T: HasStdio>(linker: &mut Linker<T>) -> Result<()> {
    cli::environment::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::Environment))?;
    cli::exit::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::Exit))?;
    cli::stdin::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::Stdin))?;
    cli::stdout::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::Stdout))?;
    cli::stderr::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::Stderr))?;
    cli::terminal_input::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::TerminalInput))?;
    cli::terminal_output::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::TerminalOutput))?;
    cli::terminal_stdin::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::TerminalStdin))?;
    cli::terminal_stdout::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::TerminalStdout))?;
    cli::terminal_stderr::add_to_linker::<T, HasView>(linker, |data| data.stdio(Place::TerminalStderr))
}

impl cli::environment::Host for View<'_> {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl cli::exit::Host for View<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        exited(status)
    }

    fn exit_with_code(&mut self, status_code: u8) -> Result<()> {
        exited_with(status_code)
    }
}

/// Ends the execution of a guest that exits.
pub(crate) fn exited(status: Result<(), ()>) -> Result<()> {
    bail!(
        "the extension exited {}",
        if status.is_ok() {
            "without a response"
        } else {
            "with an error"
        }
    )
}

/// Ends the execution of a guest that exits with a code.
pub(crate) fn exited_with(status_code: u8) -> Result<()> {
    bail!("the extension exited with code {status_code}")
}

impl cli::stdin::Host for View<'_> {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(stream)?)
    }
}

impl cli::stdout::Host for View<'_> {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.lines(Source::Stdout)
    }
}

impl cli::stderr::Host for View<'_> {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.lines(Source::Stderr)
    }
}

impl View<'_> {
    /// Returns a stream whose lines become log records.
    pub(crate) fn new_lines(&self, source: Source) -> Lines {
        Lines {
            source,
            guest_log: self.guest_log.clone(),
            begun: Vec::new(),
        }
    }

    fn lines(&mut self, source: Source) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(self.new_lines(source));
        Ok(self.table.push(stream)?)
    }
}

impl cli::terminal_input::Host for View<'_> {}

impl cli::terminal_input::HostTerminalInput for View<'_> {
    fn drop(&mut self, terminal: Resource<cli::terminal_input::TerminalInput>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_output::Host for View<'_> {}

impl cli::terminal_output::HostTerminalOutput for View<'_> {
    fn drop(&mut self, terminal: Resource<cli::terminal_output::TerminalOutput>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_stdin::Host for View<'_> {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<cli::terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for View<'_> {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for View<'_> {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

/// An output stream whose lines become log records. Invalid UTF-8 is replaced; control characters
/// are escaped where records are displayed.
pub(crate) struct Lines {
    source: Source,
    guest_log: GuestLog,
    begun: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.begun);
        // The error is ignored: the log counts the records that it drops.
        self.guest_log
            .write(self.source, Level::Info, &line, std::iter::empty())
            .ok();
        self.begun.clear();
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
                continue;
            }
            self.begun.push(byte);
            if self.begun.len() >= LINE_BYTES {
                self.end_line();
            }
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

/// Writes the last line if it does not end with a line feed.
impl Drop for Lines {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.end_line();
        }
    }
}
