//! Parquet.
//!
//! Values are what the file stores: dates stay day numbers and timestamps their raw unit, unless the file says that
//! an Avro writer made it; booleans become texts.

use std::{path::Path, sync::Arc};

use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
        },
    },
    basic::{ConvertedType, Encoding, LogicalType, Type as PhysicalType},
    file::metadata::ColumnChunkMetaData,
    schema::types::{ColumnDescriptor, SchemaDescriptor},
};

use super::{
    DecodeJob, ReadOptions, RecordReader, guarded,
    random::RandomFile,
    typed::{self, Conversion, Dates, Times},
};
use crate::Error;

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
    /// Top-level columns that hold INT96.
    int96: Vec<String>,
    /// Top-level columns that hold enums.
    enums: Vec<String>,
}

impl ParquetReader {
    pub fn new(path: &Path, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let plain = RandomFile::open(path, b"PAR1", options)?;
        guarded(file, FORMAT, || Self::open(plain, file, options))
    }

    fn open(plain: RandomFile, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let malformed = |e: parquet::errors::ParquetError| Error::Malformed {
            file: file.to_owned(),
            format: FORMAT,
            reason: e.to_string(),
        };
        let reader_options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let mut metadata = ArrowReaderMetadata::load(&plain, reader_options.clone()).map_err(malformed)?;
        if let Some(schema) = with_dictionaries(&metadata) {
            let options = reader_options.with_schema(schema);
            metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(malformed)?;
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(plain, metadata);
        let schema = builder.parquet_schema();
        let roots = schema.root_schema().get_fields().iter().enumerate();
        let wanted: Vec<usize> = roots.filter(|(_, f)| options.wants(f.name())).map(|(i, _)| i).collect();
        let written_from_avro = builder.metadata().file_metadata().key_value_metadata().is_some_and(|pairs| {
            pairs.iter().any(|kv| matches!(kv.key.as_str(), "parquet.avro.schema" | "avro.schema"))
        });
        let native = options.flag("useParquetNativeRecordReader", false)?;
        let by_avro = options.flag("useParquetAvroRecordReader", false)?;
        let rules = Rules {
            logical: by_avro || (written_from_avro && !native),
            int96: roots_with(schema, |leaf| leaf.physical_type() == PhysicalType::INT96),
            enums: roots_with(schema, is_enum),
        };
        let mask = ProjectionMask::roots(schema, wanted);
        let batches = builder.with_projection(mask).with_batch_size(typed::BATCH_ROWS).build().map_err(malformed)?;
        Ok(Self { batches, file: file.into(), rules: Arc::new(rules) })
    }
}

const FORMAT: &str = "Parquet";

/// The file's schema with texts left as references to the dictionaries that the file has of them, where it has. `None`
/// where it has none.
fn with_dictionaries(metadata: &ArrowReaderMetadata) -> Option<SchemaRef> {
    let groups = metadata.metadata().row_groups();
    let leaves = metadata.parquet_schema().columns();
    let is_coded = |name: &str| {
        let leaf = leaves.iter().position(|leaf| leaf.path().parts() == [name]);
        leaf.is_some_and(|leaf| !groups.is_empty() && groups.iter().all(|group| is_all_dictionary(group.column(leaf))))
    };
    let mut found = false;
    let fields = metadata.schema().fields().iter().map(|field| {
        if field.data_type() != &DataType::Utf8 || !is_coded(field.name()) {
            return field.clone();
        }
        found = true;
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        Arc::new(field.as_ref().clone().with_data_type(coded))
    });
    let schema = Schema::new(fields.collect::<Fields>());
    found.then(|| Arc::new(schema))
}

/// Whether every data page holds references to a dictionary.
fn is_all_dictionary(column: &ColumnChunkMetaData) -> bool {
    column.dictionary_page_offset().is_some()
        && column
            .page_encoding_stats_mask()
            .is_some_and(|mask| mask.is_only(Encoding::PLAIN_DICTIONARY) || mask.is_only(Encoding::RLE_DICTIONARY))
}

fn is_enum(leaf: &ColumnDescriptor) -> bool {
    leaf.logical_type_ref() == Some(&LogicalType::Enum) || leaf.converted_type() == ConvertedType::ENUM
}

/// Top-level columns with a leaf of a kind.
fn roots_with(schema: &SchemaDescriptor, wanted: impl Fn(&ColumnDescriptor) -> bool) -> Vec<String> {
    let leaves = schema.columns().iter().filter(|leaf| wanted(leaf));
    leaves.filter_map(|leaf| leaf.path().parts().first().cloned()).collect()
}

impl RecordReader for ParquetReader {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let file = &self.file;
        let malformed = |reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason };
        let batches = &mut self.batches;
        let batch = guarded(file, FORMAT, || batches.next().transpose().map_err(|e| malformed(e.to_string())))?;
        let Some(batch) = batch else { return Ok(None) };
        let (file, rules) = (self.file.clone(), self.rules.clone());
        Ok(Some(Box::new(move || {
            let raw = typed::raw_batch(&batch, |column| rules.conversion(column));
            raw.map_err(|reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason })
        })))
    }
}

impl Rules {
    fn conversion(&self, column: &str) -> Conversion {
        let among = |names: &[String]| names.iter().any(|n| n == column);
        Conversion {
            dates: if self.logical { Dates::Iso } else { Dates::Days },
            times: match (among(&self.int96), self.logical) {
                (true, _) => Times::Millis,
                (false, true) => Times::Logical,
                (false, false) => Times::Stored,
            },
            boolean_texts: true,
            decimal_texts: false,
            byte_texts: among(&self.enums),
            drop_nulls: false,
        }
    }
}

#[cfg(test)]
mod tests;
