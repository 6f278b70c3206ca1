//! What makes a table config valid for its schema.
//!
//! Not here: whether tenants have instances, whether task types are known, whether transform expressions parse.

mod indexing;
mod ingestion;
mod upsert;

use std::fmt;

use serde_json::Value as Json;

use super::{TableConfig, list, text};
use crate::{Schema, TableType, TimeUnit, parse_data_size, parse_period};

/// One mistake in a table config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// JSON pointer to the member at fault.
    pub at: String,
    /// What is wrong, in Pinot's words where it has them.
    pub message: String,
    /// What to do, a sentence without full stop; may be empty.
    pub advice: String,
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
struct Errors(Vec<ValidationError>);

impl Errors {
    fn add(&mut self, at: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) {
        self.0.push(ValidationError { at: at.into(), message: message.into(), advice: advice.into() });
    }
}

/// Every mistake that the config and its schema alone can tell, the most basic first. Empty means valid.
pub fn validate_table(config: &TableConfig, schema: &Schema) -> Vec<ValidationError> {
    let mut errors = Errors(Vec::new());
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
    upsert::check(config, schema, &mut errors);
    tiers(config, &mut errors);
    indexing::check(config, schema, &mut errors);
    quota(config, &mut errors);
    replication(config, &mut errors);
    errors.0
}

/// Mistakes that show only when a raw name has both an OFFLINE and a REALTIME table.
pub fn validate_hybrid_pair(offline: &TableConfig, realtime: &TableConfig) -> Vec<ValidationError> {
    let mut errors = Errors(Vec::new());
    let raw = offline.raw_name();
    if offline.time_column() != realtime.time_column() {
        errors.add(
            "/segmentsConfig/timeColumnName",
            format!("Time column names are different for table: {raw}"),
            format!(
                "offline has {}, realtime has {}",
                offline.time_column().unwrap_or("none"),
                realtime.time_column().unwrap_or("none")
            ),
        );
    }
    if offline.broker_tenant() != realtime.broker_tenant() {
        errors.add(
            "/tenants/broker",
            format!("Broker Tenants are different for table: {raw}"),
            format!("offline has {}, realtime has {}", offline.broker_tenant(), realtime.broker_tenant()),
        );
    }
    errors.0
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
        Some(column) if schema.date_time_field(column).is_none() => errors.add(
            "/segmentsConfig/timeColumnName",
            format!(
                "Cannot find valid fieldSpec for timeColumn: {column} from the table config: {table}, in the schema: {}",
                schema.name
            ),
            "name a column of dateTimeFieldSpecs",
        ),
        _ => {}
    }
    if let Some(push_type) = text(segments, "segmentPushType")
        && !["APPEND", "REFRESH", ""].contains(&push_type.to_ascii_uppercase().as_str())
    {
        errors.add(
            "/segmentsConfig/segmentPushType",
            format!("Table: {table}, invalid push type: {push_type}"),
            "use APPEND or REFRESH",
        );
    }
    if let Some(unit) = text(segments, "retentionTimeUnit").filter(|unit| !unit.is_empty()) {
        if unit.parse::<TimeUnit>().is_err() {
            errors.add(
                "/segmentsConfig/retentionTimeUnit",
                format!("Table: {table}, invalid retention time unit: {unit}"),
                "use DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS",
            );
        }
        if let Some(value) = text(segments, "retentionTimeValue").filter(|value| !value.is_empty())
            && value.trim().parse::<i64>().is_err()
        {
            errors.add(
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
    if let Some(scheme) = text(segments, "peerSegmentDownloadScheme") {
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            errors.add(
                "/segmentsConfig/peerSegmentDownloadScheme",
                format!("Invalid value '{scheme}' for peerSegmentDownloadScheme. Must be one of http or https"),
                "",
            );
        }
        if config.replication() < 2 {
            errors.add(
                "/segmentsConfig/peerSegmentDownloadScheme",
                "peerSegmentDownloadScheme can't be used when replication is < 2",
                "raise segmentsConfig.replication or remove the scheme",
            );
        }
    }
    untracked_segments(config, errors);
}

fn untracked_segments(config: &TableConfig, errors: &mut Errors) {
    let segments = config.section("segmentsConfig");
    let unit = text(segments, "untrackedSegmentsRetentionTimeUnit");
    let value = text(segments, "untrackedSegmentsRetentionTimeValue");
    let valid = match (unit, value) {
        (None, None) => true,
        (Some(unit), Some(value)) => {
            unit.parse::<TimeUnit>().is_ok() && value.trim().parse::<i64>().is_ok_and(|value| value > 0)
        }
        _ => false,
    };
    if !valid {
        errors.add(
            "/segmentsConfig/untrackedSegmentsRetentionTimeValue",
            "untrackedSegmentsRetentionTimeUnit and untrackedSegmentsRetentionTimeValue are invalid",
            "give both, a time unit and a positive number",
        );
    }
}

fn dimension_table(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    if !config.is_dimension_table() {
        return;
    }
    if config.table_type() != TableType::Offline {
        errors.add("/isDimTable", "Dimension table must be of OFFLINE table type.", "set tableType to OFFLINE");
    }
    if schema.primary_key_columns.is_empty() {
        errors.add(
            "/isDimTable",
            "Dimension table must have primary key[s]",
            format!("add primaryKeyColumns to schema {}", schema.name),
        );
    }
    if let Some(batch) = &config.ingestion().batch
        && !batch.segment_ingestion_type.as_deref().unwrap_or_default().eq_ignore_ascii_case("REFRESH")
    {
        errors.add(
            "/ingestionConfig/batchIngestionConfig/segmentIngestionType",
            "Dimension tables must have segment ingestion type REFRESH",
            "",
        );
    }
}

fn tiers(config: &TableConfig, errors: &mut Errors) {
    let mut names = std::collections::HashSet::new();
    for (i, tier) in array(config, "tierConfigs").iter().enumerate() {
        let Some(tier) = tier.as_object() else { continue };
        let at = |key: &str| format!("/tierConfigs/{i}/{key}");
        let name = text(tier, "name").unwrap_or_default();
        if name.trim().is_empty() {
            errors.add(at("name"), "Tier name cannot be blank", "");
        } else if !names.insert(name) {
            errors.add(at("name"), format!("Tier name: {name} already exists in tier configs"), "");
        }
        match text(tier, "segmentSelectorType").unwrap_or_default().to_ascii_lowercase().as_str() {
            "time" if text(tier, "segmentAge").is_none_or(|age| parse_period(age).is_err()) => errors.add(
                at("segmentAge"),
                format!("segmentAge: {} is invalid for tier: {name}", text(tier, "segmentAge").unwrap_or("null")),
                "give a period such as 7d",
            ),
            "fixed" if list(tier, "segmentList").is_empty() => errors.add(
                at("segmentList"),
                format!("Must provide 'segmentList' for segmentSelectorType: fixed in tier: {name}"),
                "",
            ),
            "time" | "fixed" => {}
            other => errors.add(
                at("segmentSelectorType"),
                format!("Unsupported segmentSelectorType: {other} in tier: {name}"),
                "use time or fixed",
            ),
        }
        let storage = text(tier, "storageType").unwrap_or_default();
        if !storage.eq_ignore_ascii_case("pinot_server") {
            errors.add(
                at("storageType"),
                format!("Unsupported storageType: {storage} in tier: {name}"),
                "use pinot_server",
            );
        } else if !text(tier, "serverTag").is_some_and(|tag| tag.ends_with("_OFFLINE") || tag.ends_with("_REALTIME")) {
            errors.add(
                at("serverTag"),
                format!("serverTag: {} must have a valid server tag suffix", text(tier, "serverTag").unwrap_or("null")),
                "end it in _OFFLINE or _REALTIME",
            );
        }
    }
}

fn quota(config: &TableConfig, errors: &mut Errors) {
    let quota = config.section("quota");
    if let Some(storage) = text(quota, "storage")
        && parse_data_size(storage).is_none()
    {
        errors.add("/quota/storage", format!("Invalid 'storage': {storage}"), "use a size such as 100G");
    }
    if let Some(rate) = text(quota, "maxQueriesPerSecond")
        && !rate.trim().parse::<f64>().is_ok_and(|rate| rate > 0.0 && rate.is_finite())
    {
        errors.add(
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
        Some(text) if text.trim().parse::<u32>().is_err() => errors.add(
            "/segmentsConfig/replication",
            format!("For input string: \"{text}\""),
            "'replication' must be a whole number",
        ),
        Some(_) => {}
    }
}

fn array<'a>(config: &'a TableConfig, key: &str) -> &'a [Json] {
    config.json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}
