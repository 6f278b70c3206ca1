//! Input file formats: one file per format behind one trait.
//!
//! Reading is split in two, so that all cores work on one file: [`RecordReader::next_job`] cuts the input into
//! pieces at record boundaries, one after another, and each [`DecodeJob`] turns its piece into a [`RawBatch`] on any
//! thread. Memory is bounded by the pieces in flight: no reader holds a whole file.
//!
//! A new format is one file here and one line in [`Format::from_str`] and [`open`].

mod avro;
mod csv;
mod field;
mod input;
mod json;
mod meter;
mod parquet;
mod raw;
mod shape;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
};

pub use self::{
    field::Field,
    meter::Meter,
    raw::{RECORD_COLUMN, RawBatch, RawColumn, Rejected, RowLines, TextColumn, TextTable},
    shape::{Shape, read_avro_schema},
};
use crate::Error;

/// A piece of the input, ready to be decoded on any thread.
pub type DecodeJob = Box<dyn FnOnce() -> Result<RawBatch, Error> + Send>;

/// Reads one input file in order.
pub trait RecordReader: Send {
    /// The next piece of the file, or `None` at its end.
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error>;
}

/// What a file holds. Compression is not part of it: gzip and zstd are recognised by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Avro,
    Parquet,
}

impl FromStr for Format {
    type Err = Error;

    /// Reads a format's name, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_uppercase().as_str() {
            "CSV" => Ok(Self::Csv),
            "JSON" => Ok(Self::Json),
            "AVRO" | "GZIPPED_AVRO" => Ok(Self::Avro),
            "PARQUET" => Ok(Self::Parquet),
            "ORC" | "THRIFT" | "PROTO" | "PROTOBUF" | "PINOT" | "OTHER" => {
                Err(Error::UnsupportedFormat(name.to_owned()))
            }
            _ => Err(Error::UnknownFormat(name.to_owned())),
        }
    }
}

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The reader's properties without their prefix `recordReader.prop.`.
    pub properties: BTreeMap<String, String>,
    /// Top-level fields wanted. `None`: everything, for JSON and Avro as whole records under [`RECORD_COLUMN`].
    pub columns: Option<BTreeSet<String>>,
    /// Counts the bytes read.
    pub meter: Meter,
}

impl ReadOptions {
    fn wants(&self, column: &str) -> bool {
        self.columns.as_ref().is_none_or(|wanted| wanted.contains(column))
    }

    /// A true/false property, `default` when absent.
    fn flag(&self, key: &str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.properties.get(key) else { return Ok(default) };
        match value.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            "" => Ok(default),
            _ => Err(Error::Property {
                key: key.to_owned(),
                value: value.clone(),
                reason: "expected true or false".to_owned(),
            }),
        }
    }
}

/// Opens a file. `file_name` is what errors call it: the name the user knows it by.
pub fn open(
    path: &Path,
    file_name: &str,
    format: Format,
    options: &ReadOptions,
) -> Result<Box<dyn RecordReader>, Error> {
    Ok(match format {
        Format::Csv => Box::new(csv::CsvReader::new(input::open(path, &options.meter)?, file_name, options)?),
        Format::Json => Box::new(json::JsonReader::new(input::open(path, &options.meter)?, file_name, options)),
        Format::Avro => Box::new(avro::AvroReader::new(input::open(path, &options.meter)?, file_name, options)?),
        Format::Parquet => Box::new(parquet::ParquetReader::new(path, file_name, options)?),
    })
}
