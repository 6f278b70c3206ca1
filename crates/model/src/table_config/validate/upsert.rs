//! Upsert and dedup.

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, list, text},
    Errors,
};
use crate::{DataType, FieldRole, FieldSpec, Schema, TableType};

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let (upsert, dedup) = (config.upsert(), config.dedup());
    if upsert.is_none() && dedup.is_none() {
        return;
    }
    let section = if upsert.is_some() { "/upsertConfig" } else { "/dedupConfig" };
    if upsert.is_some() && dedup.is_some() {
        errors.add(section, "A table can have either Upsert or Dedup enabled, but not both", "remove one of them");
    }
    if schema.primary_key_columns.is_empty() {
        errors.add(
            section,
            "Upsert/Dedup table must have primary key columns in the schema",
            format!("add primaryKeyColumns to schema {}", schema.name),
        );
    }
    for column in &schema.primary_key_columns {
        if schema.field(column).is_some_and(|field| field.multi_value) {
            errors.add(section, format!("Upsert/Dedup primary key column: {column} cannot be of multi-value type"), "");
        }
    }
    if config.table_type() == TableType::Realtime {
        let selector = config.instance_selector_type().unwrap_or_default().to_ascii_uppercase();
        if selector != "STRICTREPLICAGROUP" && selector != "MULTISTAGEREPLICAGROUP" {
            errors.add(
                "/routing/instanceSelectorType",
                "Upsert/Dedup table must use strict replica-group (i.e. strictReplicaGroup) based routing",
                "set routing.instanceSelectorType to strictReplicaGroup",
            );
        }
    } else if dedup.is_some() {
        errors.add(section, "Dedup is not supported for OFFLINE table", "set tableType to REALTIME");
    } else if config.indexing().partition.is_empty() {
        errors.add(
            section,
            "Upsert on an OFFLINE table must have segmentPartitionConfig",
            "add tableIndexConfig.segmentPartitionConfig",
        );
    }
    if upsert.is_some() && !config.indexing().star_trees.is_empty() {
        errors.add(section, "The upsert table cannot have star-tree index.", "remove starTreeIndexConfigs");
    }
    if let Some(upsert) = upsert {
        columns(upsert, schema, errors);
        partial(config, upsert, schema, errors);
    }
}

fn columns(upsert: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    let mut comparison = list(upsert, "comparisonColumns");
    comparison.extend(text(upsert, "comparisonColumn"));
    for column in comparison {
        match schema.field(column) {
            None => errors.add(
                "/upsertConfig/comparisonColumns",
                "The comparison column does not exist on schema",
                format!("add '{column}' to schema {}", schema.name),
            ),
            Some(field) if field.multi_value => errors.add(
                "/upsertConfig/comparisonColumns",
                format!("The comparison column: {column} must be single-valued"),
                "",
            ),
            Some(_) => {}
        }
    }
    if let Some(column) = text(upsert, "deleteRecordColumn") {
        let fits = |field: &FieldSpec| {
            !field.multi_value
                && (field.data_type.is_numeric() || matches!(field.data_type, DataType::Boolean | DataType::String))
        };
        if !schema.field(column).is_some_and(fits) {
            errors.add(
                "/upsertConfig/deleteRecordColumn",
                format!("The delete record column: {column} must be a single-valued String / Boolean / numeric column"),
                "",
            );
        }
    }
    let out_of_order = text(upsert, "outOfOrderRecordColumn");
    if let Some(column) = out_of_order {
        if !schema.field(column).is_some_and(|f| !f.multi_value && f.data_type == DataType::Boolean) {
            errors.add(
                "/upsertConfig/outOfOrderRecordColumn",
                format!("The outOfOrderRecordColumn: {column} must be a single-valued BOOLEAN column"),
                "",
            );
        }
        if upsert.get("dropOutOfOrderRecord").and_then(Json::as_bool) == Some(true) {
            errors.add(
                "/upsertConfig/dropOutOfOrderRecord",
                "outOfOrderRecordColumn and dropOutOfOrderRecord shouldn't exist together for upsert table",
                "",
            );
        }
    }
}

fn partial(config: &TableConfig, upsert: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    if text(upsert, "mode") != Some("PARTIAL") {
        return;
    }
    if !config.null_handling_enabled() && !schema.column_based_null_handling {
        errors.add(
            "/tableIndexConfig/nullHandlingEnabled",
            "Null handling must be enabled for partial upsert tables",
            "set tableIndexConfig.nullHandlingEnabled to true",
        );
    }
    let strategies = upsert.get("partialUpsertStrategies").and_then(Json::as_object);
    for (column, strategy) in strategies.into_iter().flatten() {
        let at = format!("/upsertConfig/partialUpsertStrategies/{column}");
        let strategy = strategy.as_str().unwrap_or_default().to_ascii_uppercase();
        if schema.primary_key_columns.contains(column) {
            errors.add(at, format!("Merger cannot be applied to primary key columns: {column}"), "");
            continue;
        }
        let Some(field) = schema.field(column) else {
            errors.add(at, format!("Merger cannot be applied to non-existing column: {column}"), "");
            continue;
        };
        match strategy.as_str() {
            "INCREMENT" if !field.data_type.is_numeric() || field.role == FieldRole::DateTime => errors.add(
                at,
                format!("INCREMENT merger cannot be applied to non-numeric or date-time column: {column}"),
                "",
            ),
            "APPEND" | "UNION" if !field.multi_value => {
                errors.add(at, format!("{strategy} merger cannot be applied to single-value column: {column}"), "");
            }
            "OVERWRITE" | "FORCE_OVERWRITE" | "IGNORE" | "APPEND" | "UNION" | "INCREMENT" | "MAX" | "MIN" => {}
            other => errors.add(
                at,
                format!("Unknown partial upsert strategy: {other} for column: {column}"),
                "use OVERWRITE, FORCE_OVERWRITE, IGNORE, APPEND, UNION, INCREMENT, MAX or MIN",
            ),
        }
    }
}
