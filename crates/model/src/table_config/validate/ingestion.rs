//! Ingestion: batch, filter, transforms, enrichment, complex types.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{super::TableConfig, Errors, aggregation, missing_column_advice};
use crate::{Schema, suggest};

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    batch(config, errors);
    stream_places(config, errors);
    aggregation::check(config, schema, errors);
    enrichments(config, errors);
    transforms(config, schema, errors);
    complex_types(config, schema, errors);
    schema_conforming(config, schema, errors);
}

fn batch(config: &TableConfig, errors: &mut Errors) {
    let Some(batch) = &config.ingestion().batch else { return };
    let at = "/ingestionConfig/batchIngestionConfig";
    let table = config.table_name();
    for (key, given, known, message) in [
        ("segmentIngestionType", &batch.segment_ingestion_type, ["APPEND", "REFRESH"], "invalid push type"),
        (
            "segmentIngestionFrequency",
            &batch.segment_ingestion_frequency,
            ["HOURLY", "DAILY"],
            "invalid segment ingestion frequency",
        ),
    ] {
        if let Some(given) = given.as_deref().filter(|text| !text.is_empty()) {
            errors.ensure(
                known.contains(&given.to_ascii_uppercase().as_str()),
                &format!("{at}/{key}"),
                format!("Table: {table}, {message}: {given}"),
                format!("use {}{}", known.join(" or "), suggest::did_you_mean(given, known)),
            );
        }
    }
    is_list_of_objects(config, "batchIngestionConfig", "batchConfigMaps", errors);
    const FORMATS: [&str; 11] =
        ["avro", "gzipped_avro", "csv", "json", "pinot", "thrift", "parquet", "orc", "proto", "arrow", "other"];
    for (place, map) in batch.config_maps.iter().enumerate() {
        let Some(format) = map.get("inputFormat") else { continue };
        errors.ensure(
            FORMATS.contains(&format.to_ascii_lowercase().as_str()),
            &format!("{at}/batchConfigMaps/{place}/inputFormat"),
            "Could not create BatchConfig using the batchConfig map",
            format!("'{format}' is no input format{}", suggest::did_you_mean(format, FORMATS)),
        );
    }
}

fn is_list_of_objects(config: &TableConfig, section: &str, key: &str, errors: &mut Errors) {
    let value = config.section("ingestionConfig").get(section).and_then(|section| section.get(key));
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    let fits = value.as_array().is_some_and(|items| items.iter().all(Json::is_object));
    let at = format!("/ingestionConfig/{section}/{key}");
    errors.ensure(fits, &at, format!("'{key}' must be an array of objects"), "each holds the properties of one");
}

/// A stream is described in one place.
fn stream_places(config: &TableConfig, errors: &mut Errors) {
    if !config.section("ingestionConfig").contains_key("streamIngestionConfig") {
        return;
    }
    is_list_of_objects(config, "streamIngestionConfig", "streamConfigMaps", errors);
    let legacy = config.section("tableIndexConfig").get("streamConfigs").and_then(Json::as_object);
    errors.ensure(
        legacy.is_none_or(serde_json::Map::is_empty),
        "/tableIndexConfig/streamConfigs",
        "Should not use indexingConfig#getStreamConfigs if ingestionConfig#StreamIngestionConfig is provided",
        "keep ingestionConfig.streamIngestionConfig only",
    );
    errors.ensure(
        !config.ingestion().streams.is_empty(),
        "/ingestionConfig/streamIngestionConfig/streamConfigMaps",
        "Must have at least 1 stream in REALTIME table",
        "list one map of properties for each stream",
    );
}

fn enrichments(config: &TableConfig, errors: &mut Errors) {
    const KNOWN: [&str; 2] = ["generateColumn", "clpEnricher"];
    for (i, enrichment) in config.ingestion().enrichments.iter().enumerate() {
        let kind = enrichment.get("enricherType").and_then(Json::as_str).unwrap_or_default();
        let at = format!("/ingestionConfig/enrichmentConfigs/{i}");
        if !KNOWN.contains(&kind) {
            errors.add(
                format!("{at}/enricherType"),
                format!("No record enricher found for type: {kind}"),
                format!("use {}{}", KNOWN.join(" or "), suggest::did_you_mean(kind, KNOWN)),
            );
            continue;
        }
        let properties = enrichment.get("properties").unwrap_or(&Json::Null);
        errors.ensure(
            properties.is_object() || properties.is_null(),
            &format!("{at}/properties"),
            format!("Failed to parse the config of enricher {kind}"),
            "give an object",
        );
        let functions = properties.get("fieldToFunctionMap").and_then(Json::as_object);
        for (field, function) in functions.into_iter().flatten() {
            errors.ensure(
                !function.as_str().unwrap_or_default().trim_start().to_ascii_lowercase().starts_with("groovy("),
                &format!("{at}/properties/fieldToFunctionMap/{field}"),
                "Groovy expression is not allowed for enrichment",
                "use a function",
            );
        }
    }
}

fn transforms(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let sources = aggregation::sources(config);
    let mut seen = HashSet::new();
    for (i, transform) in config.ingestion().transforms.iter().enumerate() {
        let at = format!("/ingestionConfig/transformConfigs/{i}");
        let (column, function) = (transform.column.as_str(), transform.function.as_str());
        if column.is_empty() || function.is_empty() {
            errors.add(
                &at,
                format!(
                    "columnName/transformFunction cannot be null in TransformConfig {{columnName: {column}, transformFunction: {function}}}"
                ),
                "give both",
            );
            continue;
        }
        let at = format!("{at}/columnName");
        errors.ensure(
            seen.insert(column),
            &at,
            format!("Duplicate transform config found for column '{column}'"),
            "keep one of them",
        );
        errors.ensure(
            schema.field(column).is_some() || sources.iter().any(|source| source == column),
            &at,
            format!(
                "The destination column '{column}' of the transform function must be present in the schema or as a source column for aggregations"
            ),
            missing_column_advice(schema, column),
        );
    }
}

fn complex_types(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let Some(complex) = &config.ingestion().complex_types else { return };
    for prefix in complex.prefixes_to_rename.keys() {
        let clash = schema.fields.iter().find(|field| field.name.starts_with(prefix.as_str()));
        if let Some(field) = clash {
            errors.add(
                format!("/ingestionConfig/complexTypeConfig/prefixesToRename/{prefix}"),
                format!(
                    "Fields in the schema may not begin with any prefix specified in the prefixesToRename config. Name conflict with field: {} and prefix: {prefix}",
                    field.name
                ),
                "name the column as it is called after renaming",
            );
        }
    }
}

/// Documents that are spread over the columns of the schema.
fn schema_conforming(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let Some(conforming) = config.ingestion().schema_conforming.as_ref().filter(|config| !config.is_null()) else {
        return;
    };
    let at = "/ingestionConfig/schemaConformingTransformerConfig";
    let Some(conforming) = conforming.as_object() else {
        return errors.add(at, "'schemaConformingTransformerConfig' must be an object", "");
    };
    let suffix = conforming.get("unindexableFieldSuffix").map_or(Some("_noindex"), Json::as_str);
    for field in &schema.fields {
        errors.ensure(
            suffix.is_none_or(|suffix| suffix.is_empty() || !field.name.ends_with(suffix)),
            &format!("{at}/unindexableFieldSuffix"),
            format!("Field '{}' has no-index suffix '{}'", field.name, suffix.unwrap_or_default()),
            "choose a suffix that no column has",
        );
    }
    let dropped = super::list(conforming, "fieldPathsToDrop");
    errors.ensure(
        dropped.iter().all(|path| schema.field(path).is_none()),
        &format!("{at}/fieldPathsToDrop"),
        "Fields in schema overlap with fieldPathsToDrop",
        "take the column out of one of them",
    );
    let paths = conforming.get("columnNameToJsonKeyPathMap").and_then(Json::as_object);
    for column in paths.into_iter().flatten().map(|(column, _)| column) {
        errors.ensure(
            schema.field(column).is_some(),
            &format!("{at}/columnNameToJsonKeyPathMap/{column}"),
            format!("Field '{column}' doesn't exist in schema"),
            missing_column_advice(schema, column),
        );
    }
    for (key, default) in [("indexableExtrasField", "json_data"), ("unindexableExtrasField", "json_data_no_idx")] {
        let name = conforming.get(key).map_or(Some(default), Json::as_str);
        if let Some(name) = name.filter(|_| conforming.contains_key(key)) {
            errors.ensure(
                schema.field(name).is_some(),
                &format!("{at}/{key}"),
                format!("Field '{name}' doesn't exist in schema"),
                missing_column_advice(schema, name),
            );
        }
    }
}
