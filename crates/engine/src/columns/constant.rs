//! A column with the same value in every doc: `$segmentName`, `$hostName`, and columns that a segment lacks.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
        StringArray, new_null_array,
    },
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::Field,
};
use model::{ColumnType, DataType, FieldRole, Value};
use roaring::RoaringBitmap;
use segment::reader::{BloomFilter, ColumnReader, Dictionary, Forward, Ids, InvertedIndex, Numbers, RangeIndex};

use crate::columns::default_null_value;

/// Presents itself as a dictionary column, so that filters fold on it and grouping by it costs nothing.
pub(crate) struct ConstantColumn {
    ty: ColumnType,
    num_docs: u32,
    dictionary: FewValues,
    starts: [u32; 2],
    /// Offsets and ids of the multi-value form; empty for a single-value column.
    offsets: Vec<u32>,
    ids: Vec<u8>,
    nulls: Option<RoaringBitmap>,
    counts: Vec<u32>,
}

impl ConstantColumn {
    /// A virtual column; `value` is an array when `ty` is multi-value (at most 255 elements are kept).
    pub(crate) fn virtual_column(ty: ColumnType, value: Value, num_docs: u32) -> Self {
        let mut values = match value {
            Value::Array(_, values) => values,
            value => vec![value],
        };
        values.truncate(255);
        if let DataType::String = ty.data_type {
            values.sort_by(|a, b| match (a, b) {
                (Value::String(a), Value::String(b)) => a.cmp(b),
                _ => std::cmp::Ordering::Equal,
            });
            values.dedup();
        }
        let (mut offsets, mut ids) = (Vec::new(), Vec::new());
        if ty.multi_value {
            let width = values.len() as u32;
            offsets = (0..=num_docs).map(|doc| doc * width).collect();
            ids = (0..num_docs).flat_map(|_| 0..width as u8).collect();
        }
        let counts = vec![num_docs; values.len()];
        let dictionary = FewValues::new(ty.data_type, values);
        Self { ty, num_docs, dictionary, starts: [0, num_docs], offsets, ids, nulls: None, counts }
    }

    /// A column that the segment does not have: its type's default, and no doc has a value.
    pub(crate) fn missing(ty: ColumnType, num_docs: u32) -> Self {
        let mut column = Self::virtual_column(ty, default_null_value(ty.data_type, FieldRole::Dimension), num_docs);
        let mut nulls = RoaringBitmap::new();
        nulls.insert_range(0..num_docs);
        column.nulls = Some(nulls);
        column
    }

    fn cell(&self) -> Value {
        if self.ty.multi_value {
            Value::Array(self.ty.data_type, self.dictionary.values.clone())
        } else {
            self.dictionary.values[0].clone()
        }
    }
}

impl ColumnReader for ConstantColumn {
    fn ty(&self) -> ColumnType {
        self.ty
    }
    fn role(&self) -> FieldRole {
        FieldRole::Dimension
    }
    fn cardinality(&self) -> u32 {
        self.dictionary.len()
    }
    fn min_max(&self) -> Option<(Value, Value)> {
        let values = &self.dictionary.values;
        Some((values.first()?.clone(), values.last()?.clone()))
    }
    fn is_sorted(&self) -> bool {
        !self.ty.multi_value
    }
    fn total_entries(&self) -> u64 {
        u64::from(self.num_docs) * u64::from(self.max_entries_per_doc())
    }
    fn max_entries_per_doc(&self) -> u32 {
        self.dictionary.len()
    }
    fn nulls(&self) -> Option<&RoaringBitmap> {
        self.nulls.as_ref()
    }
    fn dictionary(&self) -> Option<&dyn Dictionary> {
        Some(&self.dictionary)
    }
    fn forward(&self) -> Forward<'_> {
        if self.ty.multi_value {
            Forward::MultiIds { offsets: &self.offsets, ids: Ids::U8(&self.ids) }
        } else {
            Forward::Sorted { starts: &self.starts }
        }
    }
    fn counts_per_id(&self) -> Option<&[u32]> {
        Some(&self.counts)
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
        repeat(&self.cell(), self.ty, docs.len())
    }
    fn values_range(&self, docs: Range<u32>) -> ArrayRef {
        repeat(&self.cell(), self.ty, docs.len())
    }
}

/// A dictionary of a handful of values.
struct FewValues {
    ty: DataType,
    values: Vec<Value>,
    ints: Vec<i32>,
    longs: Vec<i64>,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    decimals: Vec<String>,
}

impl FewValues {
    fn new(ty: DataType, values: Vec<Value>) -> Self {
        let mut out = Self {
            ty,
            ints: Vec::new(),
            longs: Vec::new(),
            floats: Vec::new(),
            doubles: Vec::new(),
            decimals: Vec::new(),
            values,
        };
        for value in &out.values {
            match value {
                Value::Int(v) => out.ints.push(*v),
                Value::Boolean(v) => out.ints.push(i32::from(*v)),
                Value::Long(v) | Value::Timestamp(v) => out.longs.push(*v),
                Value::Float(v) => out.floats.push(*v),
                Value::Double(v) => out.doubles.push(*v),
                Value::BigDecimal(v) => out.decimals.push(v.to_plain_string()),
                _ => {}
            }
        }
        out
    }
}

impl Dictionary for FewValues {
    fn len(&self) -> u32 {
        self.values.len() as u32
    }
    fn is_sorted(&self) -> bool {
        true
    }
    fn value(&self, id: u32) -> Value {
        self.values.get(id as usize).cloned().unwrap_or(Value::Null)
    }
    fn bytes(&self, id: u32) -> &[u8] {
        match self.values.get(id as usize) {
            Some(Value::String(text) | Value::Json(text) | Value::Map(text)) => text.as_bytes(),
            Some(Value::Bytes(bytes)) => bytes,
            Some(Value::BigDecimal(_)) => self.decimals.get(id as usize).map_or(&[], |text| text.as_bytes()),
            _ => &[],
        }
    }
    fn numbers(&self) -> Numbers<'_> {
        match self.ty {
            DataType::Int | DataType::Boolean => Numbers::I32(&self.ints),
            DataType::Long | DataType::Timestamp => Numbers::I64(&self.longs),
            DataType::Float => Numbers::F32(&self.floats),
            DataType::Double => Numbers::F64(&self.doubles),
            _ => Numbers::None,
        }
    }
    fn id_of(&self, value: &Value) -> Option<u32> {
        self.values.iter().position(|v| compare(v, value).is_eq()).map(|i| i as u32)
    }
    fn rank(&self, value: &Value, or_equal: bool) -> u32 {
        self.values
            .iter()
            .filter(|v| {
                let order = compare(v, value);
                order.is_lt() || or_equal && order.is_eq()
            })
            .count() as u32
    }
    fn all(&self) -> ArrayRef {
        let ids: Vec<u32> = (0..self.len()).collect();
        self.take(&ids)
    }
    fn take(&self, ids: &[u32]) -> ArrayRef {
        let cells: Vec<ArrayRef> = ids.iter().map(|&id| repeat(&self.value(id), self.ty.sv(), 1)).collect();
        let cells: Vec<&dyn arrow::array::Array> = cells.iter().map(AsRef::as_ref).collect();
        arrow::compute::concat(&cells).unwrap_or_else(|_| new_null_array(&self.ty.arrow(), 0))
    }
    fn fingerprint(&self) -> u64 {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        for value in &self.values {
            format!("{value:?}").hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Value order; values of different kinds count as smaller so that nothing matches them by accident.
pub(crate) fn compare(a: &Value, b: &Value) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Long(a) | Value::Timestamp(a), Value::Long(b) | Value::Timestamp(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
        (Value::BigDecimal(a), Value::BigDecimal(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::String(a) | Value::Json(a) | Value::Map(a), Value::String(b) | Value::Json(b) | Value::Map(b)) => {
            a.cmp(b)
        }
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => Ordering::Less,
    }
}

/// An array of `rows` copies of `value`, which has the type `ty` or is NULL.
pub(crate) fn repeat(value: &Value, ty: ColumnType, rows: usize) -> ArrayRef {
    if let Value::Array(element, values) = value {
        let items: Vec<ArrayRef> = values.iter().map(|v| repeat(v, element.sv(), 1)).collect();
        let items: Vec<&dyn arrow::array::Array> = items.iter().map(AsRef::as_ref).collect();
        let row = arrow::compute::concat(&items).unwrap_or_else(|_| new_null_array(&element.arrow(), 0));
        let picks: Vec<u64> = (0..rows).flat_map(|_| 0..row.len() as u64).collect();
        let picks = arrow::array::UInt64Array::from(picks);
        let flat = arrow::compute::take(row.as_ref(), &picks, None);
        let Ok(flat) = flat else { return new_null_array(&ty.arrow(), rows) };
        let offsets: Vec<i32> = (0..=rows).map(|i| (i * row.len()) as i32).collect();
        let field = Arc::new(Field::new("item", element.arrow(), true));
        return Arc::new(ListArray::new(field, OffsetBuffer::new(ScalarBuffer::from(offsets)), flat, None));
    }
    match value {
        Value::Int(v) => Arc::new(Int32Array::from(vec![*v; rows])),
        Value::Long(v) | Value::Timestamp(v) => Arc::new(Int64Array::from(vec![*v; rows])),
        Value::Float(v) => Arc::new(Float32Array::from(vec![*v; rows])),
        Value::Double(v) => Arc::new(Float64Array::from(vec![*v; rows])),
        Value::Boolean(v) => Arc::new(BooleanArray::from(vec![*v; rows])),
        Value::BigDecimal(v) => text(&v.to_plain_string(), rows),
        Value::String(v) | Value::Json(v) | Value::Map(v) => text(v, rows),
        Value::Bytes(v) => Arc::new(BinaryArray::from_iter_values(std::iter::repeat_n(v.as_slice(), rows))),
        Value::Null | Value::Array(..) => new_null_array(&ty.arrow(), rows),
    }
}

fn text(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}
