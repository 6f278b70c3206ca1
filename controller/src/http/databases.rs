//! `/databases` and `/applicationQuotas`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer};
use crate::cluster;
use crate::error::Error;
use crate::quotas;
use crate::tables::{self, Retention};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list))
        .routes(routes!(delete))
        .routes(routes!(get_quota, set_quota))
        .routes(routes!(applications))
        .routes(routes!(get_application, set_application))
}

const DEFAULT: &str = "default";

fn database_of(table: &str) -> &str {
    table.split_once('.').map_or(DEFAULT, |(database, _)| database)
}

/// Names of databases
#[utoipa::path(get, path = "/databases", tag = "Database", responses((status = 200)))]
async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let state = app.cluster.read();
    let mut names: BTreeSet<&str> = state.tables.keys().map(|name| database_of(name)).collect();
    if names.is_empty() {
        names.insert(DEFAULT);
    }
    Json::new(json!(names))
}

fn tables_of(state: &cluster::State, database: &str) -> Vec<String> {
    state.tables.keys().filter(|name| database_of(name) == database).cloned().collect()
}

/// Deletes all tables of a database with their schemas; with `dryRun`, the default, only tells which
#[utoipa::path(delete, path = "/databases/{databaseName}", tag = "Database", params(("databaseName" = String, Path), ("dryRun" = bool, Query, description = "true, the default: nothing is deleted")), responses((status = 200)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(database): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let dry_run = params.flag("dryRun", true);
    let names = tables_of(&app.cluster.read(), &database);
    if dry_run {
        return Ok(Json::new(json!({ "deletedTables": names, "failedTables": [], "dryRun": true })));
    }
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for name in names {
        match delete_table(&app, &name).await {
            Ok(()) => deleted.push(name),
            Err(error) => failed.push(json!({ "tableName": name, "errorMessage": error.to_string() })),
        }
    }
    app.ingestion.sweep();
    Ok(Json::new(json!({ "deletedTables": deleted, "failedTables": failed, "dryRun": false })))
}

/// A table, and its schema once no other table has it.
async fn delete_table(app: &App, name: &str) -> Result<(), Error> {
    let now_ms = app.now_ms();
    app.cluster
        .write(|state| {
            let Some(table) = state.table(name) else { return Ok((Vec::new(), ())) };
            let retention = Retention::choose(None, &table.entry.config, &app.cluster)?;
            let mut changes = tables::remove_table(state, name, retention, now_ms);
            let raw = table.entry.config.raw_name().to_string();
            let shared = ["_OFFLINE", "_REALTIME"].iter().map(|suffix| format!("{raw}{suffix}"));
            let is_shared = shared.into_iter().any(|other| other != name && state.tables.contains_key(&other));
            if !is_shared && state.schemas.contains_key(&raw) {
                changes.push(cluster::Change::RemoveSchema(raw));
            }
            Ok((changes, ()))
        })
        .await
}

/// The database that the header names has to be the one of the path.
fn check_context(headers: &HeaderMap, database: &str) -> Result<(), Error> {
    let context = headers.get("database").and_then(|value| value.to_str().ok()).unwrap_or(DEFAULT);
    if context != database {
        let message = "Database config name and request context does not match".to_owned();
        return Err(Error::Invalid(format!("{message}: the header 'database' is {context}")));
    }
    Ok(())
}

/// The query quota of a database
#[utoipa::path(get, path = "/databases/{databaseName}/quotas", tag = "Database", params(("databaseName" = String, Path)), responses((status = 200), (status = 400)))]
async fn get_quota(
    State(app): State<Arc<App>>,
    Path(database): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    check_context(&headers, &database)?;
    let state = app.cluster.read();
    let max = quotas::database(&state, &database).or_else(|| state.configs.get(quotas::ANY_DATABASE).cloned());
    Ok(Json::new(max.map_or_else(|| json!({}), |max| json!({ "maxQueriesPerSecond": max }))))
}

/// Sets the query quota of a database; without a number it has none
#[utoipa::path(post, path = "/databases/{databaseName}/quotas", tag = "Database", params(("databaseName" = String, Path), ("maxQueriesPerSecond" = Option<String>, Query)), responses((status = 200), (status = 400)))]
async fn set_quota(
    State(app): State<Arc<App>>,
    Path(database): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    check_context(&headers, &database)?;
    let (max, now_ms) = (params.get("maxQueriesPerSecond"), app.now_ms());
    app.cluster.write(|state| Ok((quotas::set_database(state, &database, max, now_ms)?, ()))).await?;
    Ok(answer::status(format!("Database quotas for database config {database} successfully updated")))
}

/// Query quotas by application
#[utoipa::path(get, path = "/applicationQuotas", tag = "Application", responses((status = 200)))]
async fn applications(State(app): State<Arc<App>>) -> Json<Value> {
    Json::new(json!(quotas::applications(&app.cluster.read())))
}

/// The query quota of an application; nothing when it has none
#[utoipa::path(get, path = "/applicationQuotas/{appName}", tag = "Application", params(("appName" = String, Path)), responses((status = 200), (status = 204)))]
async fn get_application(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let state = app.cluster.read();
    let of_all = || state.configs.get(quotas::ANY_APPLICATION)?.parse().ok();
    match quotas::applications(&state).get(&name).copied().or_else(of_all) {
        Some(max) => Json::new(max).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Sets the query quota of an application; without a number it has none
#[utoipa::path(post, path = "/applicationQuotas/{appName}", tag = "Application", params(("appName" = String, Path), ("maxQueriesPerSecond" = Option<String>, Query)), responses((status = 200), (status = 400)))]
async fn set_application(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let (max, now_ms) = (params.get("maxQueriesPerSecond"), app.now_ms());
    app.cluster.write(|state| Ok((quotas::set_application(state, &name, max, now_ms)?, ()))).await?;
    Ok(answer::status(format!("Query quota for application {name} successfully updated")))
}
