//! ORC.
//!
//! Values are as the reference reader gives them: booleans and decimals as texts, dates as day numbers, timestamps as
//! epoch milliseconds, lists without their nulls.
//!
//! The library that decodes trusts the lengths in a file; [`guard`] and [`lengths`] check them first, so that a
//! damaged file is an error and takes no more memory than a good one.

mod guard;
mod lengths;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use orc_rust::{
    ArrowReaderBuilder, TimestampPrecision,
    array_decoder::NaiveStripeDecoder,
    projection::ProjectionMask,
    reader::metadata::FileMetadata,
    schema::{DataType, RootDataType},
    stripe::Stripe,
};

use self::guard::GuardedFile;
use super::{
    DecodeJob, ReadOptions, RecordReader, guarded,
    random::RandomFile,
    typed::{self, Conversion, Dates, Times},
};
use crate::Error;

const FORMAT: &str = "ORC";
/// With lists and maps a batch has fewer rows, since each may hold many elements.
const NESTED_BATCH_ROWS: usize = 1024;

const CONVERSION: Conversion = Conversion {
    dates: Dates::LongDays,
    times: Times::Millis,
    boolean_texts: true,
    decimal_texts: true,
    byte_texts: false,
    drop_nulls: true,
};

/// Reads stripe by stripe, batch by batch.
pub(super) struct OrcReader {
    source: GuardedFile,
    metadata: Arc<FileMetadata>,
    wanted: RootDataType,
    schema: SchemaRef,
    batch_rows: usize,
    /// The next stripe to open.
    next_stripe: usize,
    stripe: Option<NaiveStripeDecoder>,
    /// Rows left to hand out where no column is wanted.
    bare_rows: u64,
    file: Arc<str>,
}

impl OrcReader {
    pub fn new(path: &Path, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let plain = RandomFile::open(path, b"ORC", options)?;
        guarded(file, FORMAT, || {
            let malformed = |reason: String| Error::Malformed { file: file.to_owned(), format: FORMAT, reason };
            let source = GuardedFile::new(plain).map_err(malformed)?;
            let builder = ArrowReaderBuilder::try_new(source.clone()).map_err(|e| malformed(e.to_string()))?;
            let builder = builder.with_timestamp_precision(TimestampPrecision::Microsecond);
            let root = builder.file_metadata().root_data_type();
            let names: Vec<&str> = root.children().iter().map(|c| c.name()).filter(|n| options.wants(n)).collect();
            let mask = ProjectionMask::named_roots(root, &names);
            let builder = builder.with_projection(mask.clone());
            let wanted = builder.file_metadata().root_data_type().project(&mask);
            for column in wanted.children() {
                supported(column.name(), column.data_type()).map_err(malformed)?;
            }
            let nested = wanted.children().iter().any(|c| !is_flat(c.data_type()));
            let metadata = Arc::new(builder.file_metadata().clone());
            Ok(Self {
                source,
                schema: builder.schema(),
                wanted,
                metadata,
                batch_rows: if nested { NESTED_BATCH_ROWS } else { typed::BATCH_ROWS },
                next_stripe: 0,
                stripe: None,
                bare_rows: 0,
                file: file.into(),
            })
        })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            if let Some(stripe) = &mut self.stripe
                && let Some(batch) = stripe.next()
            {
                return batch.map(Some).map_err(|e| e.to_string());
            }
            self.stripe = None;
            let Some(info) = self.metadata.stripe_metadatas().get(self.next_stripe) else { return Ok(None) };
            self.next_stripe += 1;
            let stripe =
                Stripe::new(&mut self.source, &self.metadata, &self.wanted, info).map_err(|e| e.to_string())?;
            lengths::check(&stripe, self.batch_rows)?;
            let decoder = NaiveStripeDecoder::new(stripe, self.schema.clone(), self.batch_rows);
            self.stripe = Some(decoder.map_err(|e| e.to_string())?);
        }
    }

    /// Rows without any column: the file has none of those that are wanted.
    fn next_bare(&mut self) -> Option<RecordBatch> {
        while self.bare_rows == 0 {
            let info = self.metadata.stripe_metadatas().get(self.next_stripe)?;
            self.next_stripe += 1;
            self.bare_rows = info.number_of_rows();
        }
        let rows = self.bare_rows.min(typed::BATCH_ROWS as u64);
        self.bare_rows -= rows;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(self.schema.clone(), Vec::new(), &options).ok()
    }
}

impl RecordReader for OrcReader {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let file = self.file.clone();
        let malformed = |reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason };
        let batch = match self.wanted.children().is_empty() {
            true => self.next_bare(),
            false => guarded(&file, FORMAT, || self.next_batch().map_err(malformed))?,
        };
        let Some(batch) = batch else { return Ok(None) };
        Ok(Some(Box::new(move || {
            let raw = typed::raw_batch(&batch, |_| CONVERSION);
            raw.map_err(|reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason })
        })))
    }
}

fn is_flat(ty: &DataType) -> bool {
    match ty {
        DataType::List { .. } | DataType::Map { .. } => false,
        DataType::Struct { children, .. } => children.iter().all(|c| is_flat(c.data_type())),
        _ => true,
    }
}

fn supported(name: &str, ty: &DataType) -> Result<(), String> {
    match ty {
        DataType::Union { .. } => Err(format!("column {name}: a union type is not supported")),
        DataType::List { child, .. } => supported(name, child),
        DataType::Map { key, value, .. } => supported(name, key).and_then(|()| supported(name, value)),
        DataType::Struct { children, .. } => children.iter().try_for_each(|c| supported(name, c.data_type())),
        _ => Ok(()),
    }
}
