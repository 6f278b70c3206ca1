//! `$docId`: the number of a doc within its segment.

use std::{ops::Range, sync::Arc};

use arrow::array::{ArrayRef, Int32Array};
use model::{ColumnType, DataType, FieldRole, Value};
use roaring::RoaringBitmap;
use segment::reader::{BloomFilter, ColumnReader, Dictionary, Forward, InvertedIndex, RangeIndex};

/// Holds nothing: values are made when asked for.
pub(crate) struct DocIdColumn {
    num_docs: u32,
}

impl DocIdColumn {
    pub(crate) fn new(num_docs: u32) -> Self {
        Self { num_docs }
    }
}

impl ColumnReader for DocIdColumn {
    fn ty(&self) -> ColumnType {
        DataType::Int.sv()
    }
    fn role(&self) -> FieldRole {
        FieldRole::Dimension
    }
    fn cardinality(&self) -> u32 {
        self.num_docs
    }
    fn min_max(&self) -> Option<(Value, Value)> {
        let last = self.num_docs.checked_sub(1)?;
        Some((Value::Int(0), Value::Int(last as i32)))
    }
    fn is_sorted(&self) -> bool {
        true
    }
    fn total_entries(&self) -> u64 {
        u64::from(self.num_docs)
    }
    fn max_entries_per_doc(&self) -> u32 {
        1
    }
    fn nulls(&self) -> Option<&RoaringBitmap> {
        None
    }
    fn dictionary(&self) -> Option<&dyn Dictionary> {
        None
    }
    fn forward(&self) -> Forward<'_> {
        Forward::Var
    }
    fn counts_per_id(&self) -> Option<&[u32]> {
        None
    }
    fn inverted(&self) -> Option<&dyn InvertedIndex> {
        None
    }
    fn range(&self) -> Option<&dyn RangeIndex> {
        None
    }
    fn bloom(&self) -> Option<&dyn BloomFilter> {
        None
    }
    fn partitions(&self) -> Option<(&str, u32, &[u32])> {
        None
    }
    fn values(&self, docs: &[u32]) -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(docs.iter().map(|&d| d as i32)))
    }
    fn values_range(&self, docs: Range<u32>) -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(docs.map(|d| d as i32)))
    }
}
