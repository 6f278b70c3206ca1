//! The broker's HTTP API: this file is only the route table.

mod debug;
mod health;
mod params;
mod queries;
mod response_store;
mod routing;
mod sql;
mod statements;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post, put},
};
use service::http::{
    ErrorStyle, Limits, finish,
    loggers::{self, LogFiles},
};
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
        debug::routing_table_of_query_with_optional_segments,
        debug::time_boundary_of,
        usage::table_quota,
        usage::database_quota,
        usage::application_quota,
        usage::threads,
        usage::queries,
        usage::server_routing_stats,
        routing::build,
        routing::remove,
        routing::refresh,
        response_store::list,
        response_store::one,
        response_store::page,
        response_store::delete,
        statements::fingerprint,
        statements::validate_syntax,
        health::app_configs,
    )
)]
struct Document;

pub(crate) fn routes(state: Arc<State>) -> Router {
    let limits = Limits { body_bytes: state.config.max_body_bytes };
    let (loggers, logger_document) = loggers::routes(LogFiles::new(state.config.log_dir.clone())).split_for_parts();
    let mut document = Document::openapi();
    document.merge(logger_document);
    document.merge(service::uptime::document());
    let kept = get(response_store::one).delete(response_store::delete);
    let routes = Router::new()
        .route("/query/sql", get(sql::get_sql).post(sql::post_sql))
        .route("/query", get(sql::get_query).post(sql::post_query))
        .route("/query/sql/queryFingerprint", post(statements::fingerprint))
        .route("/query/sql/validateSyntax", post(statements::validate_syntax))
        .route("/query/{id}", delete(queries::cancel))
        .route("/queries", get(queries::running))
        .route("/responseStore", get(response_store::list))
        .route("/responseStore/", get(response_store::list))
        .route("/responseStore/{id}", kept.clone())
        .route("/responseStore/{id}/", kept)
        .route("/responseStore/{id}/results", get(response_store::page))
        .route("/health", get(health::health))
        .route("/instance/tags", get(health::tags))
        .route("/appconfigs", get(health::app_configs))
        .route("/routing/{table}", put(routing::build).delete(routing::remove))
        .route("/routing/refresh/{table}/{segment}", put(routing::refresh))
        .route("/debug/routingTable/sql", get(debug::routing_table_of_query))
        .route("/debug/routingTable/{table}", get(debug::routing_table))
        .route("/debug/routingTableWithOptionalSegments/sql", get(debug::routing_table_of_query_with_optional_segments))
        .route("/debug/routingTableWithOptionalSegments/{table}", get(debug::routing_table_with_optional_segments))
        .route("/debug/timeBoundary/{table}", get(debug::time_boundary_of))
        .route("/debug/tables/queryQuota/{table}", get(usage::table_quota))
        .route("/debug/databases/queryQuota/{database}", get(usage::database_quota))
        .route("/debug/applicationQuotas/{application}", get(usage::application_quota))
        .route("/debug/threads/resourceUsage", get(usage::threads))
        .route("/debug/queries/resourceUsage", get(usage::queries))
        .route("/debug/serverRoutingStats", get(usage::server_routing_stats))
        .merge(loggers)
        .with_state(state)
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(document, service::swagger::Role::Broker));
    finish(routes, ErrorStyle::Broker, limits, &[])
}
