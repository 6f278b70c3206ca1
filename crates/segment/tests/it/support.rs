//! A table with every type and data for it that is the same in every run.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
        RecordBatch, StringArray, new_empty_array,
    },
    buffer::{NullBuffer, OffsetBuffer},
    compute::concat,
    datatypes::{Field, Schema as ArrowSchema},
};
use model::{DataType, FieldSpec, IndexingConfig, Schema};
use segment::{BuiltSegment, CreatorOptions, SegmentCreator};

/// A small generator of pseudo-random numbers.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

pub const TYPES: [DataType; 11] = [
    DataType::Int,
    DataType::Long,
    DataType::Float,
    DataType::Double,
    DataType::BigDecimal,
    DataType::Boolean,
    DataType::Timestamp,
    DataType::String,
    DataType::Json,
    DataType::Bytes,
    DataType::Map,
];

/// `sv_<type>` and `mv_<type>` of every type, a sorted `day`, and a metric `amount`.
pub fn schema() -> Schema {
    let mut fields = Vec::new();
    for data_type in TYPES {
        fields.push(FieldSpec::dimension(format!("sv_{data_type}"), data_type));
        if data_type != DataType::Map {
            fields.push(FieldSpec::dimension(format!("mv_{data_type}"), data_type).multi());
        }
    }
    fields.push(FieldSpec::metric("amount", DataType::Double));
    fields.push(FieldSpec::date_time("day", DataType::Long, "1:MILLISECONDS:EPOCH", "1:MILLISECONDS"));
    Schema::new("everything", fields)
}

/// `len` random elements out of about `distinct` values, without nulls.
pub fn elements(rng: &mut Rng, data_type: DataType, len: usize, distinct: u64) -> ArrayRef {
    let mut pick = || rng.below(distinct) as i64 - (distinct / 2) as i64;
    let numbers: Vec<i64> = (0..len).map(|_| pick()).collect();
    match data_type {
        DataType::Int => Arc::new(Int32Array::from_iter_values(numbers.iter().map(|&n| n as i32 * 7))),
        DataType::Long | DataType::Timestamp => {
            Arc::new(Int64Array::from_iter_values(numbers.iter().map(|&n| n * 1_000_000_007)))
        }
        DataType::Float => Arc::new(Float32Array::from_iter_values(numbers.iter().map(|&n| n as f32 / 4.0))),
        DataType::Double => Arc::new(Float64Array::from_iter_values(numbers.iter().map(|&n| n as f64 / 8.0))),
        DataType::Boolean => Arc::new(BooleanArray::from_iter(numbers.iter().map(|&n| Some(n % 2 == 0)))),
        DataType::BigDecimal => {
            Arc::new(StringArray::from_iter_values(numbers.iter().map(|&n| format!("{n}.{:02}5", n.abs() % 100))))
        }
        DataType::Bytes => {
            Arc::new(BinaryArray::from_iter_values(numbers.iter().map(|&n| n.to_be_bytes()[4..].to_vec())))
        }
        DataType::Json | DataType::Map => {
            Arc::new(StringArray::from_iter_values(numbers.iter().map(|&n| format!("{{\"k\":{n},\"ü\":[1,2]}}"))))
        }
        _ => Arc::new(StringArray::from_iter_values(
            numbers.iter().map(|&n| if n == 0 { String::new() } else { format!("värde {n}") }),
        )),
    }
}

/// A batch of `rows` rows of [`schema`], some without value. `first` is the number of rows before.
pub fn batch(rng: &mut Rng, schema: &Schema, first: usize, rows: usize, distinct: u64) -> RecordBatch {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for field in &schema.fields {
        let nulls = NullBuffer::from_iter((0..rows).map(|_| rng.below(13) != 0));
        let array: ArrayRef = if field.name == "day" {
            Arc::new(Int64Array::from_iter_values((first..first + rows).map(|row| row as i64 / 3 * 1000)))
        } else if field.multi_value {
            let lengths: Vec<usize> = (0..rows).map(|_| rng.below(4) as usize).collect();
            let values = elements(rng, field.data_type, lengths.iter().sum(), distinct);
            let item = Arc::new(Field::new("item", field.data_type.arrow(), true));
            Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
        } else {
            let values = elements(rng, field.data_type, rows, distinct);
            let data = values.to_data().into_builder().nulls(Some(nulls)).build().unwrap();
            arrow::array::make_array(data)
        };
        fields.push(Field::new(&field.name, field.column_type().arrow(), true));
        columns.push(array);
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap()
}

/// What the segment holds of `array`: defaults in place of nulls and of empty lists.
pub fn stored(field: &FieldSpec, array: &ArrayRef) -> ArrayRef {
    use arrow::array::{Array, AsArray};
    let default = default_element(field);
    let mut parts: Vec<ArrayRef> = vec![new_empty_array(&field.data_type.arrow())];
    let mut lengths = Vec::new();
    for row in 0..array.len() {
        if !field.multi_value {
            parts.push(if array.is_valid(row) { array.slice(row, 1) } else { Arc::clone(&default) });
            continue;
        }
        let list = array.as_list::<i32>();
        let value = list.value(row);
        let part = if list.is_valid(row) && !value.is_empty() { value } else { Arc::clone(&default) };
        lengths.push(part.len());
        parts.push(part);
    }
    let parts: Vec<&dyn arrow::array::Array> = parts.iter().map(|p| p.as_ref()).collect();
    let flat = concat(&parts).unwrap();
    if !field.multi_value {
        return flat;
    }
    let item = Arc::new(Field::new("item", field.data_type.arrow(), true));
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), flat, None))
}

fn default_element(field: &FieldSpec) -> ArrayRef {
    use model::Value;
    let value = match &field.default_null_value {
        Value::Array(_, elements) => &elements[0],
        value => value,
    };
    match value {
        Value::Int(v) => Arc::new(Int32Array::from(vec![*v])),
        Value::Long(v) | Value::Timestamp(v) => Arc::new(Int64Array::from(vec![*v])),
        Value::Float(v) => Arc::new(Float32Array::from(vec![*v])),
        Value::Double(v) => Arc::new(Float64Array::from(vec![*v])),
        Value::Boolean(v) => Arc::new(BooleanArray::from(vec![*v])),
        Value::BigDecimal(v) => Arc::new(StringArray::from(vec![v.to_plain_string()])),
        Value::String(v) | Value::Json(v) | Value::Map(v) => Arc::new(StringArray::from(vec![v.clone()])),
        Value::Bytes(v) => Arc::new(BinaryArray::from_vec(vec![v])),
        other => panic!("no element: {other:?}"),
    }
}

pub fn options(dir: &Path, name: &str, schema: &Schema, indexing: IndexingConfig) -> CreatorOptions {
    CreatorOptions {
        segment_name: name.to_owned(),
        table_name: "everything_OFFLINE".to_owned(),
        schema: Arc::new(schema.clone()),
        indexing,
        time_column: Some("day".to_owned()),
        output_file: dir.join(format!("{name}.seg")),
        work_dir: dir.to_owned(),
        memory_budget_bytes: 64 << 20,
    }
}

/// Builds a segment of `batches` in `dir`.
pub fn build(
    dir: &Path,
    name: &str,
    schema: &Schema,
    indexing: IndexingConfig,
    batches: &[RecordBatch],
) -> BuiltSegment {
    let mut creator = SegmentCreator::new(options(dir, name, schema, indexing)).unwrap().with_creation_time_ms(1_000);
    for batch in batches {
        creator.append(batch).unwrap();
    }
    creator.finish().unwrap()
}

/// The batches that most tests use: three of uneven size.
pub fn batches(schema: &Schema, rows: usize, distinct: u64) -> Vec<RecordBatch> {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let sizes = [rows / 2, rows / 3, rows - rows / 2 - rows / 3];
    let mut first = 0;
    sizes
        .into_iter()
        .map(|size| {
            let made = batch(&mut rng, schema, first, size, distinct);
            first += size;
            made
        })
        .collect()
}

/// All of column `name`, as the segment has to hold it.
pub fn expected(schema: &Schema, batches: &[RecordBatch], name: &str) -> ArrayRef {
    let field = schema.field(name).unwrap();
    let parts: Vec<ArrayRef> = batches.iter().map(|b| stored(field, b.column_by_name(name).unwrap())).collect();
    concat(&parts.iter().map(|p| p.as_ref()).collect::<Vec<_>>()).unwrap()
}

/// Inverted, range and bloom on every column that can have them, and null vectors.
pub fn all_indexes() -> IndexingConfig {
    let mut indexing = IndexingConfig { null_handling_enabled: true, ..IndexingConfig::default() };
    for field in &schema().fields {
        indexing.inverted.insert(field.name.clone());
        indexing.range.insert(field.name.clone());
        indexing.bloom.insert(field.name.clone(), Default::default());
    }
    indexing
}
