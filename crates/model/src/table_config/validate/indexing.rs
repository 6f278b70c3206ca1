//! Indexes, sorting, partitions.

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, list, text},
    Errors, codec, field, field_config, missing_column_advice, star_tree,
};
use crate::{DataType, FieldRole, FieldSpec, Schema, TableType, schema::json_pointer, suggest};

const PARTITION_FUNCTIONS: [&str; 7] =
    ["Murmur", "Murmur2", "Murmur3", "Modulo", "HashCode", "ByteArray", "BoundedColumnValue"];

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    field_config::check(config, schema, errors);
    lists(config, schema, errors);
    columns(config, schema, errors);
    multi_column_text(config, schema, errors);
    star_tree::check(config, schema, errors);
    sorted(config, schema, errors);
    partitions(config, schema, errors);
    modes(config, errors);
}

/// Columns of the lists and maps of `tableIndexConfig` must be in the schema.
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
        // An empty name is disregarded.
        for (i, column) in list(indexing, key).into_iter().enumerate().filter(|(_, column)| !column.is_empty()) {
            field(schema, column, "", format!("/tableIndexConfig/{key}/{i}"), errors);
        }
    }
    for key in ["bloomFilterConfigs", "jsonIndexConfigs", "noDictionaryConfig"] {
        for column in indexing.get(key).and_then(Json::as_object).into_iter().flat_map(|map| map.keys()) {
            field(schema, column, "", json_pointer(&format!("/tableIndexConfig/{key}"), column), errors);
        }
    }
}

fn sorted(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let columns = list(config.section("tableIndexConfig"), "sortedColumn");
    for (i, column) in columns.into_iter().enumerate().filter(|(_, column)| !column.is_empty()) {
        let at = format!("/tableIndexConfig/sortedColumn/{i}");
        if let Some(field) = field(schema, column, "sorted ", &at, errors) {
            errors.ensure(
                !field.multi_value,
                &at,
                format!("Cannot sort on multi-value column: {column}"),
                "choose a single-value column",
            );
        }
    }
}

fn partitions(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    for (column, partition) in &config.indexing().partition {
        let at = json_pointer("/tableIndexConfig/segmentPartitionConfig/columnPartitionMap", column);
        if let Some(field) = field(schema, column, "partition ", &at, errors) {
            errors.ensure(
                !field.multi_value,
                &at,
                format!("Cannot partition on multi-value column: {column}"),
                "choose a single-value column",
            );
        }
        let plain = |name: &str| name.chars().filter(|c| *c != '_').collect::<String>().to_ascii_uppercase();
        let name = plain(&partition.function);
        let meant = suggest::did_you_mean(&partition.function, PARTITION_FUNCTIONS);
        errors.ensure(
            PARTITION_FUNCTIONS.iter().any(|known| plain(known) == name),
            &format!("{at}/functionName"),
            format!("No enum constant for partition function: {}", partition.function),
            format!("use one of {}{meant}", PARTITION_FUNCTIONS.join(", ")),
        );
    }
}

/// Settings that are words out of a list.
fn modes(config: &TableConfig, errors: &mut Errors) {
    let indexing = config.section("tableIndexConfig");
    for (key, known) in [
        ("loadMode", &["MMAP", "HEAP"][..]),
        ("columnMinMaxValueGeneratorMode", &["NONE", "TIME", "NON_METRIC", "ALL"]),
    ] {
        if let Some(word) = text(indexing, key).filter(|word| !word.is_empty()) {
            errors.ensure(
                known.iter().any(|known| known.eq_ignore_ascii_case(word)),
                &format!("/tableIndexConfig/{key}"),
                format!("'{word}' is no {key}"),
                format!("use one of {}{}", known.join(", "), suggest::did_you_mean(word, known.iter().copied())),
            );
        }
    }
}

/// Which index fits which column.
fn columns(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let indexing = config.indexing();
    for (column, kind) in indexing.columns() {
        let Some(field) = schema.field(column) else { continue };
        let raw = indexing.no_dictionary.contains(column);
        let stored = field.data_type.stored();
        let map = field.role == FieldRole::Complex;
        let column = &field.name;
        let (message, advice) = match kind {
            "inverted" | "range" | "bloom" if map => {
                (format!("Cannot create {kind} index on MAP column: {column}"), "")
            }
            "range" if raw && !stored.is_numeric() => (
                format!("Cannot create range index on non-numeric column: {column} without dictionary"),
                "take it out of noDictionaryColumns",
            ),
            "bloom" if field.data_type == DataType::Boolean => {
                (format!("Cannot create bloom filter on BOOLEAN column: {column}"), "")
            }
            "json" if field.multi_value => (format!("Cannot create JSON index on multi-value column: {column}"), ""),
            "json" if stored != DataType::String && !map => (
                format!("Cannot create JSON index on column: {column} of stored type other than STRING or MAP"),
                "use data type JSON or STRING",
            ),
            "text" if stored != DataType::String => {
                (format!("Cannot create TEXT index on column: {column} of stored type other than STRING"), "")
            }
            "fst" | "ifst" => match fst(field, raw) {
                Some(mistake) => mistake,
                None => continue,
            },
            "h3" if field.multi_value => (format!("Cannot create H3 index on multi-value column: {column}"), ""),
            "h3" if stored != DataType::Bytes => (
                format!("Cannot create H3 index on column: {column} of stored type other than BYTES"),
                "store the geometry in a BYTES column",
            ),
            "vector" => match vector(config, field) {
                Some(mistake) => mistake,
                None => continue,
            },
            "var-length dictionary"
                if !raw && !map && !matches!(stored, DataType::String | DataType::Bytes | DataType::BigDecimal) =>
            {
                (
                    format!(
                        "Cannot create var-length dictionary on column: {column} of fixed-width stored type: {stored}"
                    ),
                    "take it out of varLengthDictionaryColumns",
                )
            }
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
        errors.add(place(config, kind, column), message, advice);
    }
    for (column, name) in &indexing.compression {
        let Some(field) = schema.field(column) else { continue };
        let by_field_config = config
            .field_configs()
            .any(|field| text(field, "name") == Some(column) && field.contains_key("compressionCodec"));
        if !by_field_config {
            codec::check(name, field, indexing.no_dictionary.contains(column), &place(config, "codec", column), errors);
        }
    }
}

fn fst(field: &FieldSpec, raw: bool) -> Option<(String, &'static str)> {
    let column = &field.name;
    if raw {
        return Some((
            format!("Cannot create FST index on column: {column} without dictionary"),
            "set encodingType DICTIONARY",
        ));
    }
    if field.multi_value {
        return Some((format!("Cannot create FST index on multi-value column: {column}"), ""));
    }
    (field.data_type.stored() != DataType::String)
        .then(|| (format!("Cannot create FST index on column: {column} of stored type other than STRING"), ""))
}

fn vector(config: &TableConfig, field: &FieldSpec) -> Option<(String, &'static str)> {
    let column = &field.name;
    if !field.multi_value {
        return Some((
            format!("Cannot create vector index on single-value column: {column}"),
            "set singleValueField to false",
        ));
    }
    if field.data_type.stored() != DataType::Float {
        return Some((format!("Cannot create vector index on column: {column} of stored type other than FLOAT"), ""));
    }
    let settings = config.indexing().vector.get(column).and_then(Json::as_object);
    let kind = settings.and_then(|settings| text(settings, "vectorIndexType")).unwrap_or("HNSW");
    (kind != "HNSW")
        .then(|| (format!("Unsupported vector index type: {kind} for column: {column}, only 'HNSW' is supported"), ""))
}

/// The pointer to where an index of a column is asked for.
fn place(config: &TableConfig, kind: &str, column: &str) -> String {
    let indexing = config.section("tableIndexConfig");
    let (lists, index): (&[&str], &str) = match kind {
        "inverted" => (&["invertedIndexColumns"], "INVERTED"),
        "range" => (&["rangeIndexColumns"], "RANGE"),
        "bloom" => (&["bloomFilterColumns"], "BLOOM"),
        "json" => (&["jsonIndexColumns"], "JSON"),
        "var-length dictionary" => (&["varLengthDictionaryColumns"], "DICTIONARY"),
        "codec" => (&[], "FORWARD"),
        other => (&[], other),
    };
    for key in lists {
        if let Some(i) = list(indexing, key).iter().position(|name| *name == column) {
            return format!("/tableIndexConfig/{key}/{i}");
        }
    }
    for key in ["bloomFilterConfigs", "jsonIndexConfigs", "noDictionaryConfig"] {
        let matching = matches!((kind, key), ("bloom", "bloomFilterConfigs") | ("json", "jsonIndexConfigs"))
            || (kind, key) == ("codec", "noDictionaryConfig");
        let there = indexing.get(key).and_then(Json::as_object).is_some_and(|map| map.contains_key(column));
        if matching && there {
            return json_pointer(&format!("/tableIndexConfig/{key}"), column);
        }
    }
    for (i, field) in config.field_configs().enumerate() {
        if text(field, "name") == Some(column) {
            return in_field_config(field, &format!("/fieldConfigList/{i}"), index);
        }
    }
    "/tableIndexConfig".to_owned()
}

fn in_field_config(field: &Map<String, Json>, at: &str, index: &str) -> String {
    if let Some(j) = list(field, "indexTypes").iter().position(|name| name.eq_ignore_ascii_case(index)) {
        return format!("{at}/indexTypes/{j}");
    }
    let settings = field.get("indexes").and_then(Json::as_object).into_iter().flatten();
    match settings.map(|(key, _)| key).find(|key| key.eq_ignore_ascii_case(index)) {
        Some(key) => format!("{at}/indexes/{key}"),
        None => at.to_owned(),
    }
}

fn timestamp_index(config: &TableConfig, field: &FieldSpec, errors: &mut Errors) {
    const GRANULARITIES: [&str; 9] =
        ["MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];
    let at = place(config, "timestamp", &field.name);
    errors.ensure(
        field.data_type.stored() == DataType::Long,
        &at,
        format!("Cannot create TIMESTAMP index on column: {} of stored type other than LONG", field.name),
        "use data type TIMESTAMP",
    );
    errors.ensure(
        !field.multi_value,
        &at,
        format!("Cannot create TIMESTAMP index on multi-value column: {}", field.name),
        "",
    );
    for granularity in config.indexing().timestamp.get(&field.name).into_iter().flatten() {
        errors.ensure(
            GRANULARITIES.contains(&granularity.as_str()),
            &at,
            format!("Unknown granularity '{granularity}' of the TIMESTAMP index on column: {}", field.name),
            format!("use one of {}{}", GRANULARITIES.join(", "), suggest::did_you_mean(granularity, GRANULARITIES)),
        );
    }
}

fn forward_disabled(config: &TableConfig, field: &FieldSpec, errors: &mut Errors) {
    let column = field.name.as_str();
    let indexing = config.indexing();
    let at = place(config, "forward", column);
    errors.ensure(
        config.table_type() != TableType::Realtime,
        &at,
        format!("Cannot disable forward index for column: {column}, as the table type is REALTIME"),
        "",
    );
    if indexing.range.contains(column) {
        errors.ensure(
            !field.multi_value,
            &at,
            format!(
                "Feature not supported for multi-value columns with range index. Cannot disable forward index for column: {column}. Disable range index on this column to use this feature."
            ),
            "",
        );
        let version = config.section("tableIndexConfig").get("rangeIndexVersion").and_then(Json::as_i64);
        errors.ensure(
            version.unwrap_or(2) >= 2,
            "/tableIndexConfig/rangeIndexVersion",
            format!(
                "Feature not supported for single-value columns with range index version < 2. Cannot disable forward index for column: {column}."
            ),
            "set it to 2",
        );
    }
    errors.ensure(
        !indexing.optimize_dictionary && !indexing.optimize_dictionary_for_metrics,
        "/tableIndexConfig/optimizeDictionary",
        format!(
            "Dictionary override optimization options (OptimizeDictionary, optimizeDictionaryForMetrics) not supported with forward index disabled for column: {column}"
        ),
        "",
    );
    errors.ensure(
        !indexing.no_dictionary.contains(column) && indexing.inverted.contains(column),
        &at,
        format!("Cannot disable forward index for column {column} without dictionary and inverted index enabled"),
        "keep the forward index or add both",
    );
}

/// One text index over several columns.
fn multi_column_text(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let Some(index) = config.section("tableIndexConfig").get("multiColumnTextIndexConfig") else { return };
    let at = "/tableIndexConfig/multiColumnTextIndexConfig";
    let Some(index) = index.as_object() else {
        return errors.add(at, "'multiColumnTextIndexConfig' must be an object", "");
    };
    let columns = list(index, "columns");
    errors.ensure(
        !columns.is_empty(),
        &format!("{at}/columns"),
        "Multi-column text index's list of columns can't be empty",
        "",
    );
    for (i, column) in columns.iter().enumerate() {
        let at = format!("{at}/columns/{i}");
        errors.ensure(
            !columns[..i].contains(column),
            &at,
            format!("Cannot create TEXT index on duplicate columns: [{column}]"),
            "",
        );
        if let Some(field) = field(schema, column, "", &at, errors) {
            errors.ensure(
                field.data_type.stored() == DataType::String,
                &at,
                format!("Cannot create TEXT index on column: {column} of stored type other than STRING"),
                "",
            );
        }
    }
    let per_column = index.get("perColumnProperties").and_then(Json::as_object);
    for column in per_column.into_iter().flatten().map(|(column, _)| column) {
        errors.ensure(
            columns.contains(&column.as_str()),
            &json_pointer(&format!("{at}/perColumnProperties"), column),
            format!("Multi-column text index per-column property refers to unknown column: {column}"),
            missing_column_advice(schema, column),
        );
    }
}
