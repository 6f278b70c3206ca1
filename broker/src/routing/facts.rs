//! What the controller knows of a segment, as far as routing needs it.

use std::{
    collections::{BTreeMap, HashMap},
    str::FromStr,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use model::{DataType, PartitionConfig, PartitionFunction, Value, bloom::BloomFilter};
use serde::Deserialize;

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
    pub bloom: Option<BloomFilter>,
}

/// Which partitions of a column occur in the segment.
#[derive(Debug)]
pub struct Partitions {
    pub function: PartitionFunction,
    /// Ascending.
    pub ids: Vec<u32>,
}

impl Partitions {
    /// False when the value's partition is certainly none of the segment's.
    pub fn may_hold(&self, value: &Value) -> bool {
        self.function.partition(value).is_none_or(|partition| self.ids.binary_search(&partition).is_ok())
    }
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
    /// In base64.
    bloom: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartitionRecord {
    function: String,
    num_partitions: u32,
    partitions: Vec<u32>,
}

impl SegmentFacts {
    /// Reads the record of a segment. One that cannot be read gives no facts, and so is never pruned. `partitioning` is
    /// the table config's, by column.
    pub fn parse(record_json: &str, partitioning: &BTreeMap<String, PartitionConfig>) -> Self {
        let Ok(record) = serde_json::from_str::<Record>(record_json) else { return Self::default() };
        let columns = record.metadata.map(|metadata| metadata.columns).unwrap_or_default();
        Self {
            total_docs: record.total_docs,
            start_time_ms: record.start_time_ms,
            end_time_ms: record.end_time_ms,
            creation_time_ms: record.push_time_ms.max(record.creation_time_ms),
            columns: columns
                .into_iter()
                .map(|column| (column.name.clone(), ColumnFacts::new(&column, partitioning.get(&column.name))))
                .collect(),
        }
    }
}

impl ColumnFacts {
    fn new(column: &Column, config: Option<&PartitionConfig>) -> Self {
        let parse = |text: Option<&String>| parse_value(column.data_type, text?);
        let min_max = parse(column.min.as_ref()).zip(parse(column.max.as_ref()));
        let partitions = column.partitions.as_ref().and_then(|record| partitions(record, config));
        let bloom = column
            .bloom
            .as_ref()
            .and_then(|text| BloomFilter::from_bytes(column.data_type, &BASE64_STANDARD.decode(text).ok()?).ok());
        Self { min_max, partitions, bloom }
    }
}

/// How a segment was partitioned. The config fills in what the record does not say, unless it has changed since.
fn partitions(record: &PartitionRecord, config: Option<&PartitionConfig>) -> Option<Partitions> {
    let none = BTreeMap::new();
    let same = config.filter(|config| {
        config.function.eq_ignore_ascii_case(&record.function) && config.num_partitions == record.num_partitions
    });
    let function_config = same.map_or(&none, |config| &config.function_config);
    let function = PartitionFunction::new(&record.function, record.num_partitions, function_config).ok()?;
    let mut ids = record.partitions.clone();
    ids.sort_unstable();
    Some(Partitions { function, ids })
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
                 "partitions":{"function":"Modulo","numPartitions":4,"partitions":[3,1]}},
                {"name":"s","dataType":"STRING","min":"x","max":"y","bloom":"AAAA"},
                {"name":"odd","dataType":"INT","min":"x","max":"12"}]}}"#,
            &BTreeMap::new(),
        );
        assert_eq!((facts.total_docs, facts.creation_time_ms, facts.end_time_ms), (Some(10), Some(7), Some(9)));
        assert_eq!(facts.columns["a"].min_max, Some((Value::Int(-3), Value::Int(12))));
        let partitions = facts.columns["a"].partitions.as_ref().unwrap();
        let held: Vec<i32> = (0..8).filter(|v| partitions.may_hold(&Value::Int(*v))).collect();
        assert_eq!(held, [1, 3, 5, 7]);
        assert_eq!(facts.columns["s"].bloom, None, "no filter");
        assert_eq!(facts.columns["odd"].min_max, None);
        for other in ["", "[1]", "{\"metadata\":3}"] {
            assert!(SegmentFacts::parse(other, &BTreeMap::new()).columns.is_empty());
        }
    }

    #[test]
    fn reads_a_bloom_filter() {
        // One block with all bits set but those of its last word: it holds nothing.
        let mut words = [u32::MAX; 10];
        (words[0], words[1], words[9]) = (1, 0, 0);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let column = serde_json::json!({"name": "s", "dataType": "STRING", "bloom": BASE64_STANDARD.encode(bytes)});
        let record = serde_json::json!({"metadata": {"columns": [column]}}).to_string();
        let facts = SegmentFacts::parse(&record, &BTreeMap::new());
        assert!(!facts.columns["s"].bloom.as_ref().unwrap().might_contain(&Value::String("x".to_owned())));
    }
}
