//! `wasi:cli` of WASI 0.3, with the same promises as that of WASI 0.2 in `stdio.rs`. Linked only
//! where the operator has enabled it.

use crate::ambient_async::interface;
use crate::guest_log::Source;
use crate::stdio::{HasView, Lines, View, WRITE_BYTES, exited, exited_with};
use alga_bundle::Capability;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::component::{Access, FutureReader, Linker, Resource, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::cli;
use wasmtime_wasi::p3::bindings::cli::types::ErrorCode;

/// The interfaces that this module implements.
pub(crate) const INTERFACES: [Capability; 11] = [
    interface("wasi:cli/types", "error codes of standard streams"),
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
    Types,
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

/// Data of a store with the log and the table of resource handles.
pub(crate) trait HasStdioAsync: Send + 'static {
    /// Counts a call of an interface, and returns those parts.
    fn stdio_async(&mut self, called: Place) -> View<'_>;
}

/// Links every interface of this module.
pub(crate) fn link<T: HasStdioAsync>(linker: &mut Linker<T>) -> Result<()> {
    cli::types::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Types))?;
    cli::environment::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Environment))?;
    cli::exit::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Exit))?;
    cli::stdin::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Stdin))?;
    cli::stdout::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Stdout))?;
    cli::stderr::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::Stderr))?;
    cli::terminal_input::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::TerminalInput))?;
    cli::terminal_output::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::TerminalOutput))?;
    cli::terminal_stdin::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::TerminalStdin))?;
    cli::terminal_stdout::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::TerminalStdout))?;
    cli::terminal_stderr::add_to_linker::<T, HasView>(linker, |data| data.stdio_async(Place::TerminalStderr))
}

impl cli::types::Host for View<'_> {}

impl cli::environment::Host for View<'_> {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn get_initial_cwd(&mut self) -> Result<Option<String>> {
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

/// The end of a standard stream, which has no errors.
type End = FutureReader<Result<(), ErrorCode>>;

fn end<T: 'static>(store: &mut Access<'_, T, HasView>) -> Result<End> {
    FutureReader::new(store, async { Ok::<_, wasmtime::Error>(Ok(())) })
}

impl cli::stdin::Host for View<'_> {}

impl<T: 'static> cli::stdin::HostWithStore<T> for HasView {
    fn read_via_stream(mut store: Access<'_, T, Self>) -> Result<(StreamReader<u8>, End)> {
        let nothing = StreamReader::new(&mut store, std::iter::empty())?;
        Ok((nothing, end(&mut store)?))
    }
}

impl cli::stdout::Host for View<'_> {}

impl<T: 'static> cli::stdout::HostWithStore<T> for HasView {
    fn write_via_stream(mut store: Access<'_, T, Self>, data: StreamReader<u8>) -> Result<End> {
        log_lines(&mut store, data, Source::Stdout)
    }
}

impl cli::stderr::Host for View<'_> {}

impl<T: 'static> cli::stderr::HostWithStore<T> for HasView {
    fn write_via_stream(mut store: Access<'_, T, Self>, data: StreamReader<u8>) -> Result<End> {
        log_lines(&mut store, data, Source::Stderr)
    }
}

fn log_lines<T: 'static>(store: &mut Access<'_, T, HasView>, data: StreamReader<u8>, source: Source) -> Result<End> {
    let lines = store.get().new_lines(source);
    data.pipe(&mut *store, lines)?;
    end(store)
}

impl<D> StreamConsumer<D> for Lines {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: wasmtime::component::Source<'_, u8>,
        _: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let bytes = bytes.get(..WRITE_BYTES).unwrap_or(bytes);
        self.push(bytes);
        let length = bytes.len();
        source.mark_read(length);
        Poll::Ready(Ok(StreamResult::Completed))
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
