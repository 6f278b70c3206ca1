//! Parquet.
//!
//! Values are what the file stores: dates stay day numbers and timestamps their raw unit, unless the file says that
//! an Avro writer made it; booleans become texts.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Int32Type, Int64Type, TimeUnit},
};
use bigdecimal::{BigDecimal, num_bigint::BigInt};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::Type as PhysicalType,
    schema::types::SchemaDescriptor,
};

use super::{DecodeJob, Field, RawBatch, RawColumn, ReadOptions, RecordReader, RowLines, avro, input};
use crate::Error;

const BATCH_ROWS: usize = 8192;

/// Reads the wanted columns batch by batch; what Arrow cannot hold flat is turned into values by the jobs.
pub(super) struct ParquetReader {
    batches: ParquetRecordBatchReader,
    file: Arc<str>,
    rules: Arc<Rules>,
}

/// How logical types are read.
struct Rules {
    /// The file was written from Avro: timestamps and dates are such.
    logical: bool,
    /// Top-level columns stored as INT96.
    int96: Vec<String>,
}

impl ParquetReader {
    pub fn new(path: &Path, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let malformed = |e: parquet::errors::ParquetError| Error::Malformed {
            file: file.to_owned(),
            format: "Parquet",
            reason: e.to_string(),
        };
        let plain = seekable(path, options)?;
        let reader_options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new_with_options(plain, reader_options).map_err(malformed)?;
        let schema = builder.parquet_schema();
        let roots = schema.root_schema().get_fields().iter().enumerate();
        let wanted: Vec<usize> = roots.filter(|(_, f)| options.wants(f.name())).map(|(i, _)| i).collect();
        let written_from_avro = builder.metadata().file_metadata().key_value_metadata().is_some_and(|pairs| {
            pairs.iter().any(|kv| matches!(kv.key.as_str(), "parquet.avro.schema" | "avro.schema"))
        });
        let native = options.flag("useParquetNativeRecordReader", false)?;
        let by_avro = options.flag("useParquetAvroRecordReader", false)?;
        let rules = Rules { logical: by_avro || (written_from_avro && !native), int96: int96_columns(schema) };
        let mask = ProjectionMask::roots(schema, wanted);
        let batches = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(malformed)?;
        Ok(Self { batches, file: file.into(), rules: Arc::new(rules) })
    }
}

/// The file, or where it is compressed as a whole, an unnamed copy beside it that is not.
fn seekable(path: &Path, options: &ReadOptions) -> Result<File, Error> {
    let failed = |source: io::Error| Error::Open { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = [0; 4];
    let got = input::fill(&mut file, &mut magic).map_err(failed)?;
    if &magic[..got] == b"PAR1" {
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        return Ok(file);
    }
    let mut plain = tempfile::tempfile_in(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    io::copy(&mut input::open(path, &options.meter)?, &mut plain).map_err(failed)?;
    plain.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(plain)
}

fn int96_columns(schema: &SchemaDescriptor) -> Vec<String> {
    let leaves = schema.columns().iter().filter(|c| c.physical_type() == PhysicalType::INT96);
    leaves.filter_map(|c| c.path().parts().first().cloned()).collect()
}

impl RecordReader for ParquetReader {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let batch = match self.batches.next() {
            None => return Ok(None),
            Some(Ok(batch)) => batch,
            Some(Err(e)) => {
                let reason = e.to_string();
                return Err(Error::Malformed { file: self.file.to_string(), format: "Parquet", reason });
            }
        };
        let (file, rules) = (self.file.clone(), self.rules.clone());
        Ok(Some(Box::new(move || rules.decode(&batch, &file))))
    }
}

impl Rules {
    fn decode(&self, batch: &RecordBatch, file: &str) -> Result<RawBatch, Error> {
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let int96 = self.int96.contains(field.name());
            let column = self.column(array, int96).map_err(|e| Error::Malformed {
                file: file.to_owned(),
                format: "Parquet",
                reason: format!("column {}: {e}", field.name()),
            })?;
            columns.push((field.name().as_str().into(), column));
        }
        Ok(RawBatch {
            rows: batch.num_rows(),
            columns,
            row_lines: RowLines::Consecutive,
            line_count: batch.num_rows() as u64,
            rejected: Vec::new(),
        })
    }

    /// Flat columns of common types stay arrays, everything else becomes values.
    fn column(&self, array: &ArrayRef, int96: bool) -> Result<RawColumn, String> {
        let to = |ty: DataType| cast(array, &ty).map_err(|e| e.to_string());
        Ok(match array.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 | DataType::Utf8 => {
                RawColumn::Array(array.clone())
            }
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => {
                RawColumn::Array(to(DataType::Int32)?)
            }
            DataType::UInt32 => RawColumn::Array(to(DataType::Int64)?),
            DataType::LargeUtf8 | DataType::Utf8View => RawColumn::Array(to(DataType::Utf8)?),
            DataType::Boolean => RawColumn::Array(bool_texts(array.as_boolean())),
            DataType::Date32 if !self.logical => RawColumn::Array(to(DataType::Int32)?),
            DataType::Timestamp(_, _) if !self.logical && !int96 => RawColumn::Array(to(DataType::Int64)?),
            _ => {
                let values: Result<Vec<Field>, String> =
                    (0..array.len()).map(|i| self.value(array, i, int96)).collect();
                RawColumn::Fields(values?)
            }
        })
    }

    fn value(&self, array: &dyn Array, i: usize, int96: bool) -> Result<Field, String> {
        if array.is_null(i) {
            return Ok(Field::Null);
        }
        let small = || cast_one(array, i, &DataType::Int64);
        Ok(match array.data_type() {
            DataType::Null => Field::Null,
            DataType::Boolean => Field::Text(array.as_boolean().value(i).to_string()),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 | DataType::Int32 => {
                Field::Int(small()?.as_primitive::<Int64Type>().value(0) as i32)
            }
            DataType::Int64 | DataType::UInt32 => Field::Long(small()?.as_primitive::<Int64Type>().value(0)),
            DataType::UInt64 => {
                let n = array.as_primitive::<arrow::datatypes::UInt64Type>().value(i);
                i64::try_from(n).map_or_else(|_| Field::Number(n.to_string()), Field::Long)
            }
            DataType::Float16 => {
                let wide = cast_one(array, i, &DataType::Float32)?;
                Field::Float(wide.as_primitive::<arrow::datatypes::Float32Type>().value(0))
            }
            DataType::Float32 => Field::Float(array.as_primitive::<arrow::datatypes::Float32Type>().value(i)),
            DataType::Float64 => Field::Double(array.as_primitive::<arrow::datatypes::Float64Type>().value(i)),
            DataType::Utf8 => Field::Text(array.as_string::<i32>().value(i).to_owned()),
            DataType::LargeUtf8 => Field::Text(array.as_string::<i64>().value(i).to_owned()),
            DataType::Utf8View => Field::Text(array.as_string_view().value(i).to_owned()),
            DataType::Binary => Field::Bytes(array.as_binary::<i32>().value(i).to_vec()),
            DataType::LargeBinary => Field::Bytes(array.as_binary::<i64>().value(i).to_vec()),
            DataType::BinaryView => Field::Bytes(array.as_binary_view().value(i).to_vec()),
            DataType::FixedSizeBinary(_) => Field::Bytes(array.as_fixed_size_binary().value(i).to_vec()),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                let wide = cast_one(array, i, &DataType::Decimal128(38, *scale))?;
                let unscaled = wide.as_primitive::<arrow::datatypes::Decimal128Type>().value(0);
                Field::decimal(BigDecimal::new(BigInt::from(unscaled), i64::from(*scale)))
            }
            DataType::Decimal256(_, scale) => {
                let unscaled = array.as_primitive::<arrow::datatypes::Decimal256Type>().value(i);
                let big = BigInt::from_signed_bytes_le(&unscaled.to_le_bytes());
                Field::decimal(BigDecimal::new(big, i64::from(*scale)))
            }
            DataType::Date32 => {
                let days = cast_one(array, i, &DataType::Int32)?.as_primitive::<Int32Type>().value(0);
                if self.logical { Field::Text(avro::iso_date(days.into())) } else { Field::Int(days) }
            }
            DataType::Timestamp(unit, _) => {
                let raw = cast_one(array, i, &DataType::Int64)?.as_primitive::<Int64Type>().value(0);
                let millis = match unit {
                    TimeUnit::Second => raw.saturating_mul(1000),
                    TimeUnit::Millisecond => raw,
                    TimeUnit::Microsecond => raw.div_euclid(1000),
                    TimeUnit::Nanosecond => raw.div_euclid(1_000_000),
                };
                match (int96, self.logical) {
                    (true, _) => Field::Long(millis),
                    (false, true) => Field::Timestamp(millis),
                    (false, false) => Field::Long(raw),
                }
            }
            DataType::Time32(_) => {
                Field::Int(cast_one(array, i, &DataType::Int32)?.as_primitive::<Int32Type>().value(0))
            }
            DataType::Time64(_) => Field::Long(small()?.as_primitive::<Int64Type>().value(0)),
            DataType::List(_) => self.list(&array.as_list::<i32>().value(i), int96)?,
            DataType::LargeList(_) => self.list(&array.as_list::<i64>().value(i), int96)?,
            DataType::FixedSizeList(_, _) => self.list(&array.as_fixed_size_list().value(i), int96)?,
            DataType::Struct(fields) => {
                let parts = fields.iter().zip(array.as_struct().columns());
                let entries = parts.map(|(f, a)| Ok((f.name().clone(), self.value(a, i, int96)?)));
                Field::Map(entries.collect::<Result<_, String>>()?)
            }
            DataType::Map(_, _) => {
                let entries = array.as_map().value(i);
                let (keys, values) = (entries.column(0), entries.column(1));
                let pairs = (0..entries.len()).map(|e| {
                    let key = match self.value(keys, e, int96)? {
                        Field::Text(text) => text,
                        other => other.to_json(),
                    };
                    Ok((key, self.value(values, e, int96)?))
                });
                Field::Map(pairs.collect::<Result<_, String>>()?)
            }
            other => return Err(format!("type {other} is not supported")),
        })
    }

    fn list(&self, items: &ArrayRef, int96: bool) -> Result<Field, String> {
        let items: Result<Vec<Field>, String> = (0..items.len()).map(|i| self.value(items, i, int96)).collect();
        Ok(Field::List(items?))
    }
}

fn cast_one(array: &dyn Array, i: usize, ty: &DataType) -> Result<ArrayRef, String> {
    cast(&array.slice(i, 1), ty).map_err(|e| e.to_string())
}

fn bool_texts(values: &BooleanArray) -> ArrayRef {
    let texts = values.iter().map(|v| v.map(|b| if b { "true" } else { "false" }));
    Arc::new(texts.collect::<StringArray>())
}

#[cfg(test)]
mod tests;
