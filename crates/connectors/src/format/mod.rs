//! Input file formats: one file per format behind one trait.
//!
//! Reading is split in two, so that all cores work on one file: [`RecordReader::next_job`] cuts the input into
//! pieces at record boundaries, one after another, and each [`DecodeJob`] turns its piece into a [`RawBatch`] on any
//! thread. Memory is bounded by the pieces in flight: no reader holds a whole file.
//!
//! A new format is one file here, its names in [`Format`] and one line in [`open`].

mod arrow;
mod avro;
mod builder;
mod csv;
mod field;
mod input;
mod json;
mod meter;
mod names;
mod orc;
mod parquet;
mod protobuf;
mod random;
mod raw;
mod shape;
mod typed;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

pub use self::{
    field::Field,
    meter::Meter,
    names::Format,
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

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The reader's properties without their prefix `recordReader.prop.`.
    pub properties: BTreeMap<String, String>,
    /// Top-level fields wanted. `None`: everything, for formats of records as whole records under [`RECORD_COLUMN`].
    pub columns: Option<BTreeSet<String>>,
    /// Counts the bytes read.
    pub meter: Meter,
    /// For unnamed copies of files that have to be unpacked before they can be read; the system's folder otherwise.
    pub work_dir: Option<PathBuf>,
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
    format.check_properties(&options.properties)?;
    let stream = || input::open(path, &options.meter);
    Ok(match format {
        Format::Csv => Box::new(csv::CsvReader::new(stream()?, file_name, options)?),
        Format::Json => Box::new(json::JsonReader::new(stream()?, file_name, options)),
        Format::Avro => Box::new(avro::AvroReader::new(stream()?, file_name, options)?),
        Format::Parquet => Box::new(parquet::ParquetReader::new(path, file_name, options)?),
        Format::Orc => Box::new(orc::OrcReader::new(path, file_name, options)?),
        Format::Protobuf => Box::new(protobuf::ProtobufReader::new(stream()?, file_name, options)?),
        Format::Arrow => Box::new(arrow::ArrowReader::new(stream()?, file_name, options)),
    })
}

/// Runs a library's decoder. One that panics on a damaged file has found it damaged.
fn guarded<T>(file: &str, format: &'static str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let reason = format!("its content is damaged ({})", text.unwrap_or("the decoder gave up"));
        Err(Error::Malformed { file: file.to_owned(), format, reason })
    })
}
