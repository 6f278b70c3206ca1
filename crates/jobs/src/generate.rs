//! Random rows for a schema.

use std::path::{Path, PathBuf};

use model::{DataType, FieldRole, FieldSpec, Schema, Value};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::Value as Json;

use crate::{
    Error,
    rows::{CsvStyle, RowColumn, RowFormat, write_file},
};

const DEFAULT_CARDINALITY: u64 = 1000;
/// Most elements of a multi-value cell.
const MAX_ELEMENTS: u64 = 5;
const YEAR_MS: i64 = 365 * 86_400_000;

/// What the values of a column are drawn from.
#[derive(Clone, Debug, PartialEq)]
enum Draw {
    /// So many distinct values.
    Cardinality(u64),
    /// Whole numbers of a closed range.
    Range(i64, i64),
    /// Times of the year before this one, in the column's format.
    Time(i64),
}

/// Draws rows of a schema. The same seed gives the same rows.
pub struct Generator {
    fields: Vec<(FieldSpec, Draw)>,
    random: SmallRng,
}

impl Generator {
    /// `annotations` is a list of `{"column", "cardinality"}` or `{"column", "range": true, "rangeStart", "rangeEnd"}`.
    pub fn new(schema: &Schema, annotations: Option<&Json>, now_ms: i64, seed: u64) -> Result<Self, Error> {
        let mut fields: Vec<(FieldSpec, Draw)> = Vec::new();
        for field in schema.fields.iter().filter(|f| !f.is_virtual()) {
            let draw = match field.role {
                FieldRole::Metric => Draw::Range(1, 1000),
                FieldRole::DateTime | FieldRole::Time => Draw::Time(now_ms),
                _ => Draw::Cardinality(DEFAULT_CARDINALITY),
            };
            fields.push((field.clone(), draw));
        }
        let bad = |value: &Json, reason: &str| Error::Value {
            what: "schema annotation",
            value: value.to_string(),
            reason: reason.to_owned(),
        };
        if let Some(annotations) = annotations {
            let list = annotations.as_array().ok_or_else(|| bad(annotations, "it must be a list"))?;
            for entry in list {
                let column = entry["column"].as_str().ok_or_else(|| bad(entry, "it names no column"))?;
                let found = fields.iter_mut().find(|(field, _)| field.name == column);
                let (_, draw) = found.ok_or_else(|| bad(entry, "the schema has no such column"))?;
                *draw = annotated(entry).map_err(|reason| bad(entry, reason))?;
            }
        }
        Ok(Self { fields, random: SmallRng::seed_from_u64(seed) })
    }

    fn columns(&self) -> Vec<RowColumn> {
        self.fields.iter().map(|(field, _)| (field.name.clone(), field.column_type())).collect()
    }

    fn row(&mut self, row: &mut Vec<Value>) {
        row.clear();
        let random = &mut self.random;
        row.extend(self.fields.iter().map(|(field, draw)| cell(random, field, draw)));
    }

    /// Writes `part-<first>.<format>` and so on into a directory that is there; the rows are shared out evenly.
    pub fn write(
        &mut self,
        rows: u64,
        files: u64,
        first: u64,
        format: RowFormat,
        dir: &Path,
    ) -> Result<Vec<PathBuf>, Error> {
        let columns = self.columns();
        let mut written = Vec::new();
        for file in 0..files {
            let count = rows / files + u64::from(file < rows % files);
            let path = dir.join(format!("part-{}.{}", first + file, format.ending()));
            write_file(&path, format, CsvStyle::default(), &columns, |take| {
                let mut row = Vec::with_capacity(columns.len());
                for _ in 0..count {
                    self.row(&mut row);
                    take(&row)?;
                }
                Ok(())
            })?;
            written.push(path);
        }
        Ok(written)
    }
}

fn annotated(entry: &Json) -> Result<Draw, &'static str> {
    if entry["pattern"].is_object() {
        return Err("patterns are not supported, give a cardinality or a range");
    }
    if entry["range"].as_bool() == Some(true) {
        let (start, end) = (entry["rangeStart"].as_i64().unwrap_or(0), entry["rangeEnd"].as_i64().unwrap_or(0));
        return if start <= end { Ok(Draw::Range(start, end)) } else { Err("rangeStart is above rangeEnd") };
    }
    match entry["cardinality"].as_u64() {
        Some(count) if count > 0 => Ok(Draw::Cardinality(count)),
        _ => Err("cardinality must be a number above 0"),
    }
}

fn cell(random: &mut SmallRng, field: &FieldSpec, draw: &Draw) -> Value {
    if !field.multi_value {
        return one(random, field, draw);
    }
    let count = random.random_range(1..=MAX_ELEMENTS);
    Value::Array(field.data_type, (0..count).map(|_| one(random, field, draw)).collect())
}

fn one(random: &mut SmallRng, field: &FieldSpec, draw: &Draw) -> Value {
    let number = match draw {
        Draw::Cardinality(count) => i64::try_from(random.random_range(0..*count)).unwrap_or(i64::MAX),
        Draw::Range(start, end) => random.random_range(*start..=*end),
        Draw::Time(now_ms) => {
            let time = now_ms - random.random_range(0..YEAR_MS);
            let written = field.date_time_format().map(|format| format.from_millis(time));
            match (written, field.data_type) {
                (Some(value @ Value::String(_)), DataType::String) => return value,
                (Some(Value::Long(n)), DataType::String) => return Value::String(n.to_string()),
                (Some(Value::Long(n)), _) => n,
                // A pattern like `yyyyMMdd` in a column of numbers.
                (Some(Value::String(text)), _) => text.parse().unwrap_or(time),
                _ => time,
            }
        }
    };
    match field.data_type {
        DataType::Int => Value::Int(i32::try_from(number).unwrap_or(i32::MAX)),
        DataType::Long => Value::Long(number),
        DataType::Timestamp => Value::Timestamp(number),
        DataType::Float => Value::Float(number as f32),
        DataType::Double => Value::Double(number as f64),
        DataType::Boolean => Value::Boolean(number % 2 == 0),
        DataType::Bytes => Value::Bytes(number.to_be_bytes().to_vec()),
        DataType::Json | DataType::Map => Value::String(format!("{{\"value\":{number}}}")),
        DataType::BigDecimal => Value::String(number.to_string()),
        _ => Value::String(format!("{}_{number}", field.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_schema_s_types_and_are_shared_out() {
        let schema = Schema::from_json_text(
            r#"{"schemaName":"t","dimensionFieldSpecs":[{"name":"s","dataType":"STRING"},{"name":"m","dataType":"INT","singleValueField":false}],
                "metricFieldSpecs":[{"name":"n","dataType":"LONG"}],
                "dateTimeFieldSpecs":[{"name":"d","dataType":"STRING","format":"SIMPLE_DATE_FORMAT|yyyy-MM-dd","granularity":"1:DAYS"},
                    {"name":"y","dataType":"INT","format":"SIMPLE_DATE_FORMAT|yyyy","granularity":"1:DAYS"}]}"#,
        )
        .unwrap();
        let notes: Json = serde_json::from_str(
            r#"[{"column":"n","range":true,"rangeStart":5,"rangeEnd":6},{"column":"s","cardinality":1}]"#,
        )
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        for format in [RowFormat::Json, RowFormat::Csv, RowFormat::Avro] {
            let mut generator = Generator::new(&schema, Some(&notes), 1_700_000_000_000, 1).unwrap();
            let files = generator.write(5, 2, 7, format, dir.path()).unwrap();
            assert_eq!(files.len(), 2);
            assert!(files[0].ends_with(format!("part-7.{}", format.ending())));
        }
        let lines = std::fs::read_to_string(dir.path().join("part-7.json")).unwrap();
        assert_eq!(lines.lines().count(), 3);
        for line in lines.lines() {
            let row: Json = serde_json::from_str(line).unwrap();
            assert_eq!(row["s"], "s_0");
            assert!((5..=6).contains(&row["n"].as_i64().unwrap()), "{line}");
            assert!(row["d"].as_str().unwrap().starts_with("202"), "{line}");
            assert!((2022..=2023).contains(&row["y"].as_i64().unwrap()), "{line}");
            assert!(!row["m"].as_array().unwrap().is_empty(), "{line}");
        }
        let csv = std::fs::read_to_string(dir.path().join("part-8.csv")).unwrap();
        assert_eq!(csv.lines().next(), Some("s,m,n,d,y"));
        for (notes, part) in [
            (r#"[{"column":"x","cardinality":1}]"#, "no such column"),
            (r#"[{"column":"s"}]"#, "above 0"),
            (r#"{}"#, "a list"),
        ] {
            let notes: Json = serde_json::from_str(notes).unwrap();
            let error = Generator::new(&schema, Some(&notes), 0, 1).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
