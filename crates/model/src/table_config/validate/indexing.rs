//! Indexes, encodings, partitions, star-trees.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{
    super::{TableConfig, list, text},
    Errors,
};
use crate::{DataType, FieldRole, FieldSpec, Schema, TableType};

const PARTITION_FUNCTIONS: [&str; 7] =
    ["MURMUR", "MURMUR2", "MURMUR3", "MODULO", "HASHCODE", "BYTEARRAY", "BOUNDEDCOLUMNVALUE"];
const CHUNK_CODECS: [&str; 5] = ["PASS_THROUGH", "SNAPPY", "ZSTANDARD", "LZ4", "GZIP"];

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    lists(config, schema, errors);
    sorted(config, schema, errors);
    partitions(config, schema, errors);
    field_configs(config, schema, errors);
    columns(config, schema, errors);
    star_trees(config, schema, errors);
}

/// Columns of the legacy lists must be in the schema.
fn lists(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    const LISTS: [&str; 7] = [
        "noDictionaryColumns",
        "bloomFilterColumns",
        "invertedIndexColumns",
        "onHeapDictionaryColumns",
        "rangeIndexColumns",
        "varLengthDictionaryColumns",
        "jsonIndexColumns",
    ];
    let indexing = config.section("tableIndexConfig");
    for key in LISTS {
        for (i, column) in list(indexing, key).into_iter().enumerate() {
            unknown_column(schema, column, &format!("/tableIndexConfig/{key}/{i}"), errors);
        }
    }
    for key in ["bloomFilterConfigs", "jsonIndexConfigs", "noDictionaryConfig"] {
        for column in indexing.get(key).and_then(Json::as_object).into_iter().flat_map(|map| map.keys()) {
            unknown_column(schema, column, &format!("/tableIndexConfig/{key}/{column}"), errors);
        }
    }
}

fn unknown_column(schema: &Schema, column: &str, at: &str, errors: &mut Errors) {
    if schema.field(column).is_none() && !column.starts_with('$') {
        errors.add(at, format!("Failed to find column: {column} in schema"), missing_column_advice(schema, column));
    }
}

/// Names the column that was probably meant.
fn missing_column_advice(schema: &Schema, column: &str) -> String {
    match schema.field_ignore_case(column) {
        Some(field) => format!("names are case-sensitive here, the schema has '{}'", field.name),
        None => format!("add it to schema {} or take it out of the config", schema.name),
    }
}

fn sorted(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let Some(column) = &config.indexing().sorted_column else { return };
    let at = "/tableIndexConfig/sortedColumn";
    match schema.field(column) {
        None => errors.add(
            at,
            format!("Failed to find sorted column: {column} in schema"),
            missing_column_advice(schema, column),
        ),
        Some(field) if field.multi_value => {
            errors.add(at, format!("Cannot sort on multi-value column: {column}"), "choose a single-value column")
        }
        Some(_) => {}
    }
}

fn partitions(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    for (column, partition) in &config.indexing().partition {
        let at = format!("/tableIndexConfig/segmentPartitionConfig/columnPartitionMap/{column}");
        match schema.field(column) {
            None => errors.add(
                &at,
                format!("Failed to find partition column: {column} in schema"),
                missing_column_advice(schema, column),
            ),
            Some(field) if field.multi_value => errors.add(
                &at,
                format!("Cannot partition on multi-value column: {column}"),
                "choose a single-value column",
            ),
            Some(_) => {}
        }
        let name: String = partition.function.chars().filter(|c| *c != '_').collect::<String>().to_ascii_uppercase();
        if !PARTITION_FUNCTIONS.contains(&name.as_str()) {
            errors.add(
                format!("{at}/functionName"),
                format!("No enum constant for partition function: {}", partition.function),
                "use Murmur, Murmur2, Murmur3, Modulo, HashCode, ByteArray or BoundedColumnValue",
            );
        }
    }
}

fn field_configs(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let listed_raw: HashSet<&str> =
        list(config.section("tableIndexConfig"), "noDictionaryColumns").into_iter().collect();
    for (i, field) in config.field_configs().enumerate() {
        let column = text(field, "name").unwrap_or_default();
        let at = format!("/fieldConfigList/{i}");
        let Some(spec) = schema.field(column) else {
            unknown_column(schema, column, &at, errors);
            continue;
        };
        let raw = text(field, "encodingType") == Some("RAW");
        if !raw && listed_raw.contains(column) {
            errors.add(
                format!("{at}/encodingType"),
                format!("FieldConfig encoding type is different from indexingConfig for column: {column}"),
                "set encodingType RAW or take the column out of noDictionaryColumns",
            );
        }
        if let Some(codec) = text(field, "compressionCodec") {
            codec_fits(codec, spec, raw, &format!("{at}/compressionCodec"), errors);
        }
        for index in list(field, "indexTypes") {
            if matches!(index, "FST" | "IFST") && raw {
                errors.add(
                    format!("{at}/indexTypes"),
                    format!("FST index is only enabled on dictionary encoded columns, column: {column}"),
                    "set encodingType DICTIONARY",
                );
            }
        }
    }
}

fn codec_fits(codec: &str, spec: &FieldSpec, raw: bool, at: &str, errors: &mut Errors) {
    let column = &spec.name;
    let problem = match codec {
        "MV_ENTRY_DICT" if raw || !spec.multi_value => "dictionary-encoded multi-value columns",
        "DELTA" | "DELTADELTA"
            if !raw || spec.multi_value || !matches!(spec.data_type.stored(), DataType::Int | DataType::Long) =>
        {
            "raw single-value INT and LONG columns"
        }
        codec if codec.starts_with("CLP") && spec.data_type.stored() != DataType::String => "STRING columns",
        codec if CHUNK_CODECS.contains(&codec) && !raw => "raw (no-dictionary) columns",
        _ => return,
    };
    errors.add(at, format!("Compression codec {codec} can only be used on {problem}, column: {column}"), "");
}

/// Which index fits which column.
fn columns(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let indexing = config.indexing();
    for (column, kind) in indexing.columns() {
        let Some(field) = schema.field(column) else { continue };
        let raw = indexing.no_dictionary.contains(column);
        let stored = field.data_type.stored();
        let complex = field.role == FieldRole::Complex;
        let reason = match kind {
            "inverted" | "range" | "bloom" if complex => "is not supported on MAP columns",
            "inverted" if raw => "needs a dictionary, take the column out of noDictionaryColumns",
            "range"
                if raw
                    && !(field.data_type.is_numeric() || stored != field.data_type && stored != DataType::String) =>
            {
                "needs a dictionary or a numeric column"
            }
            "bloom" if field.data_type == DataType::Boolean => "is not supported on BOOLEAN columns",
            "json" if field.multi_value || stored != DataType::String => {
                "needs a single-value STRING, JSON or MAP column"
            }
            "text" if field.data_type != DataType::String => "needs a STRING column",
            "fst" | "ifst" if field.multi_value || field.data_type != DataType::String || raw => {
                "needs a single-value STRING column with a dictionary"
            }
            "h3" if field.multi_value || stored != DataType::Bytes => "needs a single-value BYTES column",
            "vector" if !field.multi_value || field.data_type != DataType::Float => "needs a multi-value FLOAT column",
            "on-heap dictionary" | "var-length dictionary" if raw => "needs a dictionary",
            "timestamp" => {
                timestamp_index(config, field, errors);
                continue;
            }
            "forward" => {
                forward_disabled(config, field, errors);
                continue;
            }
            _ => continue,
        };
        errors.add(
            pointer_of(kind, column),
            format!("Cannot create {kind} index on column: {column} of type {}", field.column_type()),
            format!("it {reason}"),
        );
    }
}

fn pointer_of(kind: &str, column: &str) -> String {
    match kind {
        "inverted" => "/tableIndexConfig/invertedIndexColumns".to_owned(),
        "range" => "/tableIndexConfig/rangeIndexColumns".to_owned(),
        "bloom" => "/tableIndexConfig/bloomFilterColumns".to_owned(),
        "json" => "/tableIndexConfig/jsonIndexColumns".to_owned(),
        _ => format!("/fieldConfigList, column {column}"),
    }
}

fn timestamp_index(config: &TableConfig, field: &FieldSpec, errors: &mut Errors) {
    const GRANULARITIES: [&str; 9] =
        ["MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];
    let at = format!("/fieldConfigList, column {}", field.name);
    if field.multi_value {
        errors.add(&at, format!("Cannot create TIMESTAMP index on multi-value column: {}", field.name), "");
    } else if field.data_type.stored() != DataType::Long {
        errors.add(
            &at,
            format!("Cannot create TIMESTAMP index on column: {} of stored type other than LONG", field.name),
            "",
        );
    }
    for granularity in config.indexing().timestamp.get(&field.name).into_iter().flatten() {
        if !GRANULARITIES.contains(&granularity.as_str()) {
            errors.add(
                &at,
                format!("Unknown granularity '{granularity}' of the TIMESTAMP index on column: {}", field.name),
                format!("use one of {}", GRANULARITIES.join(", ")),
            );
        }
    }
}

fn forward_disabled(config: &TableConfig, field: &FieldSpec, errors: &mut Errors) {
    let column = field.name.as_str();
    let indexing = config.indexing();
    if indexing.no_dictionary.contains(column) || !indexing.inverted.contains(column) {
        errors.add(
            format!("/fieldConfigList, column {column}"),
            format!("Cannot disable forward index for column {column} without dictionary and inverted index enabled"),
            "keep the forward index or add both",
        );
    }
    if config.table_type() == TableType::Realtime {
        errors.add(
            format!("/fieldConfigList, column {column}"),
            format!("Cannot disable forward index for column {column}, as the table type is REALTIME"),
            "",
        );
    }
}

fn star_trees(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    for (i, tree) in config.indexing().star_trees.iter().enumerate() {
        let Some(tree) = tree.as_object() else { continue };
        let at = format!("/tableIndexConfig/starTreeIndexConfigs/{i}");
        let dimensions = list(tree, "dimensionsSplitOrder");
        if dimensions.is_empty() {
            errors.add(
                format!("{at}/dimensionsSplitOrder"),
                "'dimensionsSplitOrder' must not be empty in the star-tree index config",
                "list at least one dimension",
            );
        }
        for column in &dimensions {
            star_tree_dimension(config, schema, column, &at, errors);
        }
        for column in list(tree, "skipStarNodeCreationForDimensions") {
            if !dimensions.contains(&column) {
                errors.add(
                    format!("{at}/skipStarNodeCreationForDimensions"),
                    format!(
                        "Dimension: {column} in 'skipStarNodeCreationForDimensions' is not in 'dimensionsSplitOrder'"
                    ),
                    "",
                );
            }
        }
        star_tree_functions(schema, tree, &at, errors);
    }
}

fn star_tree_dimension(config: &TableConfig, schema: &Schema, column: &str, at: &str, errors: &mut Errors) {
    let at = format!("{at}/dimensionsSplitOrder");
    match schema.field(column) {
        None => errors.add(
            at,
            format!("Failed to find dimension column: {column} specified in star-tree index config in schema"),
            missing_column_advice(schema, column),
        ),
        Some(field) if field.multi_value || field.role == FieldRole::Complex => errors.add(
            at,
            format!("Dimension column: {column} specified in star-tree index config must be single-valued and no MAP"),
            "",
        ),
        Some(_) if config.indexing().no_dictionary.contains(column) => errors.add(
            at,
            format!("Cannot create star-tree index on dimension column: {column} without dictionary"),
            "take it out of noDictionaryColumns",
        ),
        Some(_) => {}
    }
}

fn star_tree_functions(schema: &Schema, tree: &serde_json::Map<String, Json>, at: &str, errors: &mut Errors) {
    let pairs = list(tree, "functionColumnPairs");
    let aggregations = tree.get("aggregationConfigs").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    if pairs.is_empty() == aggregations.is_empty() {
        errors.add(at, "Either 'functionColumnPairs' or 'aggregationConfigs' must be specified, but not both", "");
    }
    let mut all: Vec<(String, String)> = Vec::new();
    for pair in pairs {
        match pair.split_once("__") {
            Some((function, column)) => all.push((function.to_ascii_uppercase(), column.to_owned())),
            None => errors.add(
                format!("{at}/functionColumnPairs"),
                format!("Invalid StarTreeIndex config: {pair}. Must be of form <function>__<column>"),
                "for example SUM__price or COUNT__*",
            ),
        }
    }
    for aggregation in aggregations {
        let get = |key: &str| aggregation.get(key).and_then(Json::as_str).unwrap_or_default();
        all.push((get("aggregationFunction").to_ascii_uppercase(), get("columnName").to_owned()));
    }
    let mut seen = HashSet::new();
    for (function, column) in all {
        if column == "*" {
            if function != "COUNT" {
                errors.add(at, format!("Non-COUNT function set the column as '*': {function}__*"), "name a column");
            }
        } else if schema.field(&column).is_none() {
            errors.add(
                at,
                format!("Failed to find metric column: {column} specified in star-tree index config in schema"),
                missing_column_advice(schema, &column),
            );
        }
        if !seen.insert((function.clone(), column.clone())) {
            errors.add(
                at,
                format!("Duplicate function column pair: {function}__{column} in star-tree index config"),
                "",
            );
        }
    }
}
