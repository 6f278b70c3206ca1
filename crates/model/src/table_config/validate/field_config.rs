//! `fieldConfigList`: its agreement with `tableIndexConfig`, and with itself.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, list, text},
    Errors, codec, field,
};
use crate::{Schema, suggest};

/// Index ids that `indexes` takes.
const INDEXES: [&str; 14] = [
    "forward",
    "dictionary",
    "null",
    "bloom",
    "fst",
    "ifst",
    "inverted",
    "json",
    "range",
    "text",
    "h3",
    "vector",
    "startree",
    "timestamp",
];

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let indexing = config.section("tableIndexConfig");
    let listed = |key: &str| -> HashSet<&str> { list(indexing, key).into_iter().collect() };
    let mut raw = listed("noDictionaryColumns");
    raw.extend(keys(indexing, "noDictionaryConfig"));
    let mut names = HashSet::new();
    for (i, field_config) in config.field_configs().enumerate() {
        let column = text(field_config, "name").unwrap_or_default();
        let at = format!("/fieldConfigList/{i}");
        let Some(spec) = field(schema, column, "", format!("{at}/name"), errors) else { continue };
        errors.ensure(
            names.insert(column),
            &format!("{at}/name"),
            format!("Duplicate field config found for column: {column}"),
            "merge the two",
        );
        errors.ensure(
            text(field_config, "encodingType") == Some("RAW") || !raw.contains(column),
            &format!("{at}/encodingType"),
            format!("FieldConfig encoding type is different from indexingConfig for column: {column}"),
            "set encodingType RAW or take the column out of noDictionaryColumns",
        );
        if let Some(codec) = text(field_config, "compressionCodec") {
            let is_raw = config.indexing().no_dictionary.contains(column);
            codec::check(codec, spec, is_raw, &format!("{at}/compressionCodec"), errors);
        }
        indexes(config, field_config, column, &at, errors);
    }
}

fn keys<'a>(section: &'a Map<String, Json>, key: &str) -> impl Iterator<Item = &'a str> {
    section.get(key).and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.as_str())
}

/// An index is described either in `indexes` or in one of the older places.
fn indexes(config: &TableConfig, field_config: &Map<String, Json>, column: &str, at: &str, errors: &mut Errors) {
    let indexes = match field_config.get("indexes") {
        None | Some(Json::Null) => return,
        Some(Json::Object(indexes)) => indexes,
        Some(_) => return errors.add(format!("{at}/indexes"), "'indexes' must be an object", "one member an index"),
    };
    for (index, settings) in indexes {
        let at = format!("{at}/indexes/{index}");
        if !INDEXES.contains(&index.as_str()) {
            let meant = suggest::nearest(index, INDEXES);
            // Indexes of plug-ins have names that nobody here knows: only what looks mistyped is refused.
            if let Some(meant) = meant {
                errors.add(
                    at,
                    format!("Unknown index '{index}' of column: {column}"),
                    format!("did you mean '{meant}'?"),
                );
            }
            continue;
        }
        errors.ensure(settings.is_object(), &at, format!("The settings of index '{index}' must be an object"), "");
        if let Some(other) = older_place(config, field_config, column, index) {
            errors.add(
                at,
                format!("Failed to create FieldIndexConfigs: index '{index}' of column {column} is declared twice"),
                format!("it is in {other}, too: keep one of them"),
            );
        }
    }
}

/// Where else an index of a column is asked for.
fn older_place(config: &TableConfig, field_config: &Map<String, Json>, column: &str, index: &str) -> Option<String> {
    let indexing = config.section("tableIndexConfig");
    let lists: &[&str] = match index {
        "inverted" => &["invertedIndexColumns"],
        "range" => &["rangeIndexColumns"],
        "json" => &["jsonIndexColumns", "jsonIndexConfigs"],
        "bloom" => &["bloomFilterColumns", "bloomFilterConfigs"],
        "dictionary" => {
            &["noDictionaryColumns", "noDictionaryConfig", "onHeapDictionaryColumns", "varLengthDictionaryColumns"]
        }
        _ => &[],
    };
    for key in lists {
        if list(indexing, key).contains(&column) || keys(indexing, key).any(|name| name == column) {
            return Some(format!("tableIndexConfig.{key}"));
        }
    }
    let property = |key: &str| {
        let properties = field_config.get("properties").and_then(Json::as_object);
        properties.is_some_and(|properties| properties.contains_key(key))
    };
    match index {
        "dictionary" if text(field_config, "encodingType") == Some("RAW") => Some("encodingType".to_owned()),
        "forward" if field_config.contains_key("compressionCodec") => Some("compressionCodec".to_owned()),
        "forward" if property("forwardIndexDisabled") => Some("properties.forwardIndexDisabled".to_owned()),
        _ => {
            let types = list(field_config, "indexTypes");
            types.iter().any(|name| name.eq_ignore_ascii_case(index)).then(|| "indexTypes".to_owned())
        }
    }
}
