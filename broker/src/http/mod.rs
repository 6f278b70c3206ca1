//! The broker's HTTP API: this file is only the route table.

mod debug;
mod health;
mod queries;
mod sql;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get},
};
use service::http::{ErrorStyle, Limits, finish};
use utoipa::OpenApi;

use crate::state::State;

#[derive(OpenApi)]
#[openapi(
    info(title = "Broker", description = "SQL queries, running queries, routing"),
    paths(
        sql::post_sql,
        sql::get_sql,
        sql::post_query,
        sql::get_query,
        queries::running,
        queries::cancel,
        health::health,
        health::tags,
        debug::routing_table,
        debug::routing_table_of_query,
        debug::routing_table_with_optional_segments,
        debug::time_boundary_of,
    )
)]
struct Document;

pub(crate) fn routes(state: Arc<State>) -> Router {
    let limits = Limits { body_bytes: state.config.max_body_bytes };
    let routes = Router::new()
        .route("/query/sql", get(sql::get_sql).post(sql::post_sql))
        .route("/query", get(sql::get_query).post(sql::post_query))
        .route("/query/{id}", delete(queries::cancel))
        .route("/queries", get(queries::running))
        .route("/health", get(health::health))
        .route("/instance/tags", get(health::tags))
        .route("/debug/routingTable/sql", get(debug::routing_table_of_query))
        .route("/debug/routingTable/{table}", get(debug::routing_table))
        .route("/debug/routingTableWithOptionalSegments/{table}", get(debug::routing_table_with_optional_segments))
        .route("/debug/timeBoundary/{table}", get(debug::time_boundary_of))
        .with_state(state)
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(Document::openapi(), service::swagger::Role::Broker));
    finish(routes, ErrorStyle::Broker, limits, &[])
}
