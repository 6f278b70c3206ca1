//! Random rows in segments of every encoding.

use std::{cell::RefCell, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, RecordBatch, RecordBatchOptions},
    datatypes::{Field, Schema as ArrowSchema},
};
use functions::arrays::{from_values, value_at};
use model::{ColumnType, IndexingConfig, Schema, Value};
use query::{BindContext, Bound, BoundQuery, Catalog, TableInfo};
use rand::{Rng, SeedableRng, rngs::StdRng};
use segment::{
    ImmutableSegment,
    creator::{CreatorOptions, SegmentCreator},
    reader::{ColumnReader, SegmentReader},
};

/// Docs of each segment: less than a block, more than one, exactly one doc.
const SEGMENT_ROWS: [usize; 4] = [300, 4_500, 1, 700];

pub struct Data {
    pub schema: Arc<Schema>,
    pub segments: Vec<Arc<dyn SegmentReader>>,
    /// All rows, with NULLs.
    pub columns: Vec<(String, ColumnType, ArrayRef)>,
    pub rows: usize,
    defaults: RefCell<Vec<(String, ColumnType, ArrayRef)>>,
    _directory: tempfile::TempDir,
}

struct One(&'static str, TableInfo);

impl Catalog for One {
    fn table(&self, name: &str) -> Option<TableInfo> {
        (name == self.0).then(|| self.1.clone())
    }
}

/// Binds a statement over the only table.
pub fn bind(schema: &Arc<Schema>, table: &'static str, sql: &str) -> BoundQuery {
    let statement = query::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let catalog = One(table, TableInfo::new(Arc::clone(schema)));
    match query::bind(&statement, &catalog, &BindContext::new(1_700_000_000_000)) {
        Ok(Bound::Query(query)) => *query,
        Ok(Bound::Answer(_)) => panic!("answered without segments: {sql}"),
        Err(error) => panic!("{sql}: {error}"),
    }
}

fn schema() -> Arc<Schema> {
    let json = serde_json::json!({
        "schemaName": "t",
        "dimensionFieldSpecs": [
            {"name": "d8", "dataType": "STRING"}, {"name": "d16", "dataType": "STRING"},
            {"name": "i", "dataType": "INT"}, {"name": "so", "dataType": "INT"},
            {"name": "rl", "dataType": "LONG"}, {"name": "rs", "dataType": "STRING"},
            {"name": "b", "dataType": "BOOLEAN"}, {"name": "ts", "dataType": "TIMESTAMP"},
            {"name": "mi", "dataType": "INT", "singleValueField": false},
            {"name": "ms", "dataType": "STRING", "singleValueField": false}
        ],
        "metricFieldSpecs": [{"name": "rd", "dataType": "DOUBLE"}, {"name": "rf", "dataType": "FLOAT"}]
    });
    Arc::new(Schema::from_json(&json).unwrap())
}

fn cell(rng: &mut StdRng, name: &str, sorted: i32) -> Value {
    let nullable = !matches!(name, "so" | "d16" | "rs" | "ms" | "rf");
    if nullable && rng.random_range(0..9) == 0 {
        return Value::Null;
    }
    let many = |rng: &mut StdRng| rng.random_range(1..4);
    match name {
        "d8" => Value::String(format!("a{}", rng.random_range(0..6))),
        "d16" => Value::String(format!("v{:04}", rng.random_range(0..400))),
        "i" => Value::Int(rng.random_range(-50..50)),
        "so" => Value::Int(sorted),
        "rl" => Value::Long(rng.random_range(-80..80)),
        "rs" => Value::String(format!("text {}", rng.random_range(0..2_000))),
        "b" => Value::Boolean(rng.random_range(0..2) == 0),
        "ts" => Value::Timestamp(1_600_000_000_000 + rng.random_range(0..5) * 86_400_000),
        "mi" => {
            let n = many(rng);
            Value::Array(model::DataType::Int, (0..n).map(|_| Value::Int(rng.random_range(0..10))).collect())
        }
        "ms" => {
            let n = many(rng);
            let item = |rng: &mut StdRng| Value::String(format!("m{}", rng.random_range(0..8)));
            Value::Array(model::DataType::String, (0..n).map(|_| item(rng)).collect())
        }
        "rd" => Value::Double(f64::from(rng.random_range(-400..400i32)) / 4.0),
        _ => Value::Float(rng.random_range(0..30) as f32 / 2.0),
    }
}

impl Data {
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let schema = schema();
        let directory = tempfile::tempdir().unwrap();
        let mut indexing = IndexingConfig::default();
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        indexing.inverted = set(&["d16", "mi"]);
        indexing.range = set(if seed.is_multiple_of(2) { &["i", "rd"] } else { &[] });
        indexing.no_dictionary = set(&["rl", "rs", "rd", "rf", "ts"]);
        indexing.null_handling_enabled = true;
        let mut segments: Vec<Arc<dyn SegmentReader>> = Vec::new();
        let mut values: Vec<Vec<Value>> = vec![Vec::new(); schema.fields.len()];
        for (ordinal, rows) in SEGMENT_ROWS.iter().enumerate() {
            let mut sorted: Vec<i32> = (0..*rows).map(|_| rng.random_range(0..40)).collect();
            sorted.sort_unstable();
            let mut columns = Vec::new();
            let mut fields = Vec::new();
            for (at, field) in schema.fields.iter().enumerate() {
                let cells: Vec<Value> = sorted.iter().map(|s| cell(&mut rng, &field.name, *s)).collect();
                let ty = field.column_type();
                columns.push(from_values(ty, &cells).unwrap());
                fields.push(Field::new(field.name.clone(), ty.arrow(), true));
                values[at].extend(cells);
            }
            let options = RecordBatchOptions::new().with_row_count(Some(*rows));
            let batch =
                RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), columns, &options).unwrap();
            let output_file = directory.path().join(format!("{ordinal}.segment"));
            let mut creator = SegmentCreator::new(CreatorOptions {
                segment_name: format!("seg_{ordinal}"),
                table_name: "t_OFFLINE".to_owned(),
                schema: Arc::clone(&schema),
                indexing: indexing.clone(),
                time_column: None,
                output_file: output_file.clone(),
                work_dir: directory.path().to_path_buf(),
                memory_budget_bytes: 64 << 20,
            })
            .unwrap();
            creator.append(&batch).unwrap();
            creator.finish().unwrap();
            segments.push(ImmutableSegment::open(&output_file).unwrap());
        }
        let columns = schema
            .fields
            .iter()
            .zip(&values)
            .map(|(field, cells)| {
                (field.name.clone(), field.column_type(), from_values(field.column_type(), cells).unwrap())
            })
            .collect();
        Self {
            schema,
            segments,
            columns,
            rows: SEGMENT_ROWS.iter().sum(),
            defaults: RefCell::default(),
            _directory: directory,
        }
    }

    pub fn bind(&self, sql: &str) -> BoundQuery {
        bind(&self.schema, "t", sql)
    }

    /// A column with default values in place of NULLs.
    pub fn defaults(&self, name: &str) -> Option<(ColumnType, ArrayRef)> {
        let mut made = self.defaults.borrow_mut();
        if let Some((_, ty, array)) = made.iter().find(|(n, _, _)| n == name) {
            return Some((*ty, array.clone()));
        }
        let (_, ty, array) = self.columns.iter().find(|(n, _, _)| n == name)?;
        let default = &self.schema.field(name)?.default_null_value;
        let default = if ty.multi_value { Value::Array(ty.data_type, vec![default.clone()]) } else { default.clone() };
        let cells: Vec<Value> = (0..array.len())
            .map(|row| {
                let value = value_at(array.as_ref(), *ty, row);
                if value.is_null() { default.clone() } else { value }
            })
            .collect();
        let array = from_values(*ty, &cells).ok()?;
        made.push((name.to_owned(), *ty, array.clone()));
        Some((*ty, array))
    }
}

/// One value as text, the same for equal values.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        // Sums of large numbers depend on their order in the last digits.
        Value::Double(v) => format!("{v:.11e}"),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => v.clone(),
        Value::Array(_, items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        other => format!("{other:?}"),
    }
}

pub fn row_texts(batch: &RecordBatch, types: &[ColumnType]) -> Vec<Vec<String>> {
    assert_eq!(batch.num_columns(), types.len(), "columns of the answer");
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().zip(types).map(|(c, ty)| text(&value_at(c.as_ref(), *ty, row))).collect())
        .collect()
}

/// A segment that answers only when the deadline has passed.
pub struct Late {
    pub segment: Arc<dyn SegmentReader>,
    pub deadline: std::time::Instant,
}

impl SegmentReader for Late {
    fn name(&self) -> &str {
        "late"
    }
    fn num_docs(&self) -> u32 {
        self.segment.num_docs()
    }
    fn column(&self, name: &str) -> Option<&dyn ColumnReader> {
        while std::time::Instant::now() <= self.deadline {
            std::thread::yield_now();
        }
        self.segment.column(name)
    }
    fn column_names(&self) -> Vec<&str> {
        self.segment.column_names()
    }
    fn time_range(&self) -> Option<(i64, i64)> {
        None
    }
}

/// A segment whose bytes cannot be read.
pub struct Broken;

impl SegmentReader for Broken {
    fn name(&self) -> &str {
        "broken"
    }
    fn num_docs(&self) -> u32 {
        10
    }
    fn column(&self, _name: &str) -> Option<&dyn ColumnReader> {
        panic!("unreadable page")
    }
    fn column_names(&self) -> Vec<&str> {
        Vec::new()
    }
    fn time_range(&self) -> Option<(i64, i64)> {
        None
    }
}
