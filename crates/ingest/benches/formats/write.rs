//! The same table in other formats.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter},
    path::Path,
    sync::Arc,
};

use apache_avro::types::Value;
use arrow::{
    array::{Array as _, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Int32Type, Int64Type},
    ipc::writer::FileWriter,
};
use model::Schema;
use parquet::arrow::ArrowWriter;

use crate::Failed;

const BATCH_ROWS: usize = 64 << 10;

/// Writes the rows of a CSV file, whose cells have no quotes, in another format.
pub fn convert(csv: &Path, schema: &Schema, format: &str, output: &Path) -> Result<(), Failed> {
    let mut lines = BufReader::with_capacity(1 << 20, File::open(csv)?).lines();
    let header: Vec<String> = lines.next().ok_or("no header")??.split(',').map(str::to_owned).collect();
    let mut batches = std::iter::from_fn(|| {
        let rows: Vec<String> = lines.by_ref().take(BATCH_ROWS).map_while(Result::ok).collect();
        (!rows.is_empty()).then(|| batch(&header, &rows, schema))
    });
    let first = batches.next().ok_or("no rows")??;
    let batches = std::iter::once(Ok(first.clone())).chain(batches);
    let file = BufWriter::with_capacity(1 << 20, File::create(output)?);
    match format {
        "json" => write_json(file, batches),
        "parquet" => {
            let mut writer = ArrowWriter::try_new(file, first.schema(), None)?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.close()?;
            Ok(())
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(file, &first.schema())?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            Ok(writer.finish()?)
        }
        "orc" => {
            let mut writer = orc_rust::ArrowWriterBuilder::new(file, first.schema()).try_build()?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            Ok(writer.close()?)
        }
        _ => write_avro(file, &first, batches),
    }
}

fn batch(header: &[String], rows: &[String], schema: &Schema) -> Result<RecordBatch, Failed> {
    let cells: Vec<Vec<&str>> = rows.iter().map(|row| row.split(',').collect()).collect();
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (at, name) in header.iter().enumerate() {
        let data_type = schema.field(name).ok_or("no such column")?.data_type;
        let column: ArrayRef = match data_type {
            model::DataType::Int => {
                Arc::new(cells.iter().map(|row| row[at].parse::<i32>().ok()).collect::<Int32Array>())
            }
            model::DataType::Long => {
                Arc::new(cells.iter().map(|row| row[at].parse::<i64>().ok()).collect::<Int64Array>())
            }
            _ => Arc::new(cells.iter().map(|row| Some(row[at])).collect::<StringArray>()),
        };
        columns.push((name, column));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn write_json(
    mut file: impl std::io::Write,
    batches: impl Iterator<Item = Result<RecordBatch, Failed>>,
) -> Result<(), Failed> {
    for batch in batches {
        let batch = batch?;
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            for (at, (field, column)) in schema.fields().iter().zip(batch.columns()).enumerate() {
                write!(file, "{}\"{}\":", if at == 0 { '{' } else { ',' }, field.name())?;
                match column.data_type() {
                    DataType::Int32 => write!(file, "{}", column.as_primitive::<Int32Type>().value(row))?,
                    DataType::Int64 => write!(file, "{}", column.as_primitive::<Int64Type>().value(row))?,
                    _ => write!(file, "\"{}\"", column.as_string::<i32>().value(row))?,
                }
            }
            file.write_all(b"}\n")?;
        }
    }
    Ok(file.flush()?)
}

fn write_avro(
    file: impl std::io::Write,
    first: &RecordBatch,
    batches: impl Iterator<Item = Result<RecordBatch, Failed>>,
) -> Result<(), Failed> {
    let kind = |ty: &DataType| match ty {
        DataType::Int32 => "int",
        DataType::Int64 => "long",
        _ => "string",
    };
    let fields = first
        .schema()
        .fields()
        .iter()
        .map(|f| serde_json::json!({"name": f.name(), "type": kind(f.data_type())}))
        .collect::<Vec<_>>();
    let schema = serde_json::json!({"type": "record", "name": "lineorder", "fields": fields}).to_string();
    let schema = apache_avro::Schema::parse_str(&schema)?;
    let mut writer = apache_avro::Writer::new(&schema, file);
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| match column.data_type() {
                DataType::Int32 => Value::Int(column.as_primitive::<Int32Type>().value(row)),
                DataType::Int64 => Value::Long(column.as_primitive::<Int64Type>().value(row)),
                _ => Value::String(column.as_string::<i32>().value(row).to_owned()),
            };
            let names = batch.schema();
            let fields = names.fields().iter().zip(batch.columns());
            writer.append(Value::Record(fields.map(|(f, c)| (f.name().clone(), value(c))).collect()))?;
        }
    }
    writer.flush()?;
    Ok(())
}
