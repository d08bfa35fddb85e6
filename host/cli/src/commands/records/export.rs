//! Writing records to a file or to standard output, page by page.

use super::columns::COLUMNS;
use super::parquet_file::ParquetFile;
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use alga_registry_types::Execution;
use clap::ValueEnum;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A format of exported records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A header and a line for each record (RFC 4180)
    Csv,
    /// One JSON object on each line
    Jsonl,
    /// Columns of Apache Parquet
    Parquet,
}

impl Format {
    /// Returns the format that the end of a file's name stands for.
    pub(super) fn of_file(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// An export in progress. A file has its name only when it is complete.
pub(super) struct Export {
    writer: Writer,
    /// The file under construction and its final path.
    paths: Option<(PathBuf, PathBuf)>,
}

enum Writer {
    Csv(Box<csv::Writer<Target>>),
    Jsonl(Target),
    Parquet(Box<ParquetFile<Target>>),
}

type Target = BufWriter<Box<dyn Write + Send>>;

impl Export {
    pub(super) fn begin(format: Format, output: Option<&Path>, printer: &Printer) -> Outcome<Self> {
        let paths = output.map(|path| (partial(path), path.to_path_buf()));
        let target: Box<dyn Write + Send> = match &paths {
            Some((partial, _)) => {
                Box::new(File::create(partial).user_error(&format!("could not write `{}`", partial.display()))?)
            }
            None => Box::new(io::stdout()),
        };
        if let Some((_, path)) = &paths {
            printer.note(&format!("exporting to {}", path.display()));
        }
        let target = BufWriter::new(target);
        let writer = match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(target);
                writer
                    .write_record(COLUMNS.iter().map(|column| column.name))
                    .user_error(FAILED)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Jsonl => Writer::Jsonl(target),
            Format::Parquet => Writer::Parquet(Box::new(ParquetFile::begin(target)?)),
        };
        Ok(Self { writer, paths })
    }

    pub(super) fn write(&mut self, executions: &[Execution]) -> Outcome {
        match &mut self.writer {
            Writer::Csv(writer) => {
                for execution in executions {
                    let cells = COLUMNS.iter().map(|column| column.value.cell(execution));
                    writer.write_record(cells).user_error(FAILED)?;
                }
            }
            Writer::Jsonl(target) => {
                for execution in executions {
                    serde_json::to_writer(&mut *target, execution).user_error(FAILED)?;
                    target.write_all(b"\n").user_error(FAILED)?;
                }
            }
            Writer::Parquet(file) => file.write(executions)?,
        }
        Ok(())
    }

    /// Completes the export and gives a file its name.
    pub(super) fn finish(self) -> Outcome {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Jsonl(mut target) => target.flush(),
            Writer::Parquet(file) => file.finish()?.flush(),
        }
        .user_error(FAILED)?;
        let Some((partial, path)) = self.paths else {
            return Ok(());
        };
        fs::rename(&partial, &path).user_error(&format!("could not write `{}`", path.display()))
    }
}

const FAILED: &str = "could not write the export";

/// Returns the path of a file under construction, beside its final one.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}
