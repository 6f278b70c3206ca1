//! What the controller knows of a segment, as far as routing needs it.

use std::{collections::HashMap, str::FromStr};

use model::{DataType, Value};
use serde::Deserialize;

use super::partition::Partitions;

/// Facts of one segment. Everything may be unknown: an unknown fact prunes nothing.
#[derive(Debug, Default)]
pub struct SegmentFacts {
    pub total_docs: Option<u64>,
    pub start_time_ms: Option<i64>,
    pub end_time_ms: Option<i64>,
    pub creation_time_ms: Option<i64>,
    pub columns: HashMap<String, ColumnFacts>,
}

#[derive(Debug, Default)]
pub struct ColumnFacts {
    /// Lowest and highest stored value, in the column's type.
    pub min_max: Option<(Value, Value)>,
    pub partitions: Option<Partitions>,
    pub bloom: Option<Box<dyn Membership>>,
}

/// May the segment's column hold a value?
pub trait Membership: Send + Sync + std::fmt::Debug {
    /// False means certainly not. `value` has the column's type.
    fn might_contain(&self, value: &Value) -> bool;
}

/// The controller's record, as far as it is read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    total_docs: Option<u64>,
    creation_time_ms: Option<i64>,
    push_time_ms: Option<i64>,
    start_time_ms: Option<i64>,
    end_time_ms: Option<i64>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    name: String,
    data_type: DataType,
    min: Option<String>,
    max: Option<String>,
    partitions: Option<PartitionRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartitionRecord {
    function: String,
    num_partitions: u32,
    partitions: Vec<u32>,
}

impl SegmentFacts {
    /// Reads the record of a segment. One that cannot be read gives no facts, and so is never pruned.
    pub fn parse(record_json: &str) -> Self {
        let Ok(record) = serde_json::from_str::<Record>(record_json) else { return Self::default() };
        let columns = record.metadata.map(|metadata| metadata.columns).unwrap_or_default();
        Self {
            total_docs: record.total_docs,
            start_time_ms: record.start_time_ms,
            end_time_ms: record.end_time_ms,
            creation_time_ms: record.push_time_ms.max(record.creation_time_ms),
            columns: columns.into_iter().map(|column| (column.name.clone(), ColumnFacts::from(column))).collect(),
        }
    }
}

impl From<Column> for ColumnFacts {
    fn from(column: Column) -> Self {
        let parse = |text: Option<&String>| parse_value(column.data_type, text?);
        let min_max = parse(column.min.as_ref()).zip(parse(column.max.as_ref()));
        let partitions = column.partitions.map(|record| Partitions {
            function: record.function,
            count: record.num_partitions,
            ids: record.partitions,
        });
        Self { min_max, partitions, bloom: None }
    }
}

/// A value from its text in a segment's metadata.
fn parse_value(data_type: DataType, text: &str) -> Option<Value> {
    Some(match data_type {
        DataType::Int => Value::Int(text.parse().ok()?),
        DataType::Long => Value::Long(text.parse().ok()?),
        DataType::Float => Value::Float(text.parse().ok()?),
        DataType::Double => Value::Double(text.parse().ok()?),
        DataType::BigDecimal => Value::BigDecimal(FromStr::from_str(text).ok()?),
        DataType::Boolean => Value::Boolean(text.parse().ok()?),
        DataType::Timestamp => Value::Timestamp(text.parse().ok()?),
        DataType::String => Value::String(text.to_owned()),
        // Not compared in queries by their stored order.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_record_and_survives_any_other() {
        let facts = SegmentFacts::parse(
            r#"{"totalDocs":10,"creationTimeMs":5,"pushTimeMs":7,"endTimeMs":9,"crc":"1","metadata":{"columns":[
                {"name":"a","dataType":"INT","min":"-3","max":"12","cardinality":4,
                 "partitions":{"function":"Modulo","numPartitions":4,"partitions":[1]}},
                {"name":"s","dataType":"STRING","min":"x","max":"y"},
                {"name":"odd","dataType":"INT","min":"x","max":"12"}]}}"#,
        );
        assert_eq!((facts.total_docs, facts.creation_time_ms, facts.end_time_ms), (Some(10), Some(7), Some(9)));
        assert_eq!(facts.columns["a"].min_max, Some((Value::Int(-3), Value::Int(12))));
        assert_eq!(facts.columns["a"].partitions.as_ref().map(|p| p.count), Some(4));
        assert_eq!(facts.columns["odd"].min_max, None);
        assert!(SegmentFacts::parse("").columns.is_empty());
        assert!(SegmentFacts::parse("[1]").total_docs.is_none());
    }
}
