//! Aggregation while a stream is consumed.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{super::TableConfig, Errors, missing_column_advice};
use crate::{DataType, FieldRole, Schema, suggest};

/// Functions whose states all have one size, so that they can be kept in place while rows come in.
const FIXED_SIZE: [&str; 14] = [
    "COUNT",
    "MIN",
    "MAX",
    "SUM",
    "AVG",
    "MINMAXRANGE",
    "DISTINCTCOUNTHLL",
    "DISTINCTCOUNTRAWHLL",
    "DISTINCTCOUNTHLLPLUS",
    "DISTINCTCOUNTRAWHLLPLUS",
    "DISTINCTCOUNTULL",
    "DISTINCTCOUNTRAWULL",
    "DISTINCTCOUNTCPCSKETCH",
    "SUMPRECISION",
];

/// Functions whose states grow.
const GROWING: [&str; 13] = [
    "DISTINCTCOUNTBITMAP",
    "PERCENTILEEST",
    "PERCENTILERAWEST",
    "PERCENTILETDIGEST",
    "PERCENTILERAWTDIGEST",
    "DISTINCTCOUNTTHETASKETCH",
    "DISTINCTCOUNTRAWTHETASKETCH",
    "DISTINCTCOUNTTUPLESKETCH",
    "DISTINCTCOUNTRAWINTEGERSUMTUPLESKETCH",
    "SUMVALUESINTEGERSUMTUPLESKETCH",
    "AVGVALUEINTEGERSUMTUPLESKETCH",
    "DISTINCTCOUNTRAWCPCSKETCH",
    "PERCENTILEKLL",
];

/// Names of aggregation functions that can be computed ahead.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    FIXED_SIZE.into_iter().chain(GROWING)
}

/// A function's name without underscores, in upper case: `distinct_count_hll` is `DISTINCTCOUNTHLL`.
pub(super) fn plain(function: &str) -> String {
    function.chars().filter(|c| *c != '_').collect::<String>().to_ascii_uppercase()
}

/// `SUM(price)` as the function's plain name and its arguments. None when it has another form.
fn parse(text: &str) -> Option<(String, Vec<&str>)> {
    let (name, rest) = text.trim().split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name || inner.contains(['(', ')']) {
        return None;
    }
    let arguments: Vec<&str> = inner.split(',').map(str::trim).collect();
    arguments.iter().all(|argument| !argument.is_empty()).then(|| (plain(name), arguments))
}

fn identifier(argument: &str) -> Option<&str> {
    let name = argument.trim_matches('"');
    let quoted = argument.starts_with('"') && argument.ends_with('"') && argument.len() > 1;
    let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit() || c == '\'' || c == '-');
    (quoted || is_name).then_some(name)
}

/// Columns that aggregations read: `SUM(price)` reads `price`.
pub(super) fn sources(config: &TableConfig) -> Vec<String> {
    let functions = config.ingestion().aggregations.iter().filter_map(|config| config.get("aggregationFunction"));
    let parsed = functions.filter_map(|function| parse(function.as_str()?));
    parsed.filter_map(|(_, arguments)| identifier(arguments[0]).map(str::to_owned)).collect()
}

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    let aggregations = &config.ingestion().aggregations;
    if aggregations.is_empty() {
        return;
    }
    let list = "/ingestionConfig/aggregationConfigs";
    errors.ensure(
        config.section("tableIndexConfig").get("aggregateMetrics").and_then(Json::as_bool) != Some(true),
        "/tableIndexConfig/aggregateMetrics",
        "aggregateMetrics cannot be set with AggregationConfig",
        "choose one of them",
    );
    let mut covered = HashSet::new();
    for (i, aggregation) in aggregations.iter().enumerate() {
        let at = format!("{list}/{i}");
        let get = |key: &str| aggregation.get(key).and_then(Json::as_str).unwrap_or_default();
        let (column, function) = (get("columnName"), get("aggregationFunction"));
        if column.is_empty() || function.is_empty() {
            errors.add(&at, "columnName/aggregationFunction cannot be null in AggregationConfig", "give both");
            continue;
        }
        errors.ensure(
            covered.insert(column),
            &at,
            format!("Duplicate aggregation config found for column '{column}'"),
            "keep one of them",
        );
        match schema.field(column) {
            None => errors.add(
                format!("{at}/columnName"),
                format!("The destination column '{column}' of the aggregation function must be present in the schema"),
                missing_column_advice(schema, column),
            ),
            Some(field) => {
                errors.ensure(
                    field.role == FieldRole::Metric,
                    &format!("{at}/columnName"),
                    format!("The destination column '{column}' of the aggregation function must be a metric column"),
                    "move it to metricFieldSpecs",
                );
                one(column, function, field.data_type, &format!("{at}/aggregationFunction"), errors);
                errors.ensure(
                    config.indexing().no_dictionary.contains(column),
                    &format!("{at}/columnName"),
                    format!("Aggregated column: {column} must be a no-dictionary column"),
                    "add it to tableIndexConfig.noDictionaryColumns",
                );
            }
        }
    }
    let metrics = schema.fields_of(FieldRole::Metric).map(|field| field.name.as_str());
    let missing: Vec<&str> = metrics.filter(|name| !covered.contains(name)).collect();
    if !missing.is_empty() {
        errors.add(list, "all metric columns must be aggregated", format!("missing are {}", missing.join(", ")));
    }
}

fn one(column: &str, function: &str, result: DataType, at: &str, errors: &mut Errors) {
    let Some((name, arguments)) = parse(function) else {
        return errors.add(
            at,
            format!("Invalid aggregation function '{function}' for column '{column}'"),
            "write it as FUNCTION(column), for example SUM(price)",
        );
    };
    let (most, least, result_types): (usize, usize, &[DataType]) = match name.as_str() {
        "DISTINCTCOUNTHLL" => (2, 1, &[DataType::Bytes]),
        "DISTINCTCOUNTHLLPLUS" => (3, 1, &[DataType::Bytes]),
        "SUMPRECISION" => (3, 2, &[DataType::BigDecimal, DataType::Bytes]),
        _ => (1, 1, &[]),
    };
    if !FIXED_SIZE.contains(&name.as_str()) {
        let (message, meant) = if GROWING.contains(&name.as_str()) {
            (format!("Aggregation function: {function} must have fixed size aggregated value"), String::new())
        } else {
            (
                format!("Caught exception while creating ValueAggregator for aggregation function: {function}"),
                suggest::did_you_mean(&name, FIXED_SIZE),
            )
        };
        return errors.add(at, message, format!("use one of {}{meant}", FIXED_SIZE.join(", ")));
    }
    if !(least..=most).contains(&arguments.len()) {
        let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
        errors.add(at, format!("{name} takes {wanted} arguments, found {}: {function}", arguments.len()), "");
    }
    errors.ensure(
        identifier(arguments[0]).is_some(),
        at,
        format!("First argument of aggregation function: {name} must be identifier, got: {}", arguments[0]),
        "name a column",
    );
    for argument in &arguments[1..] {
        let literal = argument.trim_matches('\'');
        errors.ensure(
            !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_digit()),
            at,
            format!("Arguments of {name} after the first must be numbers, got: {argument}"),
            "",
        );
    }
    errors.ensure(
        result_types.is_empty() || result_types.contains(&result),
        at,
        format!("Result type for {name} must be {}, column {column} has {result}", names(result_types)),
        "",
    );
}

fn names(types: &[DataType]) -> String {
    types.iter().map(|data_type| data_type.name()).collect::<Vec<_>>().join(" or ")
}
