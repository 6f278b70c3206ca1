//! The admin HTTP API: this file is only the route table.

mod debug;
mod describe;
mod health;
mod indexes;
mod instance;
mod metadata;
mod queries;
mod size;
mod tables;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get},
};
use service::{
    ApiError,
    http::{ErrorStyle, Limits, finish},
};
use utoipa::OpenApi;

use crate::{
    segments::{Loaded, Table},
    server::State,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Server", description = "Segments of this server, running queries, health"),
    paths(
        health::health,
        health::liveness,
        health::readiness,
        tables::list,
        tables::segments,
        tables::crc,
        tables::all_loaded,
        tables::need_reload,
        tables::is_stale,
        tables::tiers,
        tables::reload_status,
        size::size,
        size::size_old,
        metadata::of_table,
        metadata::of_segment,
        metadata::of_segments,
        indexes::indexes,
        instance::tags,
        queries::running,
        queries::cancel,
        debug::table,
        debug::segment,
    )
)]
struct Document;

pub(crate) fn routes(state: Arc<State>) -> Router {
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/health/liveness", get(health::liveness))
        .route("/health/readiness", get(health::readiness))
        .route("/tables", get(tables::list))
        .route("/tables/{table}/segments", get(tables::segments))
        .route("/tables/{table}/segments/crc", get(tables::crc))
        .route("/tables/{table}/segments/needReload", get(tables::need_reload))
        .route("/tables/{table}/segments/isStale", get(tables::is_stale))
        .route("/tables/{table}/allSegmentsLoaded", get(tables::all_loaded))
        .route("/tables/{table}/tiers", get(tables::tiers))
        .route("/controllerJob/reloadStatus/{table}", get(tables::reload_status))
        .route("/tables/{table}/size", get(size::size))
        .route("/table/{table}/size", get(size::size_old))
        .route("/tables/{table}/metadata", get(metadata::of_table))
        .route("/tables/{table}/segments/metadata", get(metadata::of_segments))
        .route("/tables/{table}/segments/{segment}/metadata", get(metadata::of_segment))
        .route("/tables/{table}/indexes", get(indexes::indexes))
        .route("/instance/tags", get(instance::tags))
        .route("/queries/id", get(queries::running))
        .route("/query/{id}", delete(queries::cancel))
        .route("/debug/tables/{table}", get(debug::table))
        .route("/debug/segments/{table}/{segment}", get(debug::segment))
        .with_state(state)
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(Document::openapi(), service::swagger::Role::Server));
    finish(routes, ErrorStyle::Server, Limits::default(), &[])
}

/// The table, or the 404 of the endpoints under `/tables/{table}/segments`.
fn table(state: &State, name: &str) -> Result<Arc<Table>, ApiError> {
    state.tables.get(name).ok_or_else(|| ApiError::not_found(format!("Table {name} does not exist")))
}

/// The table, or the 404 of the other endpoints.
fn found_table(state: &State, name: &str) -> Result<Arc<Table>, ApiError> {
    state.tables.get(name).ok_or_else(|| ApiError::not_found(format!("Table: {name} is not found")))
}

fn segment(table: &Table, name: &str) -> Result<Arc<Loaded>, ApiError> {
    let missing = || ApiError::not_found(format!("Table {} segment {name} does not exist", table.name));
    table.segment(name).ok_or_else(missing)
}
