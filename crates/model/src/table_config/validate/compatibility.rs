//! Which changes of a table config would make the data of a table inconsistent.

use serde_json::Value as Json;

use super::{super::TableConfig, upsert::comparison_columns};

fn shown(value: Option<&Json>) -> String {
    match value {
        None => "null".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Changes from `old` to `new` that upsert and deduplication do not survive, such as
/// `upsertConfig.mode (FULL -> PARTIAL)`. Switching either on or off is allowed.
pub fn incompatible_changes(old: &TableConfig, new: &TableConfig) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |name: &str, old: Option<&Json>, new: Option<&Json>, why: &str| {
        if old != new {
            changes.push(format!("{name} ({} -> {}){why}", shown(old), shown(new)));
        }
    };
    let time = |config: &TableConfig| config.time_column().map(Json::from);
    if let (Some(before), Some(after)) = (old.upsert(), new.upsert()) {
        let mut keys = vec!["mode", "hashFunction", "dropOutOfOrderRecord", "outOfOrderRecordColumn"];
        if before.get("mode").and_then(Json::as_str) == Some("PARTIAL") {
            keys.extend(["partialUpsertStrategies", "defaultPartialUpsertStrategy"]);
        }
        for key in keys {
            compare(&format!("upsertConfig.{key}"), before.get(key), after.get(key), "");
        }
        let columns = |section| Json::from(comparison_columns(section));
        compare("upsertConfig.comparisonColumns", Some(&columns(before)), Some(&columns(after)), "");
        if comparison_columns(before).is_empty() {
            let why = " - used as default comparison column";
            compare("timeColumnName", time(old).as_ref(), time(new).as_ref(), why);
        }
    }
    if let (Some(before), Some(after)) = (old.dedup(), new.dedup()) {
        for key in ["hashFunction", "dedupTimeColumn"] {
            compare(&format!("dedupConfig.{key}"), before.get(key), after.get(key), "");
        }
        if before.get("dedupTimeColumn").is_none() {
            let why = " - used as default dedup time column";
            compare("timeColumnName", time(old).as_ref(), time(new).as_ref(), why);
        }
    }
    changes
}
