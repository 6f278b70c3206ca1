//! Where the OFFLINE half of a hybrid table ends for queries, fixed by an operator.

use std::sync::Arc;

use axum::extract::{Path, State};
use model::TableType;
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster::{self, Change, TableEntry};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(set, remove))
}

/// The latest end of the table's segments, all of which have to be loaded.
fn latest_end(state: &cluster::State, live: &cluster::LiveInstances, name: &str) -> Result<i64, Error> {
    let segments = state.table(name).map(|table| &table.segments).into_iter().flatten();
    let mut latest: Option<i64> = None;
    for (segment, entry) in segments {
        let replicas = live.replicas(name, segment);
        if let Some(server) = entry.ideal.keys().find(|id| replicas.get(*id).is_none_or(|now| now.state != "ONLINE")) {
            return Err(Error::Precondition(format!(
                "Table {name} is not loaded everywhere: segment {segment} is not ONLINE at {server}. Try again when it is"
            )));
        }
        latest = latest.max(entry.record.end_time_ms);
    }
    let nothing = || format!("No segments found for offline table : {name}. Could not update time boundary.");
    latest.ok_or_else(|| Error::Unavailable(nothing()))
}

/// Fixes the time boundary at the end of the OFFLINE segments
#[utoipa::path(post, path = "/tables/{tableName}/timeBoundary", tag = "Table", params(("tableName" = String, Path, description = "Name of a hybrid table, without type")), responses((status = 200), (status = 400), (status = 404), (status = 412), (status = 500), (status = 503)))]
async fn set(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let cluster = &app.cluster;
    let fixed = cluster.write(|state| {
        let halves = TableType::ALL.map(|half| resolve::with_type(&name, half));
        if !halves.iter().all(|half| state.tables.contains_key(half)) {
            return Err(Error::NotFound("Table isn't a hybrid table".to_owned()));
        }
        let boundary_ms = latest_end(state, &cluster.live(), &halves[0])?;
        Ok((put(state, &halves[0], Some(boundary_ms)), boundary_ms))
    });
    let boundary_ms = fixed.await?;
    Ok(answer::status(format!("Time boundary successfully updated to: {boundary_ms}")))
}

fn put(state: &cluster::State, table: &str, time_boundary_ms: Option<i64>) -> Vec<Change> {
    let found = state.table(table).into_iter();
    found.map(|table| Change::PutTable(TableEntry { time_boundary_ms, ..table.entry.clone() })).collect()
}

/// Lets the time boundary follow the OFFLINE segments again
#[utoipa::path(delete, path = "/tables/{tableName}/timeBoundary", tag = "Table", params(("tableName" = String, Path, description = "Name of a hybrid table, without type")), responses((status = 200), (status = 404), (status = 500)))]
async fn remove(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = resolve::with_type(&params.stored_name(&name)?, TableType::Offline);
    let removed = app.cluster.write(|state| {
        if !state.tables.contains_key(&name) {
            return Err(Error::NotFound(format!("Failed to find table: {name}")));
        }
        Ok((put(state, &name, None), ()))
    });
    removed.await?;
    Ok(answer::status("Time boundary successfully removed"))
}
