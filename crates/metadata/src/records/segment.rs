//! What the controller knows of a segment.

use std::collections::BTreeMap;

use model::TimeUnit;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A stream segment's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RealtimeStatus {
    InProgress,
    Committing,
    Done,
    Uploaded,
}

/// One segment of a table. Times are epoch milliseconds, sizes bytes. What is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SegmentRecord {
    /// Checksum of the content, a decimal text as Pinot shows it.
    pub crc: String,
    pub total_docs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_time_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_time_ms: Option<i64>,
    /// Lowest and highest time of the time column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_ms: Option<i64>,
    /// As stored in the time column, where its unit is not milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_raw: Option<String>,
    /// Where it can be fetched from over HTTP or the deep store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    /// The packed form in the deep store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_store_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crypter: Option<String>,
    /// Size of the packed form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Format version as Pinot names it, e.g. `v3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// `custom.map`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
    /// Facts per column for pruning.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_status: Option<RealtimeStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_replicas: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_threshold_rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_threshold_time: Option<String>,
}

/// What a broker prunes by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnRecord {
    /// Lowest and highest value as a response shows them (numbers as numbers, others as texts).
    #[serde(skip_serializing_if = "Json::is_null")]
    pub min: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    pub max: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_partitions: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<u32>,
    /// A small bloom filter in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bloom: Option<String>,
}

impl SegmentRecord {
    /// The flat map of texts that `/segments/{table}/{segment}/metadata` answers. Unset keys are absent.
    pub fn to_zk_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        let text = |number: Option<i64>| number.map(|number| number.to_string());
        set("segment.crc", Some(self.crc.clone()).filter(|crc| !crc.is_empty()));
        set("segment.creation.time", text(self.creation_time_ms));
        set("segment.push.time", text(self.push_time_ms));
        set("segment.refresh.time", text(self.refresh_time_ms));
        set("segment.start.time", text(self.start_time_ms));
        set("segment.end.time", text(self.end_time_ms));
        set("segment.start.time.raw", self.start_time_raw.clone());
        set("segment.end.time.raw", self.end_time_raw.clone());
        set("segment.time.unit", self.start_time_ms.map(|_| TimeUnit::Milliseconds.name().to_owned()));
        set("segment.index.version", self.index_version.clone());
        let done = self.realtime_status != Some(RealtimeStatus::InProgress);
        set("segment.total.docs", Some(self.total_docs.to_string()).filter(|_| done));
        set("segment.download.url", self.download_url.clone());
        set("segment.crypter", self.crypter.clone());
        set("segment.size.in.bytes", self.size_bytes.map(|size| size.to_string()));
        set("segment.tier", self.tier.clone());
        set(
            "custom.map",
            Some(&self.custom).filter(|map| !map.is_empty()).and_then(|map| serde_json::to_string(map).ok()),
        );
        set("segment.partition.metadata", self.partition_metadata());
        let status = self.realtime_status.and_then(|status| serde_json::to_value(status).ok());
        set("segment.realtime.status", status.and_then(|status| status.as_str().map(str::to_owned)));
        set("segment.realtime.startOffset", self.start_offset.clone());
        set("segment.realtime.endOffset", self.end_offset.clone());
        set("segment.realtime.numReplicas", self.num_replicas.map(|number| number.to_string()));
        set("segment.flush.threshold.size", self.flush_threshold_rows.map(|number| number.to_string()));
        set("segment.flush.threshold.time", self.flush_threshold_time.clone());
        map
    }

    fn partition_metadata(&self) -> Option<String> {
        let columns: serde_json::Map<String, Json> = self
            .columns
            .iter()
            .filter_map(|(name, column)| {
                let function = column.partition_function.as_ref()?;
                let partitions: Vec<String> = column.partitions.iter().map(u32::to_string).collect();
                let value = serde_json::json!({
                    "functionName": function, "numPartitions": column.num_partitions, "partitions": partitions,
                    "functionConfig": null,
                });
                Some((name.clone(), value))
            })
            .collect();
        (!columns.is_empty()).then(|| serde_json::json!({"columnPartitionMap": columns}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zk_map_leaves_out_what_is_unset() {
        let mut record = SegmentRecord { crc: "17".into(), total_docs: 3, ..SegmentRecord::default() };
        let keys = |record: &SegmentRecord| record.to_zk_map().into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&record), "segment.crc segment.total.docs");
        record.start_time_ms = Some(5);
        record.realtime_status = Some(RealtimeStatus::InProgress);
        let column = ColumnRecord {
            partition_function: Some("Murmur".into()),
            num_partitions: Some(4),
            partitions: vec![1],
            ..ColumnRecord::default()
        };
        record.columns.insert("a".into(), column);
        let map = record.to_zk_map();
        assert_eq!(map["segment.time.unit"], "MILLISECONDS");
        assert_eq!(map["segment.realtime.status"], "IN_PROGRESS");
        assert!(map["segment.partition.metadata"].contains("\"partitions\":[\"1\"]"));
        assert!(!map.contains_key("segment.total.docs"));
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<SegmentRecord>(&json).unwrap(), record);
        assert_eq!(serde_json::from_str::<SegmentRecord>("{\"fromTheFuture\":1}").unwrap(), SegmentRecord::default());
    }
}
