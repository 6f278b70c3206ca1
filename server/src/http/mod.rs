//! The admin HTTP API: this file is only the route table.

mod debug;
mod describe;
mod download;
mod health;
mod indexes;
mod instance;
mod metadata;
mod queries;
mod size;
mod tables;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get},
};
use service::{
    ApiError,
    http::{
        ErrorStyle, Limits, finish,
        loggers::{self, LogFiles},
    },
};
use utoipa::OpenApi;

use crate::{
    segments::{Loaded, Table},
    server::State,
};

pub(crate) use download::PACKED;

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
        tables::segment_tiers,
        tables::reload_status,
        download::download,
        size::size,
        size::size_old,
        metadata::of_table,
        metadata::of_segment,
        metadata::of_segments,
        indexes::indexes,
        instance::tags,
        instance::pools,
        instance::disk_utilization,
        instance::primary_key_count,
        instance::app_configs,
        queries::running,
        queries::cancel,
        debug::table,
        debug::segment,
        usage::mapped,
        usage::consuming,
        usage::threads,
        usage::queries,
        usage::workloads,
        usage::workload,
    )
)]
struct Document;

pub(crate) fn routes(state: Arc<State>) -> Router {
    let (loggers, logger_document) = loggers::routes(LogFiles::new(state.config.log_dir.clone())).split_for_parts();
    let mut document = Document::openapi();
    document.merge(logger_document);
    document.merge(service::uptime::document());
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
        .route("/segments/{table}/{segment}/tiers", get(tables::segment_tiers))
        .route("/controllerJob/reloadStatus/{table}", get(tables::reload_status))
        .route("/segments/{table}/{segment}", get(download::download))
        .route("/tables/{table}/size", get(size::size))
        .route("/table/{table}/size", get(size::size_old))
        .route("/tables/{table}/metadata", get(metadata::of_table))
        .route("/tables/{table}/segments/metadata", get(metadata::of_segments))
        .route("/tables/{table}/segments/{segment}/metadata", get(metadata::of_segment))
        .route("/tables/{table}/indexes", get(indexes::indexes))
        .route("/instance/tags", get(instance::tags))
        .route("/instance/pools", get(instance::pools))
        .route("/instance/diskUtilization", get(instance::disk_utilization))
        .route("/instance/primaryKeyCount", get(instance::primary_key_count))
        .route("/appconfigs", get(instance::app_configs))
        .route("/queries/id", get(queries::running))
        .route("/query/{id}", delete(queries::cancel))
        .route("/debug/tables/{table}", get(debug::table))
        .route("/debug/segments/{table}/{segment}", get(debug::segment))
        .route("/debug/memory/offheap", get(usage::mapped))
        .route("/debug/memory/offheap/table/{table}", get(usage::consuming))
        .route("/debug/threads/resourceUsage", get(usage::threads))
        .route("/debug/queries/resourceUsage", get(usage::queries))
        .route("/debug/queryWorkloadCosts", get(usage::workloads))
        .route("/debug/queryWorkloadCost/{workload}", get(usage::workload))
        .merge(loggers)
        .with_state(state)
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(document, service::swagger::Role::Server));
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
