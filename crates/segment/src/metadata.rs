//! What is known of a segment without reading its data: for the footer, the controller's records and the broker's
//! pruning.

use std::collections::BTreeMap;

use model::{ColumnType, DataType, FieldRole, Value};
use serde::{Deserialize, Serialize};

use crate::text;

/// A segment's metadata. The footer holds it with `size_bytes` 0; readers fill that in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentMetadata {
    pub segment_name: String,
    pub table_name: String,
    /// Checksum of the content (not of the indexes), a decimal number as text. It outlives packing and reloading.
    pub crc: String,
    pub num_docs: u32,
    pub creation_time_ms: i64,
    /// Length of the file in hot form.
    #[serde(default)]
    pub size_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// Lowest and highest value of the time column in its own unit; absent without docs or when not a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_time: Option<i64>,
    /// In schema order.
    pub columns: Vec<ColumnMetadata>,
}

impl SegmentMetadata {
    pub fn column(&self, name: &str) -> Option<&ColumnMetadata> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// One column's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnMetadata {
    pub name: String,
    pub data_type: DataType,
    pub role: FieldRole,
    #[serde(default, skip_serializing_if = "is_false")]
    pub multi_value: bool,
    /// Distinct values; 0 when unknown (some raw columns).
    pub cardinality: u32,
    pub has_dictionary: bool,
    /// Doc order is value order. Single-value only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sorted: bool,
    /// Docs in the null vector.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_nulls: u32,
    /// Lowest and highest value as text; see [`ColumnMetadata::min_max`]. Absent without docs or when longer than
    /// [`ColumnMetadata::MAX_TEXT_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Elements of all docs.
    pub total_entries: u64,
    /// Most elements in one doc.
    pub max_entries_per_doc: u32,
    /// Bytes of the longest entry of a variable-width column.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_length_bytes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Partitions>,
    /// The bloom filter section in base64, where it has at most [`ColumnMetadata::MAX_BLOOM_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bloom: Option<String>,
    /// Bytes by index, under Pinot's ids: `dictionary`, `forward_index`, `inverted_index`, `range_index`,
    /// `bloom_filter`, `nullvalue_vector`.
    pub index_sizes: BTreeMap<String, u64>,
    /// Settings of the indexes that have some (`json_index`, `text_index` …), as they were when the index was built.
    /// A reload compares them with the table config.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub index_settings: BTreeMap<String, serde_json::Value>,
    /// The value that stands where a doc has none, as text.
    #[serde(default)]
    pub default_null_value: String,
    /// Added by a reload, all docs hold the default null value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_generated: bool,
}

impl ColumnMetadata {
    /// Longest `min` or `max` kept.
    pub const MAX_TEXT_BYTES: usize = 512;
    /// Largest bloom filter kept beside its section.
    pub const MAX_BLOOM_BYTES: usize = 16 * 1024;

    pub fn column_type(&self) -> ColumnType {
        ColumnType { data_type: self.data_type, multi_value: self.multi_value }
    }

    /// Lowest and highest value in the column's type.
    pub fn min_max(&self) -> Option<(Value, Value)> {
        let parse = |text: &Option<String>| text::parse(self.data_type, text.as_deref()?);
        Some((parse(&self.min)?, parse(&self.max)?))
    }

    pub(crate) fn set_min_max(&mut self, min: &Value, max: &Value) {
        let render = |value: &Value| Some(text::render(value)).filter(|t| t.len() <= Self::MAX_TEXT_BYTES);
        (self.min, self.max) = match (render(min), render(max)) {
            (Some(min), Some(max)) => (Some(min), Some(max)),
            _ => (None, None),
        };
    }
}

/// How a column is partitioned and which partitions the segment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Partitions {
    /// Name of the partition function, as configured.
    pub function: String,
    pub num_partitions: u32,
    /// Ascending.
    pub partitions: Vec<u32>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}
