//! Star-trees.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{
    super::{TableConfig, list},
    Errors, aggregation, missing_column_advice,
};
use crate::{FieldRole, Schema, suggest};

pub(super) fn check(config: &TableConfig, schema: &Schema, errors: &mut Errors) {
    for (i, tree) in config.indexing().star_trees.iter().enumerate() {
        let Some(tree) = tree.as_object() else { continue };
        let at = format!("/tableIndexConfig/starTreeIndexConfigs/{i}");
        let dimensions = list(tree, "dimensionsSplitOrder");
        errors.ensure(
            !dimensions.is_empty(),
            &format!("{at}/dimensionsSplitOrder"),
            "'dimensionsSplitOrder' must not be empty in the star-tree index config",
            "list at least one dimension",
        );
        for (place, column) in dimensions.iter().enumerate() {
            dimension(config, schema, column, &format!("{at}/dimensionsSplitOrder/{place}"), errors);
        }
        for (place, column) in list(tree, "skipStarNodeCreationForDimensions").into_iter().enumerate() {
            errors.ensure(
                dimensions.contains(&column),
                &format!("{at}/skipStarNodeCreationForDimensions/{place}"),
                format!(
                    "Can not skip star-node creation for dimensions not in the split order, dimensionsSplitOrder: [{}], found: {column}",
                    dimensions.join(", ")
                ),
                "",
            );
        }
        functions(schema, tree, &at, errors);
    }
}

fn dimension(config: &TableConfig, schema: &Schema, column: &str, at: &str, errors: &mut Errors) {
    match schema.field(column) {
        None => errors.add(
            at,
            format!("Failed to find dimension column: {column} specified in star-tree index config in schema"),
            missing_column_advice(schema, column),
        ),
        Some(_) if config.indexing().no_dictionary.contains(column) => errors.add(
            at,
            format!("Cannot create star-tree index on dimension column: {column} without dictionary"),
            "take it out of noDictionaryColumns",
        ),
        Some(field) if field.role == FieldRole::Complex => {
            errors.add(at, format!("Star-tree index cannot be created on MAP column: {column}"), "");
        }
        Some(field) if field.multi_value => errors.add(
            at,
            format!("Star-tree dimension columns must be single-value, but found multi-value column: {column}"),
            "",
        ),
        Some(_) => {}
    }
}

/// One thing to aggregate: where it stands, the function, the column, and how it was written.
struct Pair {
    at: String,
    function: String,
    column: String,
    written: String,
}

fn functions(schema: &Schema, tree: &Map<String, Json>, at: &str, errors: &mut Errors) {
    if tree.contains_key("functionColumnPairs") == tree.contains_key("aggregationConfigs") {
        errors.add(at, "Either 'functionColumnPairs' or 'aggregationConfigs' must be specified, but not both", "");
    }
    let mut pairs = Vec::new();
    for (i, pair) in list(tree, "functionColumnPairs").into_iter().enumerate() {
        let at = format!("{at}/functionColumnPairs/{i}");
        match pair.split_once("__") {
            Some((function, column)) if !column.is_empty() => pairs.push(Pair {
                at,
                function: aggregation::plain(function),
                column: column.to_owned(),
                written: pair.to_owned(),
            }),
            _ => errors.add(
                at,
                format!(
                    "Invalid StarTreeIndex config: {pair}. Must be in the form <Aggregation function>__<Column name>"
                ),
                "for example SUM__price or COUNT__*",
            ),
        }
    }
    let aggregations = tree.get("aggregationConfigs").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for (i, config) in aggregations.iter().enumerate() {
        let get = |key: &str| config.get(key).and_then(Json::as_str).unwrap_or_default();
        let (function, column) = (get("aggregationFunction"), get("columnName"));
        let at = format!("{at}/aggregationConfigs/{i}");
        // What is counted does not matter: the column may be left out.
        let column = if column.is_empty() && aggregation::plain(function) == "COUNT" { "*" } else { column };
        pairs.push(Pair {
            at,
            function: aggregation::plain(function),
            column: column.to_owned(),
            written: format!("{function}__{column}"),
        });
    }
    let mut seen = HashSet::new();
    for pair in &pairs {
        one(schema, pair, errors);
        let key = if pair.function == "COUNT" { "*" } else { pair.column.as_str() };
        errors.ensure(
            seen.insert((pair.function.as_str(), key)),
            &pair.at,
            format!("Duplicate function column pair: {}", pair.written),
            "keep one of them",
        );
    }
}

fn one(schema: &Schema, pair: &Pair, errors: &mut Errors) {
    let Pair { at, function, column, written } = pair;
    // Functions of multi-value columns have names of their own.
    let plain = function.strip_suffix("MV").unwrap_or(function);
    if !aggregation::functions().any(|known| known == plain) {
        return errors.add(
            at,
            format!("Invalid StarTreeIndex config: {written}. '{function}' is no function that can be pre-aggregated"),
            suggest::nearest(function, aggregation::functions()).map_or_else(
                || "for example SUM, MIN, MAX or COUNT".to_owned(),
                |meant| format!("did you mean '{meant}'?"),
            ),
        );
    }
    if column == "*" {
        return errors.ensure(
            function == "COUNT",
            at,
            format!("Non-COUNT function set the column as '*' in the functionColumnPair: {written}"),
            "name a column",
        );
    }
    match schema.field(column) {
        None => errors.add(
            at,
            format!("Failed to find column: {column} specified in star-tree index config in schema"),
            missing_column_advice(schema, column),
        ),
        Some(field) => errors.ensure(
            field.role != FieldRole::Complex,
            at,
            format!("Star-tree index cannot be created on MAP column: {column}"),
            "",
        ),
    }
}
