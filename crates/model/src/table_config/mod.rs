//! A table's configuration.
//!
//! [`TableConfig`] keeps the whole document; what code needs often has a typed accessor. [`TableConfig::to_json`] is
//! what `GET /tables/{name}` answers: defaults filled in, nulls and unknown keys left out. Unknown keys are kept in
//! [`TableConfig::unrecognized`] and in the stored form.

mod indexing;
mod ingestion;
mod sections;
mod shape;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

pub use indexing::{BloomConfig, IndexingConfig, PartitionConfig};
pub use ingestion::{BatchIngestion, ComplexTypeConfig, IngestionConfig, JsonCollections, Transform};
pub use validate::{ValidationError, incompatible_changes, validate_hybrid_pair, validate_table};

use crate::{
    names::{RawTableName, TableNameWithType, TableType, split_table_name},
    period::{TimeUnit, parse_period},
    schema::json_kind,
};

/// A document that is no table config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableConfigError {
    #[error("Invalid table config: {reason}")]
    Syntax { reason: String },
    /// A member is missing or of the wrong kind; `at` is its JSON pointer.
    #[error("Invalid table config at {at}: {reason}")]
    Member { at: String, reason: String },
    #[error(transparent)]
    Name(#[from] crate::NameError),
}

/// One physical table's configuration. Immutable: make a changed one with [`TableConfig::with_changes`].
#[derive(Clone, Debug, PartialEq)]
pub struct TableConfig {
    name: TableNameWithType,
    raw_name: RawTableName,
    table_type: TableType,
    /// As written back: known keys, defaults filled in.
    json: Map<String, Json>,
    unrecognized: BTreeMap<String, Json>,
    indexing: IndexingConfig,
    ingestion: IngestionConfig,
}

/// The tenant of tables and instances that name none.
pub const DEFAULT_TENANT: &str = "DefaultTenant";

impl TableConfig {
    /// Reads a table config. The name may be raw or with type suffix. See [`validate_table`] for the rest.
    pub fn from_json(json: &Json) -> Result<Self, TableConfigError> {
        let Json::Object(object) = json else {
            return Err(TableConfigError::Syntax {
                reason: format!("expected a JSON object, found {}", json_kind(json)),
            });
        };
        let mut unrecognized = BTreeMap::new();
        let mut out = shape::read_section(object, &sections::TABLE, "", &mut unrecognized)
            .map_err(|error| TableConfigError::Member { at: error.at, reason: error.reason })?;
        let table_type: TableType = text(&out, "tableType").unwrap_or_default().parse()?;
        let written = text(&out, "tableName").unwrap_or_default();
        let (raw_name, suffix) = split_table_name(written)?;
        if let Some(suffix) = suffix.filter(|suffix| *suffix != table_type) {
            return Err(TableConfigError::Member {
                at: "/tableName".to_owned(),
                reason: format!(
                    "Table name: {written} does not match table type: {table_type} (its suffix says {suffix})"
                ),
            });
        }
        if raw_name.as_str().contains("__") {
            return Err(TableConfigError::Member {
                at: "/tableName".to_owned(),
                reason: format!("'tableName' cannot contain double underscore ('__'), found '{raw_name}'"),
            });
        }
        let name = raw_name.with_type(table_type);
        out.insert("tableName".into(), name.as_str().into());
        normalize_field_configs(&mut out)?;
        let indexing = IndexingConfig::read(&out).map_err(|(at, reason)| TableConfigError::Member { at, reason })?;
        let ingestion = IngestionConfig::read(&out);
        Ok(Self { name, raw_name, table_type, json: out, unrecognized, indexing, ingestion })
    }

    /// As [`TableConfig::from_json`], from text.
    pub fn from_json_text(text: &str) -> Result<Self, TableConfigError> {
        let json =
            serde_json::from_str(text).map_err(|error| TableConfigError::Syntax { reason: error.to_string() })?;
        Self::from_json(&json)
    }

    /// The document as it is answered: defaults filled in, nulls and unknown keys left out.
    pub fn to_json(&self) -> Json {
        Json::Object(self.json.clone())
    }

    /// The document to store: as [`TableConfig::to_json`], with the unknown keys in their places.
    pub fn to_json_with_unknown(&self) -> Json {
        let mut json = self.to_json();
        for (pointer, value) in &self.unrecognized {
            put_at(&mut json, pointer, value);
        }
        json
    }

    /// Keys that mean nothing to us, by JSON pointer: what `unrecognizedProperties` lists.
    pub fn unrecognized(&self) -> &BTreeMap<String, Json> {
        &self.unrecognized
    }

    /// The config after a change of its document.
    pub fn with_changes(&self, change: impl FnOnce(&mut Map<String, Json>)) -> Result<Self, TableConfigError> {
        let Json::Object(mut object) = self.to_json_with_unknown() else { return Ok(self.clone()) };
        change(&mut object);
        Self::from_json(&Json::Object(object))
    }

    /// The config with `DefaultTenant` where no broker or server tenant is named, as creation stores it.
    pub fn with_default_tenants(&self) -> Self {
        let mut out = self.clone();
        if let Some(Json::Object(tenants)) = out.json.get_mut("tenants") {
            let rest = std::mem::take(tenants);
            for key in ["broker", "server"] {
                let name = rest.get(key).cloned().unwrap_or_else(|| DEFAULT_TENANT.into());
                tenants.insert(key.into(), name);
            }
            for (key, value) in rest {
                tenants.entry(key).or_insert(value);
            }
        }
        out
    }

    /// The name with type suffix.
    pub fn table_name(&self) -> &TableNameWithType {
        &self.name
    }

    pub fn raw_name(&self) -> &RawTableName {
        &self.raw_name
    }

    pub fn table_type(&self) -> TableType {
        self.table_type
    }

    pub fn time_column(&self) -> Option<&str> {
        text(self.segments(), "timeColumnName").filter(|name| !name.is_empty())
    }

    /// Replicas of every segment; 1 where the config names none that can be read. See [`TableConfig::replication_text`].
    pub fn replication(&self) -> u32 {
        self.replication_text().and_then(|text| text.trim().parse().ok()).unwrap_or(1)
    }

    /// `replication` as written; a REALTIME table falls back to the older `replicasPerPartition`.
    pub fn replication_text(&self) -> Option<&str> {
        text(self.segments(), "replication").or_else(|| {
            (self.table_type == TableType::Realtime).then(|| text(self.segments(), "replicasPerPartition")).flatten()
        })
    }

    /// Milliseconds after which a segment's data may go; `None` keeps them for ever.
    pub fn retention_ms(&self) -> Option<i64> {
        let unit: TimeUnit = text(self.segments(), "retentionTimeUnit")?.parse().ok()?;
        let value: i64 = text(self.segments(), "retentionTimeValue")?.trim().parse().ok()?;
        Some(unit.to_millis(value))
    }

    /// Milliseconds for which deleted segments are kept, where the table says so. 0 or less deletes at once.
    pub fn deleted_segments_retention_ms(&self) -> Option<i64> {
        parse_period(text(self.segments(), "deletedSegmentsRetentionPeriod")?).ok()
    }

    /// APPEND or REFRESH; APPEND where the config does not say.
    pub fn push_type(&self) -> &str {
        self.ingestion
            .batch
            .as_ref()
            .and_then(|batch| batch.segment_ingestion_type.as_deref())
            .or_else(|| text(self.segments(), "segmentPushType"))
            .unwrap_or("APPEND")
    }

    /// HOURLY or DAILY, where the config says so.
    pub fn push_frequency(&self) -> Option<&str> {
        self.ingestion
            .batch
            .as_ref()
            .and_then(|batch| batch.segment_ingestion_frequency.as_deref())
            .or_else(|| text(self.segments(), "segmentPushFrequency"))
    }

    pub fn broker_tenant(&self) -> &str {
        text(self.section("tenants"), "broker").unwrap_or(DEFAULT_TENANT)
    }

    pub fn server_tenant(&self) -> &str {
        text(self.section("tenants"), "server").unwrap_or(DEFAULT_TENANT)
    }

    /// Whether the table is a dimension table, held by every server of its tenant.
    pub fn is_dimension_table(&self) -> bool {
        self.json.get("isDimTable").and_then(Json::as_bool).unwrap_or(false)
    }

    pub fn indexing(&self) -> &IndexingConfig {
        &self.indexing
    }

    pub fn ingestion(&self) -> &IngestionConfig {
        &self.ingestion
    }

    /// Whether columns keep their nulls, unless the schema decides per column.
    pub fn null_handling_enabled(&self) -> bool {
        self.indexing.null_handling_enabled
    }

    /// `routing.instanceSelectorType` as written.
    pub fn instance_selector_type(&self) -> Option<&str> {
        text(self.section("routing"), "instanceSelectorType")
    }

    /// `routing.segmentPrunerTypes` as written.
    pub fn segment_pruner_types(&self) -> Vec<&str> {
        list(self.section("routing"), "segmentPrunerTypes")
    }

    /// `query.timeoutMs`.
    pub fn query_timeout_ms(&self) -> Option<u64> {
        self.section("query").get("timeoutMs").and_then(Json::as_u64)
    }

    /// `quota.maxQueriesPerSecond`.
    pub fn max_queries_per_second(&self) -> Option<f64> {
        text(self.section("quota"), "maxQueriesPerSecond")?.trim().parse().ok()
    }

    /// `quota.storage` in bytes.
    pub fn storage_quota_bytes(&self) -> Option<u64> {
        crate::parse_data_size(text(self.section("quota"), "storage")?)
    }

    /// `metadata.customConfigs`.
    pub fn custom_configs(&self) -> BTreeMap<&str, &str> {
        let configs = self.section("metadata").get("customConfigs").and_then(Json::as_object);
        configs.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
    }

    /// The stream's properties, one map a stream; from `ingestionConfig`, else from the older place.
    pub fn stream_configs(&self) -> Vec<BTreeMap<String, String>> {
        if !self.ingestion.streams.is_empty() {
            return self.ingestion.streams.clone();
        }
        let legacy = self.section("tableIndexConfig").get("streamConfigs").and_then(Json::as_object);
        legacy.map(|map| vec![ingestion::text_map(map)]).unwrap_or_default()
    }

    /// `upsertConfig` where upsert is on.
    pub fn upsert(&self) -> Option<&Map<String, Json>> {
        let config = self.json.get("upsertConfig")?.as_object()?;
        (text(config, "mode") != Some("NONE")).then_some(config)
    }

    /// `dedupConfig` where dedup is on.
    pub fn dedup(&self) -> Option<&Map<String, Json>> {
        let config = self.json.get("dedupConfig")?.as_object()?;
        config.get("dedupEnabled").and_then(Json::as_bool).unwrap_or(true).then_some(config)
    }

    /// Configs by task type.
    pub fn tasks(&self) -> Option<&Map<String, Json>> {
        self.section("task").get("taskTypeConfigsMap")?.as_object()
    }

    /// A top-level section of the document as written back; empty when absent.
    pub fn section(&self, name: &str) -> &Map<String, Json> {
        static EMPTY: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
        self.json.get(name).and_then(Json::as_object).unwrap_or(&EMPTY)
    }

    fn segments(&self) -> &Map<String, Json> {
        self.section("segmentsConfig")
    }

    /// Names of `tunerConfigs`.
    pub fn tuners(&self) -> Vec<&str> {
        let tuners = self.json.get("tunerConfigs").and_then(Json::as_array).into_iter().flatten();
        tuners.filter_map(|tuner| text(tuner.as_object()?, "name")).collect()
    }

    /// The entries of `tierConfigs`.
    pub fn tiers(&self) -> impl Iterator<Item = &Map<String, Json>> {
        self.json.get("tierConfigs").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object)
    }

    /// The entries of `fieldConfigList`.
    pub(crate) fn field_configs(&self) -> impl Iterator<Item = &Map<String, Json>> {
        self.json.get("fieldConfigList").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object)
    }
}

impl serde::Serialize for TableConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json_with_unknown().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for TableConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(&json).map_err(serde::de::Error::custom)
    }
}

/// `indexType` and `indexTypes` say the same; both are written, the list checked.
fn normalize_field_configs(out: &mut Map<String, Json>) -> Result<(), TableConfigError> {
    let Some(Json::Array(fields)) = out.get_mut("fieldConfigList") else { return Ok(()) };
    for (i, field) in fields.iter_mut().enumerate() {
        let Json::Object(field) = field else { continue };
        let mut types: Vec<String> = list(field, "indexTypes").into_iter().map(str::to_ascii_uppercase).collect();
        if types.is_empty() {
            types.extend(text(field, "indexType").map(str::to_owned));
        }
        for name in &types {
            if !sections::FIELD_INDEX_TYPES.contains(&name.as_str()) {
                let meant = crate::suggest::did_you_mean(name, sections::FIELD_INDEX_TYPES.iter().copied());
                return Err(TableConfigError::Member {
                    at: format!("/fieldConfigList/{i}/indexTypes"),
                    reason: format!("'{name}' is not one of {}{meant}", sections::FIELD_INDEX_TYPES.join(", ")),
                });
            }
        }
        if let Some(first) = types.first() {
            field.insert("indexType".into(), first.clone().into());
        }
        field.insert("indexTypes".into(), types.into());
    }
    Ok(())
}

fn put_at(json: &mut Json, pointer: &str, value: &Json) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    if let Some(Json::Object(object)) = json.pointer_mut(parent) {
        object.entry(key.replace("~1", "/").replace("~0", "~")).or_insert_with(|| value.clone());
    }
}

pub(crate) fn text<'a>(object: &'a Map<String, Json>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Json::as_str)
}

pub(crate) fn list<'a>(object: &'a Map<String, Json>, key: &str) -> Vec<&'a str> {
    object.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}
