//! Metadata of tables and segments.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde_json::{Value, json};
use service::ApiError;

use super::{
    describe::{self, Columns},
    found_table, segment, table,
};
use crate::server::State as Server;

type Parameters = Query<Vec<(String, String)>>;

/// Documents, bytes and, for the named columns, sums over the segments; the controller makes averages of them
#[utoipa::path(get, path = "/tables/{tableName}/metadata", tag = "Table",
    params(("tableName" = String, Path), ("columns" = Option<Vec<String>>, Query, description = "* for all")),
    responses((status = 200), (status = 404)))]
pub(super) async fn of_table(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Result<Json<Value>, ApiError> {
    let loaded = found_table(&server, &name)?.segments();
    let columns = Columns::new(&parameters);
    let mut lengths: BTreeMap<&str, f64> = BTreeMap::new();
    let mut cardinalities: BTreeMap<&str, f64> = BTreeMap::new();
    let mut max_values: BTreeMap<&str, f64> = BTreeMap::new();
    let mut sizes: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for loaded in loaded.values() {
        for column in loaded.segment.metadata().columns.iter().filter(|column| columns.contains(&column.name)) {
            let name = column.name.as_str();
            *lengths.entry(name).or_default() += f64::from(width(column));
            *cardinalities.entry(name).or_default() += f64::from(column.cardinality);
            if column.multi_value {
                *max_values.entry(name).or_default() += f64::from(column.max_entries_per_doc);
            }
            let of_column = sizes.entry(name).or_default();
            for (index, bytes) in &column.index_sizes {
                *of_column.entry(index).or_default() += *bytes as f64;
            }
        }
    }
    Ok(Json(json!({
        "tableName": name,
        "diskSizeInBytes": loaded.values().map(|loaded| loaded.size_bytes).sum::<u64>(),
        "numSegments": loaded.len(),
        "numRows": loaded.values().map(|loaded| u64::from(loaded.segment.metadata().num_docs)).sum::<u64>(),
        "columnLengthMap": lengths,
        "columnCardinalityMap": cardinalities,
        "maxNumMultiValuesMap": max_values,
        "columnIndexSizeMap": sizes,
        "upsertPartitionToServerPrimaryKeyCountMap": {},
    })))
}

/// Bytes of the longest value.
fn width(column: &segment::ColumnMetadata) -> u32 {
    use model::DataType;
    match column.data_type.stored() {
        DataType::Int | DataType::Float => 4,
        DataType::Long | DataType::Double => 8,
        _ => column.max_length_bytes,
    }
}

/// One segment
#[utoipa::path(get, path = "/tables/{tableName}/segments/{segmentName}/metadata", tag = "Table",
    params(
        ("tableName" = String, Path),
        ("segmentName" = String, Path),
        ("columns" = Option<Vec<String>>, Query, description = "* for all"),
    ),
    responses((status = 200), (status = 404)))]
pub(super) async fn of_segment(
    State(server): State<Arc<Server>>,
    Path((table_name, name)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Result<Json<Value>, ApiError> {
    let table = table(&server, &table_name)?;
    let loaded = segment(&table, &name)?;
    Ok(Json(describe::segment(&loaded, &table.info().schema, &Columns::new(&parameters))))
}

/// All segments of a table, or the named ones
#[utoipa::path(get, path = "/tables/{tableName}/segments/metadata", tag = "Table",
    params(
        ("tableName" = String, Path),
        ("segments" = Option<Vec<String>>, Query),
        ("columns" = Option<Vec<String>>, Query, description = "* for all"),
    ),
    responses((status = 200), (status = 404)))]
pub(super) async fn of_segments(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Result<Json<BTreeMap<String, Value>>, ApiError> {
    let table = table(&server, &name)?;
    let columns = Columns::new(&parameters);
    let asked: Vec<&str> =
        parameters.iter().filter(|(key, _)| key == "segments").map(|(_, name)| name.as_str()).collect();
    let schema = Arc::clone(&table.info().schema);
    let loaded = table.segments().into_iter().filter(|(name, _)| asked.is_empty() || asked.contains(&&**name));
    Ok(Json(loaded.map(|(name, loaded)| (name.to_string(), describe::segment(&loaded, &schema, &columns))).collect()))
}
