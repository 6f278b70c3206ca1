//! Deduplication.

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, text},
    Errors, missing_column_advice,
    upsert::{is_time_like, number},
};
use crate::{Schema, parse_period};

/// Checks how long keys are remembered.
pub(super) fn check(config: &TableConfig, dedup: &Map<String, Json>, schema: &Schema, errors: &mut Errors) {
    let named = text(dedup, "dedupTimeColumn").filter(|column| !column.is_empty());
    if let Some(column) = named.filter(|column| schema.field(column).is_none()) {
        return errors.add(
            "/dedupConfig/dedupTimeColumn",
            format!("Failed to find column: {column} in schema"),
            missing_column_advice(schema, column),
        );
    }
    let ttl = number(dedup, "metadataTTL");
    if ttl <= 0.0 {
        return;
    }
    let what = if named.is_some() { "dedupTimeColumn" } else { "time column" };
    let column = named.or_else(|| config.time_column()).unwrap_or_default();
    if let Some(field) = schema.field(column) {
        errors.ensure(
            is_time_like(field),
            "/dedupConfig/metadataTTL",
            format!("MetadataTTL must have {what}: {column} in numeric type, found: {}", field.data_type),
            "",
        );
    }
    if config.tiers().next().is_some() {
        tiers(config, named, ttl, schema, errors);
    }
}

/// Only segments whose keys are forgotten may move to another tier.
fn tiers(config: &TableConfig, named: Option<&str>, ttl: f64, schema: &Schema, errors: &mut Errors) {
    let time_column = config.time_column().unwrap_or_default();
    if let Some(column) = named {
        errors.ensure(
            column.eq_ignore_ascii_case(time_column),
            "/dedupConfig/dedupTimeColumn",
            format!("DedupTimeColumn: {column} is different from table's timeColumn: {time_column}"),
            "",
        );
    }
    let mut youngest: Option<i64> = None;
    for (i, tier) in config.tiers().enumerate() {
        let (name, selector) =
            (text(tier, "name").unwrap_or_default(), text(tier, "segmentSelectorType").unwrap_or_default());
        errors.ensure(
            selector.eq_ignore_ascii_case("time"),
            &format!("/tierConfigs/{i}/segmentSelectorType"),
            format!("Time based segment selector is required but tier: {name} uses selector: {selector}"),
            "",
        );
        if let Some(age) = text(tier, "segmentAge").and_then(|age| parse_period(age).ok()) {
            youngest = Some(youngest.map_or(age, |youngest| youngest.min(age)));
        }
    }
    // The time to live counts in the time column's own values.
    let format = schema.date_time_field(time_column).and_then(|field| field.date_time_format());
    let ttl_ms = format.and_then(|format| format.text_to_millis(&(ttl as i64).to_string()).ok());
    let (Some(youngest), Some(ttl_ms)) = (youngest, ttl_ms) else { return };
    errors.ensure(
        ttl_ms < youngest,
        "/dedupConfig/metadataTTL",
        format!("MetadataTTL: {ttl_ms}(ms) must be smaller than the minimum segmentAge: {youngest}(ms)"),
        "",
    );
}
