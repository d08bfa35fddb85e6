//! What an export is written to: standard output, or a file that has its name only when it is
//! complete.

use crate::outcome::{CliError, ErrorContext, Outcome};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::{NamedTempFile, TempPath};

/// Destination of an export.
pub(crate) struct Target {
    writer: Box<dyn Write + Send>,
    is_closed: Arc<AtomicBool>,
}

/// The file of an export, which is deleted unless it is completed.
pub(crate) struct Unfinished {
    file: TempPath,
    path: PathBuf,
}

impl Target {
    /// Opens a file, or standard output without a path or for `-`.
    pub(crate) fn open(output: Option<&Path>) -> Outcome<(Self, Option<Unfinished>)> {
        let is_closed = Arc::new(AtomicBool::new(false));
        let target = |writer| Self {
            writer,
            is_closed: Arc::clone(&is_closed),
        };
        let Some(path) = output.filter(|path| path.as_os_str() != "-") else {
            return Ok((target(Box::new(io::stdout())), None));
        };
        let context = format!("could not write `{}`", path.display());
        let existing = path.metadata().ok();
        if existing.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(CliError::user(format!("{context}: it is a directory")));
        }
        // A device or a named pipe has no content that could be replaced.
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            let file = OpenOptions::new().write(true).open(path).user_error(&context)?;
            return Ok((target(Box::new(file)), None));
        }
        // Behind a symbolic link, its target is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let file = NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).user_error(&context)?;
        let (file, temporary): (File, TempPath) = file.into_parts();
        let unfinished = Unfinished { file: temporary, path };
        Ok((target(Box::new(file)), Some(unfinished)))
    }

    /// Returns whether the reader of standard output has closed it.
    pub(crate) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_closed)
    }
}

impl Unfinished {
    /// Gives the file its name.
    pub(crate) fn finish(self) -> Outcome {
        let context = format!("could not write `{}`", self.path.display());
        self.file.persist(&self.path).user_error(&context)
    }
}

/// A closed pipe is no error: its reader needs no more output.
impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        match self.writer.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed.store(true, Ordering::Relaxed);
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.writer.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
