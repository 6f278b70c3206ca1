//! Ingestion: batch, stream, filter, transforms, aggregation, complex types.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{super::TableConfig, Errors};
use crate::{FieldRole, Schema, TableType};

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    batch(config, errors);
    streams(config, errors);
    transforms(config, schema, errors);
    aggregations(config, schema, errors);
    complex_types(config, schema, errors);
}

fn batch(config: &TableConfig, errors: &mut Errors) {
    let Some(batch) = &config.ingestion().batch else { return };
    let at = "/ingestionConfig/batchIngestionConfig";
    if let Some(kind) = &batch.segment_ingestion_type
        && !["APPEND", "REFRESH"].contains(&kind.to_ascii_uppercase().as_str())
    {
        errors.add(
            format!("{at}/segmentIngestionType"),
            format!("Table: {}, invalid push type: {kind}", config.table_name()),
            "use APPEND or REFRESH",
        );
    }
    if let Some(frequency) = &batch.segment_ingestion_frequency
        && !["HOURLY", "DAILY"].contains(&frequency.to_ascii_uppercase().as_str())
    {
        errors.add(
            format!("{at}/segmentIngestionFrequency"),
            format!("Table: {}, invalid segment ingestion frequency: {frequency}", config.table_name()),
            "use HOURLY or DAILY",
        );
    }
}

fn streams(config: &TableConfig, errors: &mut Errors) {
    let legacy = config.section("tableIndexConfig").get("streamConfigs").is_some();
    if legacy && !config.ingestion().streams.is_empty() {
        errors.add(
            "/tableIndexConfig/streamConfigs",
            "Should not use indexingConfig#getStreamConfigs if ingestionConfig#StreamIngestionConfig is provided",
            "keep ingestionConfig.streamIngestionConfig only",
        );
    }
    if config.table_type() != TableType::Realtime {
        return;
    }
    let streams = config.stream_configs();
    if streams.is_empty() {
        let has_section = config.section("ingestionConfig").contains_key("streamIngestionConfig");
        if has_section {
            errors.add(
                "/ingestionConfig/streamIngestionConfig/streamConfigMaps",
                "Must have at least 1 stream in REALTIME table",
                "",
            );
        } else {
            errors.add(
                "/ingestionConfig/streamIngestionConfig",
                format!("Cannot find streamConfigs for table: {}", config.table_name()),
                "add ingestionConfig.streamIngestionConfig.streamConfigMaps",
            );
        }
    }
    for stream in &streams {
        let at = "/ingestionConfig/streamIngestionConfig/streamConfigMaps";
        let fail = "Could not create StreamConfig using the streamConfig map";
        let Some(kind) = stream.get("streamType") else {
            errors.add(at, fail, "'streamType' is missing, for example \"kafka\"");
            continue;
        };
        for key in ["topic.name", "decoder.class.name"] {
            let key = format!("stream.{kind}.{key}");
            if stream.get(&key).is_none_or(|value| value.trim().is_empty()) {
                errors.add(at, fail, format!("'{key}' is missing"));
            }
        }
        thresholds(stream, at, fail, errors);
    }
}

fn thresholds(stream: &std::collections::BTreeMap<String, String>, at: &str, fail: &str, errors: &mut Errors) {
    let period = "realtime.segment.flush.threshold.time";
    if let Some(text) = stream.get(period)
        && text.trim().parse::<u64>().is_err()
        && crate::parse_period(text).is_err()
    {
        errors.add(at, fail, format!("'{period}' is no period: '{text}', use for example 24h"));
    }
    for key in [
        "realtime.segment.flush.threshold.rows",
        "realtime.segment.flush.threshold.segment.rows",
        "realtime.segment.flush.threshold.size",
    ] {
        if let Some(text) = stream.get(key)
            && text.trim().parse::<u64>().is_err()
        {
            errors.add(at, fail, format!("'{key}' is no whole number: '{text}'"));
        }
    }
    let size = "realtime.segment.flush.threshold.segment.size";
    if let Some(text) = stream.get(size)
        && crate::parse_data_size(text).is_none()
    {
        errors.add(at, fail, format!("'{size}' is no size: '{text}', use for example 200M"));
    }
}

fn transforms(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let sources: Vec<String> = config.ingestion().aggregations.iter().filter_map(aggregation_source).collect();
    let mut seen = HashSet::new();
    for (i, transform) in config.ingestion().transforms.iter().enumerate() {
        let at = format!("/ingestionConfig/transformConfigs/{i}");
        let (column, function) = (transform.column.as_str(), transform.function.as_str());
        if column.is_empty() || function.is_empty() {
            errors.add(
                &at,
                format!("columnName/transformFunction cannot be null in TransformConfig {{columnName: {column}, transformFunction: {function}}}"),
                "give both",
            );
            continue;
        }
        if schema.field(column).is_none() && !sources.iter().any(|source| source == column) {
            errors.add(
                format!("{at}/columnName"),
                format!("The destination column '{column}' of the transform function must be present in the schema or as a source column for aggregations"),
                format!("add it to schema {}", schema.name),
            );
        }
        if !seen.insert(column) {
            errors.add(
                format!("{at}/columnName"),
                format!("Duplicate transform config found for column '{column}'"),
                "keep one of them",
            );
        }
    }
}

/// The column that an aggregation reads: `SUM(price)` reads `price`.
fn aggregation_source(config: &Json) -> Option<String> {
    let function = config.get("aggregationFunction")?.as_str()?;
    let inner = function.split_once('(')?.1.trim_end().strip_suffix(')')?;
    let first = inner.split(',').next()?.trim();
    Some(first.trim_matches('"').to_owned())
}

fn aggregations(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let aggregations = &config.ingestion().aggregations;
    if aggregations.is_empty() {
        return;
    }
    let list = "/ingestionConfig/aggregationConfigs";
    if config.section("tableIndexConfig").get("aggregateMetrics").and_then(Json::as_bool) == Some(true) {
        errors.add(list, "aggregateMetrics cannot be set with AggregationConfig", "choose one of them");
    }
    let mut covered = HashSet::new();
    for (i, aggregation) in aggregations.iter().enumerate() {
        let at = format!("{list}/{i}");
        let column = aggregation.get("columnName").and_then(Json::as_str).unwrap_or_default();
        match schema.field(column) {
            None => errors.add(
                &at,
                format!("The destination column '{column}' of the aggregation function must be present in the schema"),
                "",
            ),
            Some(field) if field.role != FieldRole::Metric => {
                errors.add(&at, format!("aggregation destination column: {column} must be a metric"), "");
            }
            Some(_) => {}
        }
        if !covered.insert(column) {
            errors.add(&at, format!("Duplicate aggregation config found for column '{column}'"), "keep one of them");
        }
        if aggregation_source(aggregation).is_none() {
            errors.add(
                &at,
                format!("Invalid aggregation function for column '{column}'"),
                "write it as FUNCTION(column), for example SUM(price)",
            );
        }
        if !config.indexing().no_dictionary.contains(column) {
            errors.add(
                &at,
                format!("Aggregation column: {column} must be a no-dictionary column"),
                "add it to noDictionaryColumns",
            );
        }
    }
    let missing: Vec<&str> = schema
        .fields_of(FieldRole::Metric)
        .map(|field| field.name.as_str())
        .filter(|name| !covered.contains(name))
        .collect();
    if !missing.is_empty() {
        errors.add(list, format!("all metric columns must be aggregated, missing: [{}]", missing.join(", ")), "");
    }
}

fn complex_types(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let Some(complex) = &config.ingestion().complex_types else { return };
    for (prefix, replacement) in &complex.prefixes_to_rename {
        let clash = schema.fields.iter().find(|field| field.name.starts_with(prefix.as_str()) && !prefix.is_empty());
        if let Some(field) = clash {
            errors.add(
                "/ingestionConfig/complexTypeConfig/prefixesToRename",
                format!(
                    "Fields from table schema contains columns starting with the prefix '{prefix}' to be renamed: {}",
                    field.name
                ),
                format!("name the column as it is called after renaming to '{replacement}'"),
            );
        }
    }
}
