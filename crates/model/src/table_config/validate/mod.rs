//! What makes a table config valid for its schema.
//!
//! Not here: whether tenants have instances, whether task types are known, whether transform expressions parse.

mod aggregation;
mod codec;
mod compatibility;
mod dedup;
mod field_config;
mod indexing;
mod ingestion;
mod instances;
mod star_tree;
mod streams;
#[cfg(test)]
mod tests;
mod tiers;
mod upsert;

use std::fmt;

use serde_json::Value as Json;

pub use compatibility::incompatible_changes;

use super::{TableConfig, list, text};
use crate::{FieldSpec, Schema, TableType, TimeUnit, parse_data_size, parse_period, suggest};

/// One mistake in a table config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// JSON pointer to the member at fault.
    pub at: String,
    /// What is wrong, in Pinot's words where it has them.
    pub message: String,
    /// What to do, a sentence without full stop; may be empty.
    pub advice: String,
    /// Whether it is a rule of upsert and deduplication alone, which callers may leave out.
    pub about_upsert: bool,
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.at.is_empty() {
            write!(f, " (at {})", self.at)?;
        }
        if !self.advice.is_empty() {
            write!(f, ": {}", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationError {}

/// Collects mistakes.
struct Errors {
    list: Vec<ValidationError>,
    about_upsert: bool,
}

impl Errors {
    fn new() -> Self {
        Self { list: Vec::new(), about_upsert: false }
    }

    fn add(&mut self, at: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) {
        self.list.push(ValidationError {
            at: at.into(),
            message: message.into(),
            advice: advice.into(),
            about_upsert: self.about_upsert,
        });
    }

    /// As [`Errors::add`], unless `holds`.
    fn ensure(&mut self, holds: bool, at: &str, message: impl Into<String>, advice: impl Into<String>) {
        if !holds {
            self.add(at, message, advice);
        }
    }
}

/// Every mistake that the config and its schema alone can tell, the most basic first. Empty means valid.
pub fn validate_table(config: &TableConfig, schema: &Schema) -> Vec<ValidationError> {
    let mut errors = Errors::new();
    if config.raw_name().as_str() != schema.name {
        errors.add(
            "/tableName",
            format!("Schema name: {} does not match table name: {}", schema.name, config.raw_name()),
            "a table uses the schema of its own raw name",
        );
    }
    segments_config(config, schema, &mut errors);
    dimension_table(config, schema, &mut errors);
    ingestion::check(config, schema, &mut errors);
    if config.table_type() == TableType::Realtime {
        streams::check(config, &mut errors);
    }
    tiers::check(config, &mut errors);
    indexing::check(config, schema, &mut errors);
    instances::check(config, &mut errors);
    errors.about_upsert = true;
    upsert::check(config, schema, &mut errors);
    errors.about_upsert = false;
    samplers(config, &mut errors);
    quota(config, &mut errors);
    replication(config, &mut errors);
    errors.list
}

/// Mistakes that show only when a raw name has both an OFFLINE and a REALTIME table.
pub fn validate_hybrid_pair(offline: &TableConfig, realtime: &TableConfig) -> Vec<ValidationError> {
    let mut errors = Errors::new();
    let raw = offline.raw_name();
    let both = |offline: Option<&str>, realtime: Option<&str>| {
        format!("offline has {}, realtime has {}", offline.unwrap_or("none"), realtime.unwrap_or("none"))
    };
    let (ours, theirs) = (offline.time_column(), realtime.time_column());
    let at = "/segmentsConfig/timeColumnName";
    if ours.is_none() || theirs.is_none() {
        errors.add(at, format!("'timeColumnName' cannot be null for table: {raw}!"), both(ours, theirs));
    } else if ours != theirs {
        errors.add(at, format!("Time column names are different for table: {raw}"), both(ours, theirs));
    }
    let (ours, theirs) = (offline.broker_tenant(), realtime.broker_tenant());
    if ours != theirs {
        let message = format!("Broker Tenants are different for table: {raw}");
        errors.add("/tenants/broker", message, both(Some(ours), Some(theirs)));
    }
    errors.list
}

/// What to do about a column that the schema does not have.
fn missing_column_advice(schema: &Schema, column: &str) -> String {
    if let Some(field) = schema.field_ignore_case(column) {
        return format!("names are case-sensitive here, the schema has '{}'", field.name);
    }
    let columns = schema.fields.iter().map(|field| field.name.as_str());
    match suggest::nearest(column, columns) {
        Some(meant) => format!("did you mean '{meant}'?"),
        None => format!("add it to schema {} or take it out of the config", schema.name),
    }
}

/// The field of a column, or the mistake that there is none. `what` is its role in the config, ending in a space.
fn field<'a>(
    schema: &'a Schema,
    column: &str,
    what: &str,
    at: impl Into<String>,
    errors: &mut Errors,
) -> Option<&'a FieldSpec> {
    let found = schema.field(column);
    if found.is_none() && !column.starts_with('$') {
        errors.add(
            at,
            format!("Failed to find {what}column: {column} in schema"),
            missing_column_advice(schema, column),
        );
    }
    found
}

fn segments_config(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let table = config.table_name();
    let segments = config.section("segmentsConfig");
    match config.time_column() {
        None if config.table_type() == TableType::Realtime => errors.add(
            "/segmentsConfig/timeColumnName",
            "'timeColumnName' cannot be null in REALTIME table config",
            "name a date-time column of the schema",
        ),
        Some(column) if schema.date_time_field(column).is_none() => {
            let dates = schema.fields.iter().filter(|field| schema.date_time_field(&field.name).is_some());
            let advice = match suggest::nearest(column, dates.map(|field| field.name.as_str())) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => "name a column of dateTimeFieldSpecs".to_owned(),
            };
            errors.add(
                "/segmentsConfig/timeColumnName",
                format!(
                    "Cannot find valid fieldSpec for timeColumn: {column} from the table config: {table}, in the schema: {}",
                    schema.name
                ),
                advice,
            );
        }
        _ => {}
    }
    if config.table_type() == TableType::Offline
        && let Some(push_type) = text(segments, "segmentPushType")
        && !["APPEND", "REFRESH", ""].contains(&push_type.to_ascii_uppercase().as_str())
    {
        errors.add(
            "/segmentsConfig/segmentPushType",
            format!("Table: {table}, invalid push type: {push_type}"),
            "use APPEND or REFRESH",
        );
    }
    peer_download(config, errors);
    retention(config, errors);
    untracked_segments(config, errors);
}

fn peer_download(config: &TableConfig, errors: &mut Errors) {
    let Some(scheme) = text(config.section("segmentsConfig"), "peerSegmentDownloadScheme") else { return };
    let at = "/segmentsConfig/peerSegmentDownloadScheme";
    errors.ensure(
        is_peer_scheme(scheme),
        at,
        format!("Invalid value '{scheme}' for peerSegmentDownloadScheme. Must be one of http or https"),
        "",
    );
    errors.ensure(
        config.replication() >= 2,
        at,
        "peerSegmentDownloadScheme can't be used when replication is < 2",
        "raise segmentsConfig.replication or remove the scheme",
    );
}

fn is_peer_scheme(scheme: &str) -> bool {
    ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str())
}

const TIME_UNITS: [&str; 7] = ["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"];

fn time_unit_advice(unit: &str) -> String {
    match suggest::nearest(unit, TIME_UNITS) {
        Some(meant) => format!("did you mean '{meant}'?"),
        None => format!("use one of {}", TIME_UNITS.join(", ")),
    }
}

fn retention(config: &TableConfig, errors: &mut Errors) {
    let table = config.table_name();
    let segments = config.section("segmentsConfig");
    if let Some(unit) = text(segments, "retentionTimeUnit").filter(|unit| !unit.is_empty()) {
        errors.ensure(
            unit.parse::<TimeUnit>().is_ok(),
            "/segmentsConfig/retentionTimeUnit",
            format!("Table: {table}, invalid retention time unit: {unit}"),
            time_unit_advice(unit),
        );
        if let Some(value) = text(segments, "retentionTimeValue").filter(|value| !value.is_empty()) {
            errors.ensure(
                value.trim().parse::<i64>().is_ok(),
                "/segmentsConfig/retentionTimeValue",
                format!("Table: {table}, invalid retention time value: {value}"),
                "use a whole number",
            );
        }
    }
    if let Some(period) = text(segments, "deletedSegmentsRetentionPeriod")
        && let Err(error) = parse_period(period)
    {
        errors.add(
            "/segmentsConfig/deletedSegmentsRetentionPeriod",
            format!("Table: {table}, invalid deleted segments retention period: {period}"),
            error.to_string(),
        );
    }
}

fn untracked_segments(config: &TableConfig, errors: &mut Errors) {
    let table = config.table_name();
    let segments = config.section("segmentsConfig");
    let given = |key: &str| text(segments, key).filter(|text| !text.is_empty());
    let at_unit = "/segmentsConfig/untrackedSegmentsRetentionTimeUnit";
    let at_value = "/segmentsConfig/untrackedSegmentsRetentionTimeValue";
    match (given("untrackedSegmentsRetentionTimeUnit"), given("untrackedSegmentsRetentionTimeValue")) {
        (None, None) => {}
        (Some(_), None) => errors.add(
            at_value,
            format!(
                "Table: {table}, untracked retention time value must be specified when untracked retention time unit is provided"
            ),
            "",
        ),
        (None, Some(_)) => errors.add(
            at_unit,
            format!(
                "Table: {table}, untracked retention time unit must be specified when untracked retention time value is provided"
            ),
            "",
        ),
        (Some(unit), Some(value)) => {
            errors.ensure(
                unit.parse::<TimeUnit>().is_ok(),
                at_unit,
                format!("Table: {table}, invalid untracked retention time unit: {unit}"),
                time_unit_advice(unit),
            );
            errors.ensure(
                value.trim().parse::<i64>().is_ok_and(|value| value > 0),
                at_value,
                format!("Table: {table}, invalid untracked retention time value: {value}"),
                "use a whole number above 0",
            );
        }
    }
}

fn dimension_table(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    if !config.is_dimension_table() {
        return;
    }
    errors.ensure(
        config.table_type() == TableType::Offline,
        "/isDimTable",
        "Dimension table must be of OFFLINE table type.",
        "set tableType to OFFLINE",
    );
    errors.ensure(
        !schema.primary_key_columns.is_empty(),
        "/isDimTable",
        "Dimension table must have primary key[s]",
        format!("add primaryKeyColumns to schema {}", schema.name),
    );
    if config.section("ingestionConfig").is_empty() {
        return;
    }
    match &config.ingestion().batch {
        None => errors.add(
            "/ingestionConfig/batchIngestionConfig",
            "Dimension tables must have batch ingestion configuration",
            "add it with segmentIngestionType REFRESH",
        ),
        Some(batch) => errors.ensure(
            batch.segment_ingestion_type.as_deref().unwrap_or_default().eq_ignore_ascii_case("REFRESH"),
            "/ingestionConfig/batchIngestionConfig/segmentIngestionType",
            "Dimension tables must have segment ingestion type REFRESH",
            "",
        ),
    }
}

fn samplers(config: &TableConfig, errors: &mut Errors) {
    let mut names = std::collections::HashSet::new();
    for (i, sampler) in array(config, "tableSamplers").iter().enumerate() {
        let name = sampler.get("name").and_then(Json::as_str).unwrap_or_default().trim();
        let at = format!("/tableSamplers/{i}/name");
        if name.is_empty() {
            errors.add(at, "Table sampler name cannot be blank", "");
        } else if !names.insert(name) {
            errors.add(at, format!("Duplicate table sampler name: {name}"), "");
        }
    }
}

fn quota(config: &TableConfig, errors: &mut Errors) {
    let quota = config.section("quota");
    if let Some(storage) = text(quota, "storage") {
        errors.ensure(
            parse_data_size(storage).is_some(),
            "/quota/storage",
            format!("Invalid 'storage': {storage}"),
            "use a size such as 100G",
        );
    }
    if let Some(rate) = text(quota, "maxQueriesPerSecond") {
        errors.ensure(
            rate.trim().parse::<f64>().is_ok_and(|rate| rate > 0.0 && rate.is_finite()),
            "/quota/maxQueriesPerSecond",
            format!("Invalid 'maxQueriesPerSecond': {rate}"),
            "use a number above 0",
        );
    }
}

fn replication(config: &TableConfig, errors: &mut Errors) {
    match config.replication_text() {
        None => errors.add(
            "/segmentsConfig/replication",
            "Cannot parse null string",
            "'replication' is missing, give the number of replicas such as \"1\"",
        ),
        Some(text) => errors.ensure(
            text.trim().parse::<u32>().is_ok(),
            "/segmentsConfig/replication",
            format!("For input string: \"{text}\""),
            "'replication' must be a whole number",
        ),
    }
}

fn array<'a>(config: &'a TableConfig, key: &str) -> &'a [Json] {
    config.json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}
