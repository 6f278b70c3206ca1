//! Which indexes a table's segments have.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use service::ApiError;

use super::{describe::has_index, found_table};
use crate::server::State as Server;

const INDEXES: [&str; 12] = [
    "vector_index",
    "nullvalue_vector",
    "h3_index",
    "dictionary",
    "ifst_index",
    "json_index",
    "range_index",
    "forward_index",
    "inverted_index",
    "bloom_filter",
    "text_index",
    "fst_index",
];

/// Columns that every segment has without storing them.
const VIRTUAL: [&str; 4] = ["$docId", "$hostName", "$partitionId", "$segmentName"];

/// In how many segments each column has each index
#[utoipa::path(get, path = "/tables/{tableName}/indexes", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn indexes(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let loaded = found_table(&server, &name)?.segments();
    let mut columns: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for loaded in loaded.values() {
        for column in &loaded.segment.metadata().columns {
            let counts = columns.entry(column.name.clone()).or_default();
            for index in INDEXES {
                *counts.entry(index).or_default() += u64::from(has_index(column, index));
            }
        }
        for name in VIRTUAL {
            let counts = columns.entry(name.to_owned()).or_default();
            for index in INDEXES {
                let present = matches!(index, "dictionary" | "forward_index" | "inverted_index");
                *counts.entry(index).or_default() += u64::from(present);
            }
        }
    }
    Ok(Json(json!({ "totalOnlineSegments": loaded.len(), "columnToIndexesCount": columns })))
}
