//! Writing records to a file or to standard output, page by page.

use super::columns::COLUMNS;
use super::parquet_file::ParquetFile;
use crate::escape::escape_json;
use crate::outcome::{ErrorContext, Outcome};
use crate::target::{Target, Unfinished};
use alga_registry_types::Execution;
use clap::ValueEnum;
use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    is_closed: Arc<AtomicBool>,
    unfinished: Option<Unfinished>,
}

enum Writer {
    Csv(Box<csv::Writer<BufWriter<Target>>>),
    Jsonl(BufWriter<Target>),
    Parquet(Box<ParquetFile<BufWriter<Target>>>),
}

impl Export {
    pub(super) fn begin(format: Format, output: Option<&Path>) -> Outcome<Self> {
        let (target, unfinished) = Target::open(output)?;
        let is_closed = target.closed();
        let target = BufWriter::new(target);
        let writer = match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(target);
                let names = COLUMNS.iter().map(|column| column.name);
                writer.write_record(names).user_error(FAILED)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Jsonl => Writer::Jsonl(target),
            Format::Parquet => Writer::Parquet(Box::new(ParquetFile::begin(target)?)),
        };
        Ok(Self {
            writer,
            is_closed,
            unfinished,
        })
    }

    /// Writes a page of records. Breaks if the reader of standard output has closed it.
    pub(super) fn write(&mut self, executions: &[Execution]) -> Outcome<ControlFlow<()>> {
        match &mut self.writer {
            Writer::Csv(writer) => {
                for execution in executions {
                    let cells = COLUMNS.iter().map(|column| column.value.cell(execution));
                    writer.write_record(cells).user_error(FAILED)?;
                }
            }
            Writer::Jsonl(target) => {
                for execution in executions {
                    let json = serde_json::to_string(execution).user_error(FAILED)?;
                    writeln!(target, "{}", escape_json(&json)).user_error(FAILED)?;
                }
            }
            Writer::Parquet(file) => file.write(executions)?,
        }
        Ok(match self.is_closed.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    /// Completes the export and gives a file its name.
    pub(super) fn finish(self) -> Outcome {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Jsonl(mut target) => target.flush(),
            Writer::Parquet(file) => file.finish()?.flush(),
        }
        .user_error(FAILED)?;
        self.unfinished.map_or(Ok(()), Unfinished::finish)
    }
}

const FAILED: &str = "could not write the export";
