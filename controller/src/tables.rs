//! Creating, changing and deleting tables: what is checked, and what changes with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Schema, TableConfig, TableType};
use serde_json::Value;

use crate::cluster::{self, Change, Cluster, SchemaEntry, SegmentEntry, State, TableEntry, Tombstone};
use crate::error::Error;

/// Checks that a caller asks to leave out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skip {
    pub all: bool,
    pub task: bool,
    pub upsert: bool,
    pub tenant: bool,
}

impl Skip {
    /// Reads `validationTypesToSkip`.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let mut skip = Self::default();
        for name in text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.to_ascii_uppercase().as_str() {
                "ALL" => skip.all = true,
                "TASK" => skip.task = true,
                "UPSERT" => skip.upsert = true,
                "TENANT" => skip.tenant = true,
                "MINION_INSTANCES" | "ACTIVE_TASKS" => {}
                _ => {
                    return Err(Error::Invalid(format!(
                        "Unknown validation type '{name}': expected ALL, TASK, UPSERT, TENANT, MINION_INSTANCES or \
                         ACTIVE_TASKS"
                    )));
                }
            }
        }
        Ok(skip)
    }
}

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

/// Checks a config against its schema and the other half of a hybrid table.
pub(crate) fn validate(state: &State, config: &TableConfig, schema: &Schema, skip: Skip) -> Result<(), Error> {
    if skip.all {
        return Ok(());
    }
    let mut mistakes = model::table_config::validate_table(config, schema);
    mistakes.retain(|mistake| {
        let under = |section: &str| mistake.at.starts_with(section);
        !(skip.task && under("/task")) && !(skip.upsert && (under("/upsertConfig") || under("/dedupConfig")))
    });
    refuse_first(mistakes)?;
    if !skip.task {
        validate_tasks(config)?;
    }
    // Whether expressions can be read is for those to say who run them.
    ::ingest::Pipeline::new(schema, config, 0).map_err(|error| Error::Invalid(error.to_string()))?;
    let other = match config.table_type() {
        TableType::Offline => config.raw_name().realtime(),
        TableType::Realtime => config.raw_name().offline(),
    };
    if let Some(other) = state.table(other.as_str()) {
        let (offline, realtime) = match config.table_type() {
            TableType::Offline => (config, &*other.entry.config),
            TableType::Realtime => (&*other.entry.config, config),
        };
        refuse_first(model::table_config::validate_hybrid_pair(offline, realtime))?;
    }
    Ok(())
}

/// Tasks that minions know.
const TASK_TYPES: [&str; 7] = [
    "SegmentGenerationAndPushTask",
    "MergeRollupTask",
    "RealtimeToOfflineSegmentsTask",
    "PurgeTask",
    "RefreshSegmentTask",
    "UpsertCompactionTask",
    "UpsertCompactMergeTask",
];

fn validate_tasks(config: &TableConfig) -> Result<(), Error> {
    for (task, settings) in config.tasks().into_iter().flatten() {
        if !TASK_TYPES.contains(&task.as_str()) {
            return Err(Error::Invalid(format!(
                "Task generator not found for task type: {task}, while validating table configs for table: {}",
                config.table_name()
            )));
        }
        if let Some(schedule) = settings.get("schedule").and_then(Value::as_str)
            && !looks_like_cron(schedule)
        {
            return Err(Error::Invalid(format!("Task {task} contains an invalid cron schedule: {schedule}")));
        }
    }
    Ok(())
}

/// Six or seven fields: seconds, minutes, hours, day of month, month, day of week, and perhaps the year.
fn looks_like_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_field = |field: &&str| {
        field.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '?' | '/' | ',' | '-' | '#'))
    };
    let is_number = |field: &str| field.starts_with(|c: char| c.is_ascii_digit() || c == '*');
    (6..=7).contains(&fields.len()) && fields.iter().all(is_field) && fields[..3].iter().all(|field| is_number(field))
}

/// The most basic mistake comes first.
fn refuse_first(mistakes: Vec<model::table_config::ValidationError>) -> Result<(), Error> {
    mistakes.into_iter().next().map_or(Ok(()), |mistake| Err(Error::Invalid(mistake.to_string())))
}

/// Checks that the tenants have instances, as many as the replication asks for.
fn validate_tenants(state: &State, config: &TableConfig) -> Result<(), Error> {
    let name = config.table_name();
    let tag = cluster::broker_tag(config);
    if state.instances_with_tag(&tag).is_empty() {
        return Err(Error::Invalid(format!("Failed to find instances with tag: {tag} for table: {name}")));
    }
    let tag = cluster::server_tag(config);
    let reason = match state.instances_with_tag(&tag).len() {
        0 => format!("No instance found with tag: {tag} for table: {name}"),
        servers if (servers as u64) < u64::from(config.replication()) => format!(
            "Number of instances: {servers} with tag: {tag} < table replication: {} for table: {name}",
            config.replication()
        ),
        _ => return Ok(()),
    };
    Err(Error::Invalid(format!("Failed to calculate instance partitions for table: {name}, reason: {reason}")))
}

/// What a REALTIME table is told: it is kept, and it stays empty.
pub(crate) const NO_STREAMS: &str = "this version does not consume streams: the table gets no rows";

/// Plans the creation of a table. With `schema` given, that one is meant, not the stored one.
pub(crate) fn plan_create(
    state: &State,
    config: &TableConfig,
    schema: Option<&Schema>,
    skip: Skip,
    now_ms: i64,
) -> Result<Change, Error> {
    let name = config.table_name();
    if state.tables.contains_key(name.as_str()) {
        return Err(Error::Conflict(format!(
            "Table config for {name} already exists. If this is unexpected, try deleting the table to remove all \
             metadata associated with it before attempting to recreate."
        )));
    }
    let stored;
    let schema = match schema {
        Some(schema) => schema,
        None => {
            stored = schema_of(state, config)?;
            &*stored
        }
    };
    let config = config.with_default_tenants();
    if config.replication_text().is_none() {
        return Err(Error::Invalid(
            "Cannot parse null string: 'segmentsConfig.replication' is missing, it is the number of replicas"
                .to_owned(),
        ));
    }
    validate(state, &config, schema, skip)?;
    if !(skip.all || skip.tenant) {
        validate_tenants(state, &config)?;
    }
    if config.table_type() == TableType::Realtime {
        tracing::warn!(table = %name, "{NO_STREAMS}");
    }
    Ok(Change::PutTable(TableEntry::new(config, true, now_ms, now_ms)))
}

/// Plans the update of a table.
pub(crate) fn plan_update(
    state: &State,
    config: &TableConfig,
    schema: Option<&Schema>,
    skip: Skip,
    now_ms: i64,
) -> Result<Change, Error> {
    let name = config.table_name();
    let stored;
    let schema = match schema {
        Some(schema) => schema,
        None => {
            stored = schema_of(state, config)?;
            &*stored
        }
    };
    let Some(old) = state.table(name.as_str()) else {
        return Err(Error::NotFound(format!("Table {name} does not exist")));
    };
    let config = config.with_default_tenants();
    validate(state, &config, schema, skip)?;
    Ok(Change::PutTable(TableEntry::new(config, old.entry.enabled, old.entry.creation_time_ms, now_ms)))
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
    use super::*;

    #[test]
    fn cron_schedules() {
        for (text, valid) in [
            ("0 */10 * ? * *", true),
            ("0 0 12 * * ? 2030", true),
            ("0 15 10 ? * MON-FRI", true),
            ("every day", false),
            ("", false),
            ("* * * * *", false),
            ("a b c d e f", false),
        ] {
            assert_eq!(looks_like_cron(text), valid, "{text}");
        }
    }
}
