//! What a query sees of a segment, committed or consuming.
//!
//! Doc ids are `u32`, `< num_docs`; dict ids are `u32`, `< cardinality`. All slices live as long as the reader.

mod column;
mod segment;

use std::{ops::Range, sync::Arc};

use arrow::array::ArrayRef;
use model::{ColumnType, FieldRole, Value};
use roaring::RoaringBitmap;

pub use column::{Column, arrow_type};
pub use segment::ImmutableSegment;

/// One segment. Cheap to share; a query holds an `Arc` for as long as it runs.
pub trait SegmentReader: Send + Sync {
    fn name(&self) -> &str;
    fn num_docs(&self) -> u32;
    /// The column of exactly this name.
    fn column(&self, name: &str) -> Option<&dyn ColumnReader>;
    fn column_names(&self) -> Vec<&str>;
    /// Lowest and highest value of the time column, in its own unit, where there is one.
    fn time_range(&self) -> Option<(i64, i64)>;
    /// Rows may still be appended (a consuming segment).
    fn is_mutable(&self) -> bool {
        false
    }
}

/// One column of a segment.
pub trait ColumnReader: Send + Sync {
    fn ty(&self) -> ColumnType;
    fn role(&self) -> FieldRole;
    /// Number of distinct values; of a raw column an upper bound or 0 when unknown.
    fn cardinality(&self) -> u32;
    /// Lowest and highest value as stored (defaults of nulls included), when known.
    fn min_max(&self) -> Option<(Value, Value)>;
    /// Whether doc order is value order (ascending, single-value).
    fn is_sorted(&self) -> bool;
    /// All elements of all docs; the number of docs for a single-value column.
    fn total_entries(&self) -> u64;
    /// Most elements in one doc; 1 for a single-value column.
    fn max_entries_per_doc(&self) -> u32;
    /// Docs that have no value. `None` when the column keeps no null vector or has no nulls.
    fn nulls(&self) -> Option<&RoaringBitmap>;
    /// `None` for a raw column.
    fn dictionary(&self) -> Option<&dyn Dictionary>;
    fn forward(&self) -> Forward<'_>;
    /// Exact number of entries per dict id, where the footer carries it.
    fn counts_per_id(&self) -> Option<&[u32]>;
    fn inverted(&self) -> Option<&dyn InvertedIndex>;
    fn range(&self) -> Option<&dyn RangeIndex>;
    fn bloom(&self) -> Option<&dyn BloomFilter>;
    /// Partition function, number of partitions and the partitions present, where the column is partitioned.
    fn partitions(&self) -> Option<(&str, u32, &[u32])>;
    /// The doc-ordered values of `docs` (ascending or not, each `< num_docs`) as an array of `ty().arrow()`.
    /// Default null values stand where a doc has no value; the caller applies `nulls()` where it wants NULLs.
    fn values(&self, docs: &[u32]) -> ArrayRef;
    /// As [`Self::values`] for a contiguous range of docs.
    fn values_range(&self, docs: Range<u32>) -> ArrayRef;
}

/// How the values of a column lie in doc order. Fixed-width forms are plain slices for tight loops.
#[derive(Clone, Copy)]
pub enum Forward<'a> {
    /// Dict id per doc.
    Ids(Ids<'a>),
    /// Sorted single-value column: per dict id its docs `starts[id]..starts[id + 1]`; `cardinality + 1` entries.
    Sorted {
        starts: &'a [u32],
    },
    /// Multi-value with a dictionary: doc `d` has the ids at `offsets[d]..offsets[d + 1]`.
    MultiIds {
        offsets: &'a [u32],
        ids: Ids<'a>,
    },
    /// Raw single values. BOOLEAN is stored as `I32` 0/1, TIMESTAMP as `I64`.
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    /// Raw strings, bytes, decimals or multi-value: read through [`ColumnReader::values`].
    Var,
}

/// Dict ids in the narrowest fixed width that holds the cardinality.
#[derive(Clone, Copy)]
pub enum Ids<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
}

impl Ids<'_> {
    #[inline]
    pub fn get(&self, index: usize) -> u32 {
        match self {
            Self::U8(ids) => u32::from(ids[index]),
            Self::U16(ids) => u32::from(ids[index]),
            Self::U32(ids) => ids[index],
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::U8(ids) => ids.len(),
            Self::U16(ids) => ids.len(),
            Self::U32(ids) => ids.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Distinct values by dict id. Sorted ascending (numbers by value, strings and bytes by bytes) unless the segment is
/// mutable.
pub trait Dictionary: Send + Sync {
    fn len(&self) -> u32;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn is_sorted(&self) -> bool;
    /// The value of `id`, in the column's logical type.
    fn value(&self, id: u32) -> Value;
    /// UTF-8 or raw bytes of a STRING, JSON, BIG_DECIMAL (plain text), MAP or BYTES entry.
    fn bytes(&self, id: u32) -> &[u8];
    /// Fixed-width entries as slices for numeric loops.
    fn numbers(&self) -> Numbers<'_>;
    /// The id of a value of the column's type.
    fn id_of(&self, value: &Value) -> Option<u32>;
    /// For a sorted dictionary: how many entries are `< value` (`or_equal`: `<= value`).
    fn rank(&self, value: &Value, or_equal: bool) -> u32;
    /// All entries, or those of `ids`, as an array of the element's Arrow type.
    fn all(&self) -> ArrayRef;
    fn take(&self, ids: &[u32]) -> ArrayRef;
    /// Identity of the dictionary's content, for caches of server-wide id maps.
    fn fingerprint(&self) -> u64;
}

#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    /// Strings, bytes and decimals.
    None,
}

/// Docs by dict id.
pub trait InvertedIndex: Send + Sync {
    /// Docs in which `id` occurs. Shared, since the reader may cache it.
    fn docs(&self, id: u32) -> Arc<RoaringBitmap>;
    /// Bytes of the index, for size reports.
    fn size_bytes(&self) -> u64;
}

/// Docs by value range, over dict ids (dictionary columns) or raw numbers.
pub trait RangeIndex: Send + Sync {
    /// Docs certainly inside, and docs that have to be checked, for values in `[lower, upper]` (both inclusive, `None`
    /// is open). For a dictionary column the bounds are dict ids (`Value::Int`).
    fn docs(&self, lower: Option<&Value>, upper: Option<&Value>) -> (RoaringBitmap, RoaringBitmap);
    fn size_bytes(&self) -> u64;
}

/// May the segment hold a value?
pub trait BloomFilter: Send + Sync {
    /// False means certainly not. `value` has the column's type.
    fn might_contain(&self, value: &Value) -> bool;
    fn size_bytes(&self) -> u64;
}
