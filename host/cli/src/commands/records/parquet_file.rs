//! Parquet files of records.

use super::columns::{COLUMNS, Column, Value};
use crate::outcome::{ErrorContext, Outcome};
use alga_registry_types::Execution;
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::mem;
use std::sync::Arc;

/// Number of records of a row group, which is held in memory until it is written.
const ROWS: usize = 1_000;

/// A Parquet file under construction.
pub(super) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    waiting: Vec<Execution>,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(super) fn begin(target: W) -> Outcome<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = parse_message_type(&schema()).internal_error("")?;
        let writer = SerializedFileWriter::new(target, Arc::new(schema), Arc::new(properties)).user_error(FAILED)?;
        let waiting = Vec::new();
        Ok(Self { writer, waiting })
    }

    pub(super) fn write(&mut self, executions: &[Execution]) -> Outcome {
        self.waiting.extend_from_slice(executions);
        if self.waiting.len() >= ROWS {
            self.write_group().user_error(FAILED)?;
        }
        Ok(())
    }

    /// Completes the file and returns what it was written to.
    pub(super) fn finish(mut self) -> Outcome<W> {
        if !self.waiting.is_empty() {
            self.write_group().user_error(FAILED)?;
        }
        self.writer.into_inner().user_error(FAILED)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let executions = mem::take(&mut self.waiting);
        let mut group = self.writer.next_row_group()?;
        for column in COLUMNS {
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General("the schema has fewer columns".to_owned()));
            };
            write_column(&mut writer, column, &executions)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

const FAILED: &str = "could not write the export";

/// Returns the schema in the notation of the format's specification. Every column is optional, so
/// that one that is not known at some time can be empty.
fn schema() -> String {
    let columns = COLUMNS.iter().map(|Column { name, value }| match value {
        Value::Text(_) => format!("optional binary {name} (STRING);"),
        Value::Number(_) => format!("optional int64 {name};"),
        Value::Time(_) => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
        Value::Flag(_) => format!("optional boolean {name};"),
    });
    format!("message execution {{ {} }}", columns.collect::<String>())
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column,
    executions: &[Execution],
) -> Result<(), ParquetError> {
    let rows = executions.iter();
    match column.value {
        Value::Text(value) => write_values::<ByteArrayType>(
            writer,
            rows.map(|row| value(row).map(|text| ByteArray::from(text.into_bytes()))),
        ),
        Value::Number(value) => write_values::<Int64Type>(writer, rows.map(value)),
        Value::Time(value) => write_values::<Int64Type>(writer, rows.map(|row| Some(value(row)))),
        Value::Flag(value) => write_values::<BoolType>(writer, rows.map(value)),
    }
}

/// Writes the values that are there, and for each row whether there is one.
fn write_values<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    writer.typed::<T>().write_batch(&present, Some(&levels), None)?;
    Ok(())
}
