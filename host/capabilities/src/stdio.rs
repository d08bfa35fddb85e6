//! `wasi:cli`, inert: no arguments, no environment, no input, no terminal. What a guest writes to standard output and error goes into the
//! execution's journal, a line a record; `exit` ends the execution.

use crate::StoreData;
use crate::ambient::interface;
use crate::guest_log::{GuestLog, Level, Source};
use alga_bundle::Capability;
use bytes::Bytes;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, OutputStream, Pollable, StreamResult};

/// Bytes of a line; a longer one becomes several.
const LINE_BYTES: usize = 4 * 1024;
/// Bytes that may be written in one call.
const WRITE_BYTES: usize = 64 * 1024;

/// The interfaces of this file.
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

pub(crate) struct View<'a> {
    guest_log: &'a GuestLog,
    table: &'a mut ResourceTable,
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

fn view(host: &mut StoreData) -> View<'_> {
    View {
        guest_log: &host.guest_log,
        table: &mut host.table,
    }
}

/// Links all of it.
pub(crate) fn link(linker: &mut Linker<StoreData>) -> Result<()> {
    cli::environment::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::exit::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::stdin::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::stdout::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::stderr::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::terminal_input::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::terminal_output::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::terminal_stdin::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::terminal_stdout::add_to_linker::<StoreData, HasView>(linker, view)?;
    cli::terminal_stderr::add_to_linker::<StoreData, HasView>(linker, view)
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
        bail!(
            "the extension ended itself {}",
            if status.is_ok() {
                "without an answer"
            } else {
                "with an error"
            }
        )
    }

    fn exit_with_code(&mut self, status_code: u8) -> Result<()> {
        bail!("the extension ended itself with {status_code}")
    }
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
    fn lines(&mut self, source: Source) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(Lines {
            source,
            guest_log: self.guest_log.clone(),
            begun: Vec::new(),
        });
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

/// A stream whose lines become records. What is not UTF-8 is replaced; control characters are escaped where records are shown.
struct Lines {
    source: Source,
    guest_log: GuestLog,
    begun: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.begun);
        // A full journal counts what it does not keep.
        self.guest_log
            .write(self.source, Level::Info, &line, std::iter::empty())
            .ok();
        self.begun.clear();
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for byte in bytes {
            if byte == b'\n' {
                self.end_line();
                continue;
            }
            self.begun.push(byte);
            if self.begun.len() >= LINE_BYTES {
                self.end_line();
            }
        }
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

/// A last line without an end is a line.
impl Drop for Lines {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.end_line();
        }
    }
}
