//! Creating, changing and deleting tables: what is checked, and what changes with it.

mod check;
pub(crate) mod instances;
mod tasks;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{FieldRole, Schema, TableConfig, TableType};
use serde_json::{Map, Value};

pub(crate) use check::{Skip, validate, validate_in_cluster, validate_pair};

use crate::cluster::{self, Change, Cluster, SchemaEntry, SegmentEntry, State, TableEntry, Tombstone};
use crate::error::Error;

pub(crate) fn put_schema(schema: Schema) -> Change {
    Change::PutSchema(SchemaEntry::new(schema))
}

/// Reads a table config. The text of an error is about the document.
pub(crate) fn read_config(json: &Value) -> Result<TableConfig, Error> {
    TableConfig::from_json(json).map_err(|error| Error::Invalid(error.to_string()))
}

/// The schema of a table, or the error that says there is none.
pub(crate) fn schema_of(state: &State, config: &TableConfig) -> Result<Arc<Schema>, Error> {
    let found = state.schemas.get(config.raw_name().as_str());
    let missing = || Error::Invalid(format!("Failed to find schema for table: {}", config.table_name()));
    found.map(|entry| Arc::clone(&entry.schema)).ok_or_else(missing)
}

/// What a REALTIME table is told: it is kept, and it stays empty.
pub(crate) const NO_STREAMS: &str = "this version does not consume streams: the table gets no rows";

/// What the controller's own settings ask of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Storage quota of dimension tables that name none, and the largest that they may name.
    pub dimension_table_bytes: u64,
    /// Tables that ask for fewer replicas get so many.
    pub min_replicas: u32,
}

impl Limits {
    const NONE: Self = Self { dimension_table_bytes: u64::MAX, min_replicas: 0 };

    pub fn of(cluster: &Cluster) -> Self {
        let config = &cluster.config;
        Self { dimension_table_bytes: config.dimension_table_max_bytes, min_replicas: config.table_min_replicas }
    }

    /// The config as it is stored under these limits.
    fn apply(self, config: &TableConfig) -> Result<TableConfig, Error> {
        let mut config = config.with_default_tenants();
        if config.replication() < self.min_replicas {
            config =
                changed(&config, |json| put(json, "segmentsConfig", "replication", self.min_replicas.to_string()))?;
        }
        if !config.is_dimension_table() {
            return Ok(config);
        }
        match config.storage_quota_bytes() {
            None if self == Self::NONE => Ok(config),
            None => {
                let size = data_size(self.dimension_table_bytes);
                changed(&config, |json| put(json, "quota", "storage", size))
            }
            Some(wanted) if wanted > self.dimension_table_bytes => Err(Error::Invalid(format!(
                "Exceeded storage size for dimension table. Requested size: {wanted}, Max allowed size: {} (at \
                 /quota/storage): lower it or raise controller.dimTable.maxSize",
                self.dimension_table_bytes
            ))),
            Some(_) => Ok(config),
        }
    }
}

fn changed(config: &TableConfig, change: impl FnOnce(&mut Map<String, Value>)) -> Result<TableConfig, Error> {
    config.with_changes(change).map_err(|error| Error::Invalid(error.to_string()))
}

fn put(json: &mut Map<String, Value>, section: &str, key: &str, value: String) {
    if let Value::Object(section) = json.entry(section).or_insert_with(|| Value::Object(Map::new())) {
        section.insert(key.to_owned(), value.into());
    }
}

/// The config after its `tunerConfigs` have set what they tune: `realtimeAutoIndexTuner` gives every dimension an
/// inverted index and keeps metrics without a dictionary.
pub(crate) fn tuned(config: &TableConfig, schema: &Schema) -> Result<TableConfig, Error> {
    let tuners = config.tuners();
    let unknown = tuners.iter().find(|name| !["realtimeAutoIndexTuner", "noopConfigTuner"].contains(name));
    if let Some(unknown) = unknown {
        tracing::warn!(table = %config.table_name(), tuner = unknown, "no such config tuner, it does nothing");
    }
    if !tuners.contains(&"realtimeAutoIndexTuner") {
        return Ok(config.clone());
    }
    let names = |role| -> Value { schema.fields_of(role).map(|field| field.name.as_str()).collect() };
    changed(config, |json| {
        if let Some(Value::Object(indexing)) = json.get_mut("tableIndexConfig") {
            indexing.insert("invertedIndexColumns".to_owned(), names(FieldRole::Dimension));
            indexing.insert("noDictionaryColumns".to_owned(), names(FieldRole::Metric));
        }
    })
}

/// A size as people write it: `200M`.
fn data_size(bytes: u64) -> String {
    [("T", 40), ("G", 30), ("M", 20), ("K", 10)]
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// Plans the creation of a table. With `schema` given, that one is meant, not the stored one.
pub(crate) fn plan_create(
    state: &State,
    config: &TableConfig,
    schema: Option<&Schema>,
    skip: Skip,
    limits: Limits,
    now_ms: i64,
) -> Result<Vec<Change>, Error> {
    let name = config.table_name();
    if state.tables.contains_key(name.as_str()) {
        return Err(Error::Conflict(format!(
            "Table config for {name} already exists. If this is unexpected, try deleting the table to remove all \
             metadata associated with it before attempting to recreate."
        )));
    }
    let schema = match schema {
        Some(schema) => Arc::new(schema.clone()),
        None => schema_of(state, config)?,
    };
    if config.replication_text().is_none() {
        return Err(Error::Invalid(
            "Cannot parse null string (at /segmentsConfig/replication): 'replication' is missing, give the number of \
             replicas such as \"1\""
                .to_owned(),
        ));
    }
    let config = tuned(config, &schema)?;
    validate(&config, &schema, skip)?;
    let config = limits.apply(&config)?;
    validate_in_cluster(state, &config, skip)?;
    if config.table_type() == TableType::Realtime {
        tracing::warn!(table = %name, "{NO_STREAMS}");
    }
    let mut changes = Vec::new();
    for kind in instances::configured(&config) {
        // Without the check of tenants the table may have to wait for its instances.
        match instances::assign(state, &config, &kind) {
            Ok(partitions) => changes.push(Change::PutInstancePartitions(partitions)),
            Err(reason) => tracing::warn!(table = %name, kind = kind.key, reason, "no instances assigned"),
        }
    }
    changes.push(Change::PutTable(TableEntry::new(config, true, now_ms, now_ms)));
    Ok(changes)
}

/// Plans the update of a table by an operator who knows: without limits, and by force.
pub(crate) fn plan_update(
    state: &State,
    config: &TableConfig,
    schema: Option<&Schema>,
    skip: Skip,
    now_ms: i64,
) -> Result<Change, Error> {
    // Whoever edits what is stored may do it before the instances are there.
    let skip = Skip { tenant: true, minion: true, ..skip };
    plan_update_within(state, config, schema, skip, Limits::NONE, true, now_ms)
}

/// Plans the update of a table. Without `force`, what would make upserts and deduplication inconsistent is refused.
pub(crate) fn plan_update_within(
    state: &State,
    config: &TableConfig,
    schema: Option<&Schema>,
    skip: Skip,
    limits: Limits,
    force: bool,
    now_ms: i64,
) -> Result<Change, Error> {
    let name = config.table_name();
    let schema = match schema {
        Some(schema) => Arc::new(schema.clone()),
        None => schema_of(state, config)?,
    };
    validate(config, &schema, skip)?;
    let config = limits.apply(config)?;
    validate_in_cluster(state, &config, skip)?;
    let Some(old) = state.table(name.as_str()) else {
        return Err(Error::NotFound(format!("Table {name} does not exist")));
    };
    let violations = model::table_config::incompatible_changes(&old.entry.config, &config);
    if !violations.is_empty() {
        let listed = violations.join(", ");
        if !force {
            return Err(Error::Incompatible(format!(
                "Failed to update table '{name}': Cannot modify [{listed}] as it may lead to data inconsistencies. \
                 Please create a new table instead, or pass force=true."
            )));
        }
        tracing::warn!(table = %name, changes = listed, "changes that may make data inconsistent, by force");
    }
    Ok(Change::PutTable(old.entry.with_config(config, now_ms)))
}

/// Checks the expressions that older schemas hold. Whether they can be read is for those to say who run them.
pub(crate) fn check_schema_transforms(schema: &Schema) -> Result<(), Error> {
    if schema.fields.iter().all(|field| field.transform_function.is_none()) {
        return Ok(());
    }
    let alone = serde_json::json!({
        "tableName": schema.name, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
        "tableIndexConfig": {}, "metadata": {},
    });
    let invalid = |reason: String| Error::Invalid(format!("Invalid schema: {}. Reason: {reason}", schema.name));
    let config = TableConfig::from_json(&alone).map_err(|error| invalid(error.to_string()))?;
    ::ingest::Pipeline::new(schema, &config, 0).map(drop).map_err(|error| invalid(error.to_string()))
}

/// Checks that the tables of a schema stay valid with its new form.
pub(crate) fn check_schema_against_tables(state: &State, schema: &Schema) -> Result<(), Error> {
    for half in TableType::ALL {
        let Some(table) = state.table(&format!("{}{}", schema.name, half.suffix())) else { continue };
        validate(&table.entry.config, schema, Skip { task: true, ..Skip::default() }).map_err(|error| {
            Error::Invalid(format!(
                "Invalid schema: {}. Reason: Schema is incompatible with tableConfig with name: {} and type: {half}, \
                 reason: {error}",
                schema.name,
                table.entry.config.table_name()
            ))
        })?;
    }
    Ok(())
}

/// How long the files of deleted segments are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    pub ms: i64,
}

impl Retention {
    /// What the caller says, else the table, else the controller. `0d` and less keep nothing.
    pub fn choose(requested: Option<&str>, config: &TableConfig, cluster: &Cluster) -> Result<Self, Error> {
        let ms = match requested.filter(|text| !text.is_empty()) {
            Some(text) => {
                let bad =
                    |_| Error::Invalid(format!("Invalid retention period: {text}; expected for example 0d or 12h"));
                model::parse_period(text).map_err(bad)?
            }
            None => config.deleted_segments_retention_ms().unwrap_or_else(|| {
                i64::try_from(cluster.config.deleted_segments_retention_days).unwrap_or(7).saturating_mul(86_400_000)
            }),
        };
        Ok(Self { ms: ms.max(0) })
    }
}

/// What removes one segment: the record goes, its file follows when the retention is over.
pub(crate) fn remove_segment(
    table: &str,
    segment: &str,
    entry: &SegmentEntry,
    retention: Retention,
    now_ms: i64,
) -> Vec<Change> {
    let mut changes = vec![Change::RemoveSegment { table: table.to_owned(), segment: segment.to_owned() }];
    changes.extend(tombstone(entry, retention, now_ms));
    changes
}

fn tombstone(entry: &SegmentEntry, retention: Retention, now_ms: i64) -> Option<Change> {
    let path = entry.record.deep_store_path.clone()?;
    Some(Change::PutTombstone(Tombstone { path, due_ms: now_ms.saturating_add(retention.ms), pending: false }))
}

/// What removes a table with all its segments.
pub(crate) fn remove_table(state: &State, name: &str, retention: Retention, now_ms: i64) -> Vec<Change> {
    let Some(table) = state.table(name) else { return Vec::new() };
    let mut changes: Vec<Change> =
        table.segments.values().filter_map(|entry| tombstone(entry, retention, now_ms)).collect();
    let kinds = instances::kinds(state, table.entry.config.raw_name().as_str(), Some(table.entry.config.table_type()));
    for kind in kinds.into_iter().filter(|kind| state.instance_partitions.contains_key(&kind.name)) {
        changes.push(Change::RemoveInstancePartitions(kind.name));
    }
    changes.push(Change::RemoveTable(name.to_owned()));
    changes
}

/// Servers that may be given segments of a table: enabled ones of its tenant, and only live ones when those suffice.
pub(crate) fn candidates(state: &State, config: &TableConfig, live: &BTreeSet<String>) -> Vec<String> {
    let tag = cluster::server_tag(config);
    let servers = state.instances_with_tag(&tag).into_iter().filter(|i| i.role == "SERVER" && i.enabled);
    let all: Vec<String> = servers.map(|instance| instance.id.clone()).collect();
    let alive: Vec<String> = all.iter().filter(|id| live.contains(*id)).cloned().collect();
    if alive.len() >= config.replication() as usize { alive } else { all }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_as_people_write_them() {
        for (bytes, text) in [(200 << 20, "200M"), (1 << 30, "1G"), (1536, "1536"), (0, "0"), (2048, "2K")] {
            assert_eq!(super::data_size(bytes), text);
        }
    }
}
