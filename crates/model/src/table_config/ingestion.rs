//! How rows come into a table.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{list, text};

/// `ingestionConfig`, with its defaults when absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IngestionConfig {
    /// In the order written.
    pub transforms: Vec<Transform>,
    /// Rows for which this expression is true are dropped.
    pub filter: Option<String>,
    pub complex_types: Option<ComplexTypeConfig>,
    pub batch: Option<BatchIngestion>,
    /// One map a stream.
    pub streams: Vec<BTreeMap<String, String>>,
    /// A bad value becomes null instead of failing the load or dropping the row.
    pub continue_on_error: bool,
    /// Time values outside 1971–2071 become null.
    pub row_time_value_check: bool,
    /// A segment with an invalid time range is refused.
    pub segment_time_value_check: Option<bool>,
    /// `enrichmentConfigs`, `aggregationConfigs`, `schemaConformingTransformerConfig` as written.
    pub enrichments: Vec<Json>,
    pub aggregations: Vec<Json>,
    pub schema_conforming: Option<Json>,
}

/// One entry of `transformConfigs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    pub column: String,
    pub function: String,
}

/// Flattening of nested input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComplexTypeConfig {
    pub fields_to_unnest: Vec<String>,
    pub delimiter: String,
    pub collections_to_json: JsonCollections,
    pub prefixes_to_rename: BTreeMap<String, String>,
}

/// Which lists become JSON text when they are not unnested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonCollections {
    None,
    NonPrimitive,
    All,
}

/// `batchIngestionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchIngestion {
    /// APPEND or REFRESH as written.
    pub segment_ingestion_type: Option<String>,
    /// HOURLY or DAILY as written.
    pub segment_ingestion_frequency: Option<String>,
    pub config_maps: Vec<BTreeMap<String, String>>,
    pub consistent_data_push: bool,
}

impl IngestionConfig {
    /// Reads a normalised table config.
    pub(super) fn read(table: &Map<String, Json>) -> Self {
        let Some(config) = table.get("ingestionConfig").and_then(Json::as_object) else { return Self::default() };
        let flag = |key: &str| config.get(key).and_then(Json::as_bool);
        let array = |key: &str| config.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
        let transforms = array("transformConfigs").iter().filter_map(Json::as_object).map(read_transform).collect();
        let object = |key: &str| config.get(key).and_then(Json::as_object);
        Self {
            transforms,
            filter: object("filterConfig")
                .and_then(|filter| text(filter, "filterFunction"))
                .filter(|filter| !filter.trim().is_empty())
                .map(str::to_owned),
            complex_types: object("complexTypeConfig").map(read_complex),
            batch: object("batchIngestionConfig").map(read_batch),
            streams: object("streamIngestionConfig").map(|stream| maps(stream, "streamConfigMaps")).unwrap_or_default(),
            continue_on_error: flag("continueOnError").unwrap_or(false),
            row_time_value_check: flag("rowTimeValueCheck").unwrap_or(false),
            segment_time_value_check: flag("segmentTimeValueCheck"),
            enrichments: array("enrichmentConfigs"),
            aggregations: array("aggregationConfigs"),
            schema_conforming: config.get("schemaConformingTransformerConfig").cloned(),
        }
    }
}

fn read_transform(config: &Map<String, Json>) -> Transform {
    let get = |key: &str| text(config, key).unwrap_or_default().to_owned();
    Transform { column: get("columnName"), function: get("transformFunction") }
}

fn read_complex(config: &Map<String, Json>) -> ComplexTypeConfig {
    ComplexTypeConfig {
        fields_to_unnest: list(config, "fieldsToUnnest").into_iter().map(str::to_owned).collect(),
        delimiter: text(config, "delimiter").unwrap_or(".").to_owned(),
        collections_to_json: match text(config, "collectionNotUnnestedToJson") {
            Some("NONE") => JsonCollections::None,
            Some("ALL") => JsonCollections::All,
            _ => JsonCollections::NonPrimitive,
        },
        prefixes_to_rename: config.get("prefixesToRename").and_then(Json::as_object).map(text_map).unwrap_or_default(),
    }
}

fn read_batch(config: &Map<String, Json>) -> BatchIngestion {
    BatchIngestion {
        segment_ingestion_type: text(config, "segmentIngestionType").map(str::to_owned),
        segment_ingestion_frequency: text(config, "segmentIngestionFrequency").map(str::to_owned),
        config_maps: maps(config, "batchConfigMaps"),
        consistent_data_push: config.get("consistentDataPush").and_then(Json::as_bool).unwrap_or(false),
    }
}

fn maps(config: &Map<String, Json>, key: &str) -> Vec<BTreeMap<String, String>> {
    config.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object).map(text_map).collect()
}

/// Values as texts; nulls left out.
pub(super) fn text_map(map: &Map<String, Json>) -> BTreeMap<String, String> {
    map.iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}
