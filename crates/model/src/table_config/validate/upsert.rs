//! Upsert, and what it shares with deduplication.

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, list, text},
    Errors, dedup, missing_column_advice,
};
use crate::{DataType, FieldRole, FieldSpec, Schema, TableType};

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let (upsert, dedup) = (config.upsert(), config.dedup());
    if upsert.is_none() && dedup.is_none() {
        return;
    }
    let section = if upsert.is_some() { "/upsertConfig" } else { "/dedupConfig" };
    errors.ensure(
        upsert.is_none() || dedup.is_none(),
        section,
        "A table can have either Upsert or Dedup enabled, but not both",
        "remove one of them",
    );
    if config.table_type() == TableType::Offline {
        errors.ensure(
            dedup.is_none(),
            section,
            "Dedup is not supported for OFFLINE table. Only upsert is supported for OFFLINE table",
            "set tableType to REALTIME",
        );
        errors.ensure(
            !config.indexing().partition.is_empty(),
            "/tableIndexConfig/segmentPartitionConfig",
            "Offline upsert table must have segment partition config to ensure correct partition-based segment assignment",
            "add tableIndexConfig.segmentPartitionConfig",
        );
    }
    common(config, schema, section, errors);
    if let Some(upsert) = upsert {
        errors.ensure(
            super::array(config, "tierConfigs").is_empty(),
            "/tierConfigs",
            "The upsert table cannot have multi-tiers",
            "remove tierConfigs",
        );
        errors.ensure(
            config.indexing().star_trees.is_empty() && !config.indexing().enable_default_star_tree,
            "/tableIndexConfig/starTreeIndexConfigs",
            "The upsert table cannot have star-tree index.",
            "remove starTreeIndexConfigs and enableDefaultStarTree",
        );
        columns(upsert, schema, errors);
        deleted_keys(config, upsert, errors);
        consistency(upsert, errors);
    }
    errors.ensure(
        !config.section("instanceAssignmentConfigMap").contains_key("COMPLETED")
            || config.table_type() == TableType::Offline,
        "/instanceAssignmentConfigMap/COMPLETED",
        "COMPLETED instance partitions can't be configured for upsert / dedup tables",
        "",
    );
    let aggregates = config.section("tableIndexConfig").get("aggregateMetrics").and_then(Json::as_bool) == Some(true);
    errors.ensure(
        !aggregates && config.ingestion().aggregations.is_empty(),
        if aggregates { "/tableIndexConfig/aggregateMetrics" } else { "/ingestionConfig/aggregationConfigs" },
        "Metrics aggregation and upsert cannot be enabled together",
        "remove one of them",
    );
    if let Some(upsert) = upsert {
        ttl(config, upsert, schema, errors);
        partial(config, upsert, schema, errors);
    }
    if let Some(dedup) = dedup {
        dedup::check(config, dedup, schema, errors);
    }
}

fn common(config: &TableConfig, schema: &Schema, section: &str, errors: &mut Errors) {
    errors.ensure(
        !schema.primary_key_columns.is_empty(),
        section,
        "Upsert/Dedup table must have primary key columns in the schema",
        format!("add primaryKeyColumns to schema {}", schema.name),
    );
    for column in &schema.primary_key_columns {
        errors.ensure(
            schema.field(column).is_none_or(|field| !field.multi_value),
            section,
            format!("Upsert/Dedup primary key column: {column} cannot be of multi-value type"),
            format!("choose another key in schema {}", schema.name),
        );
    }
    let selector = config.instance_selector_type().unwrap_or_default().to_ascii_uppercase();
    errors.ensure(
        selector == "STRICTREPLICAGROUP" || selector == "MULTISTAGEREPLICAGROUP",
        "/routing/instanceSelectorType",
        "Upsert/Dedup table must use strict replica-group (i.e. strictReplicaGroup) based routing",
        "set routing.instanceSelectorType to strictReplicaGroup",
    );
    let overrides = config.section("tenants").get("tagOverrideConfig").and_then(Json::as_object);
    errors.ensure(
        config.table_type() == TableType::Offline || overrides.is_none_or(Map::is_empty),
        "/tenants/tagOverrideConfig",
        "Invalid tenant tag override used for Upsert/Dedup table",
        "remove it",
    );
}

/// Columns by which versions of a row are compared, as written.
pub(super) fn comparison_columns(upsert: &Map<String, Json>) -> Vec<&str> {
    let mut columns = list(upsert, "comparisonColumns");
    columns.extend(text(upsert, "comparisonColumn"));
    columns
}

fn flag(section: &Map<String, Json>, key: &str) -> bool {
    section.get(key).and_then(Json::as_bool).unwrap_or(false)
}

pub(super) fn number(section: &Map<String, Json>, key: &str) -> f64 {
    section.get(key).and_then(Json::as_f64).unwrap_or(0.0)
}

fn columns(upsert: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    for (i, column) in comparison_columns(upsert).into_iter().enumerate() {
        let at = if upsert.contains_key("comparisonColumns") {
            format!("/upsertConfig/comparisonColumns/{i}")
        } else {
            "/upsertConfig/comparisonColumn".to_owned()
        };
        match schema.field(column) {
            None => errors.add(
                at,
                "The comparison column does not exist on schema",
                format!("'{column}': {}", missing_column_advice(schema, column)),
            ),
            Some(field) => errors.ensure(
                !field.multi_value,
                &at,
                format!("The comparison column: {column} must be single-valued"),
                "",
            ),
        }
    }
    if let Some(column) = text(upsert, "deleteRecordColumn") {
        delete_column(column, schema, errors);
    }
    if let Some(column) = text(upsert, "outOfOrderRecordColumn") {
        errors.ensure(
            !flag(upsert, "dropOutOfOrderRecord"),
            "/upsertConfig/dropOutOfOrderRecord",
            "outOfOrderRecordColumn and dropOutOfOrderRecord shouldn't exist together for upsert table",
            "keep one of them",
        );
        errors.ensure(
            schema.field(column).is_some_and(|f| !f.multi_value && f.data_type == DataType::Boolean),
            "/upsertConfig/outOfOrderRecordColumn",
            "The outOfOrderRecordColumn must be a single-valued BOOLEAN column",
            format!("'{column}' is none in schema {}", schema.name),
        );
    }
}

fn delete_column(column: &str, schema: &Schema, errors: &mut Errors) {
    let at = "/upsertConfig/deleteRecordColumn";
    let Some(field) = schema.field(column) else {
        return errors.add(
            at,
            format!("Column {column} specified in deleteRecordColumn does not exist"),
            missing_column_advice(schema, column),
        );
    };
    errors.ensure(
        !field.multi_value,
        at,
        format!("The deleteRecordColumn - {column} must be a single-valued column"),
        "",
    );
    errors.ensure(
        field.data_type.is_numeric() || matches!(field.data_type, DataType::Boolean | DataType::String),
        at,
        format!("The deleteRecordColumn - {column} must be of type: String / Boolean / Numeric"),
        "",
    );
}

/// Compaction that never brings a deleted key back.
fn deleted_keys(config: &TableConfig, upsert: &Map<String, Json>, errors: &mut Errors) {
    if !flag(upsert, "enableDeletedKeysCompactionConsistency") {
        return;
    }
    let name = "enableDeletedKeysCompactionConsistency";
    let at = "/upsertConfig/enableDeletedKeysCompactionConsistency";
    errors.ensure(
        number(upsert, "metadataTTL") == 0.0,
        at,
        format!("{name} and metadataTTL shouldn't exist together for upsert table"),
        "",
    );
    errors.ensure(
        text(upsert, "preload") != Some("ENABLE") && !flag(upsert, "enablePreload"),
        at,
        format!("{name} and preload shouldn't exist together for upsert table"),
        "",
    );
    errors.ensure(
        number(upsert, "deletedKeysTTL") > 0.0,
        at,
        format!("{name} should exist with deletedKeysTTL for upsert table"),
        "",
    );
    errors.ensure(
        text(upsert, "snapshot") != Some("DISABLE"),
        at,
        format!("{name} should exist with snapshot for upsert table"),
        "",
    );
    let tasks = config.tasks();
    errors.ensure(
        ["UpsertCompactionTask", "UpsertCompactMergeTask"]
            .iter()
            .any(|task| tasks.is_some_and(|tasks| tasks.contains_key(*task))),
        at,
        format!("{name} should exist with UpsertCompactionTask / UpsertCompactMergeTask for upsert table"),
        "",
    );
}

fn consistency(upsert: &Map<String, Json>, errors: &mut Errors) {
    let mode = text(upsert, "consistencyMode").unwrap_or("NONE");
    if mode == "NONE" {
        return;
    }
    errors.ensure(
        number(upsert, "newSegmentTrackingTimeMs") > 0.0,
        "/upsertConfig/newSegmentTrackingTimeMs",
        format!("Positive newSegmentTrackingTimeMs is required to enable consistency mode: {mode}"),
        "",
    );
    errors.ensure(
        !flag(upsert, "dropOutOfOrderRecord"),
        "/upsertConfig/dropOutOfOrderRecord",
        format!("dropOutOfOrderRecord cannot be enabled when consistencyMode is {mode}."),
        "use consistencyMode NONE",
    );
    errors.ensure(
        text(upsert, "outOfOrderRecordColumn").is_none(),
        "/upsertConfig/outOfOrderRecordColumn",
        format!("outOfOrderRecordColumn cannot be configured when consistencyMode is {mode}."),
        "use consistencyMode NONE",
    );
}

/// Whether values of a column can be compared with a time to live.
pub(super) fn is_time_like(field: &FieldSpec) -> bool {
    field.data_type.is_numeric() || field.data_type.stored().is_numeric()
}

fn ttl(config: &TableConfig, upsert: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    let (metadata, deleted) = (number(upsert, "metadataTTL"), number(upsert, "deletedKeysTTL"));
    if metadata == 0.0 && deleted == 0.0 {
        return;
    }
    let at = if metadata == 0.0 { "/upsertConfig/deletedKeysTTL" } else { "/upsertConfig/metadataTTL" };
    let comparison = comparison_columns(upsert);
    errors.ensure(
        comparison.len() <= 1,
        at,
        "MetadataTTL / DeletedKeysTTL does not work with multiple comparison columns",
        "keep one comparison column",
    );
    match comparison.first().copied().or_else(|| config.time_column()) {
        None => errors.add(
            at,
            "MetadataTTL / DeletedKeysTTL requires either a comparison column or a time column to be configured",
            "",
        ),
        Some(column) => {
            let what = if comparison.is_empty() { "time column" } else { "comparison column" };
            let found = schema.field(column);
            errors.ensure(
                found.is_none_or(is_time_like),
                at,
                format!(
                    "MetadataTTL / DeletedKeysTTL must have {what}: {column} in numeric type, found: {}",
                    found.map_or("none", |field| field.data_type.name())
                ),
                "",
            );
        }
    }
    errors.ensure(
        metadata <= 0.0 || text(upsert, "snapshot") != Some("DISABLE"),
        "/upsertConfig/snapshot",
        "Upsert TTL must have snapshot enabled",
        "set it to ENABLE",
    );
    errors.ensure(
        deleted <= 0.0 || text(upsert, "deleteRecordColumn").is_some(),
        "/upsertConfig/deletedKeysTTL",
        "Deleted Keys TTL can only be enabled with deleteRecordColumn set.",
        "name the column that marks deletions",
    );
}

fn partial(config: &TableConfig, upsert: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    if text(upsert, "mode") != Some("PARTIAL") {
        return;
    }
    errors.ensure(
        config.null_handling_enabled() || schema.column_based_null_handling,
        "/tableIndexConfig/nullHandlingEnabled",
        "Null handling must be enabled for partial upsert tables",
        "set tableIndexConfig.nullHandlingEnabled to true",
    );
    let strategies = upsert.get("partialUpsertStrategies").and_then(Json::as_object);
    if text(upsert, "partialUpsertMergerClass").is_some_and(|class| !class.trim().is_empty()) {
        return errors.ensure(
            strategies.is_none_or(Map::is_empty),
            "/upsertConfig/partialUpsertStrategies",
            "If partialUpsertMergerClass is provided then partialUpsertStrategies should be empty",
            "keep one of them",
        );
    }
    for (column, strategy) in strategies.into_iter().flatten() {
        let at = crate::schema::json_pointer("/upsertConfig/partialUpsertStrategies", column);
        merger(config, upsert, schema, column, strategy.as_str().unwrap_or_default(), &at, errors);
    }
    let default = text(upsert, "defaultPartialUpsertStrategy").unwrap_or("OVERWRITE");
    known_strategy(&default.to_ascii_uppercase(), "/upsertConfig/defaultPartialUpsertStrategy", errors);
}

const STRATEGIES: [&str; 8] = ["OVERWRITE", "FORCE_OVERWRITE", "IGNORE", "APPEND", "UNION", "INCREMENT", "MAX", "MIN"];

fn known_strategy(strategy: &str, at: &str, errors: &mut Errors) {
    errors.ensure(
        STRATEGIES.contains(&strategy),
        at,
        format!("Unknown partial upsert strategy: {strategy}"),
        format!("use one of {}{}", STRATEGIES.join(", "), crate::suggest::did_you_mean(strategy, STRATEGIES)),
    );
}

fn merger(
    config: &TableConfig,
    upsert: &Map<String, Json>,
    schema: &Schema,
    column: &str,
    strategy: &str,
    at: &str,
    errors: &mut Errors,
) {
    let strategy = strategy.to_ascii_uppercase();
    known_strategy(&strategy, at, errors);
    if schema.primary_key_columns.iter().any(|key| key == column) {
        return errors.add(at, "Merger cannot be applied to primary key columns", "");
    }
    let comparison = comparison_columns(upsert);
    if comparison.contains(&column) {
        return errors.add(at, "Merger cannot be applied to comparison column", "");
    }
    if comparison.is_empty() && config.time_column() == Some(column) {
        return errors.add(at, "Merger cannot be applied to time column", "");
    }
    let Some(field) = schema.field(column) else {
        return errors.add(
            at,
            format!("Merger cannot be applied to non-existing column: {column}"),
            missing_column_advice(schema, column),
        );
    };
    match strategy.as_str() {
        "INCREMENT" => {
            errors.ensure(
                field.data_type.stored().is_numeric(),
                at,
                format!("INCREMENT merger cannot be applied to non-numeric column: {column}"),
                "",
            );
            errors.ensure(
                field.role != FieldRole::DateTime,
                at,
                format!("INCREMENT merger cannot be applied to date time column: {column}"),
                "",
            );
        }
        "APPEND" | "UNION" => errors.ensure(
            field.multi_value,
            at,
            format!("{strategy} merger cannot be applied to single-value column: {column}"),
            "",
        ),
        _ => {}
    }
}
