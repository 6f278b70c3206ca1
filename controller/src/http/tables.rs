//! `/tables`: configs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use model::TableType;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, answer, resolve};
use crate::cluster::{Change, TableEntry};
use crate::error::Error;
use crate::tables::{self, Retention, Skip};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, add))
        .routes(routes!(validate))
        .routes(routes!(get, update, delete))
        .routes(routes!(get_state, put_state))
        .routes(routes!(stats))
}

fn unrecognized(config: &model::TableConfig) -> Map<String, Value> {
    config.unrecognized().clone().into_iter().collect()
}

/// Names of tables: raw, or with type when a type or an order is asked for
#[utoipa::path(get, path = "/tables", tag = "Table", params(("type" = Option<String>, Query, description = "offline, realtime or dimension"), ("taskType" = Option<String>, Query), ("sortType" = Option<String>, Query, description = "name, creationTime or lastModifiedTime"), ("sortAsc" = Option<bool>, Query)), responses((status = 200)))]
async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let kind = params.get("type").map(str::to_ascii_lowercase);
    let sort = params.get("sortType").map(str::to_ascii_lowercase);
    let ascending = params.flag("sortAsc", true);
    let state = app.cluster.read();
    let mut found: Vec<(&String, &TableEntry)> = Vec::new();
    for (name, table) in &state.tables {
        let config = &table.entry.config;
        let wanted = match kind.as_deref() {
            None => true,
            Some("offline") => config.table_type() == TableType::Offline,
            Some("realtime") => config.table_type() == TableType::Realtime,
            Some("dimension") => config.is_dimension_table(),
            Some(_) => {
                let shown = params.get("type").unwrap_or_default();
                return Err(Error::Internal(format!(
                    "'{shown}' is no table type: expected offline, realtime or dimension"
                ))
                .into());
            }
        };
        let has_task = |task: &str| config.tasks().is_some_and(|tasks| tasks.contains_key(task));
        if wanted && params.get("taskType").is_none_or(has_task) {
            found.push((name, &table.entry));
        }
    }
    match sort.as_deref() {
        None | Some("name") => {}
        Some("creationtime") => found.sort_by_key(|(_, entry)| entry.creation_time_ms),
        Some("lastmodifiedtime") => found.sort_by_key(|(_, entry)| entry.modified_time_ms),
        Some(_) => {
            let shown = params.get("sortType").unwrap_or_default();
            return Err(Error::Internal(format!(
                "'{shown}' is no sort type: expected name, creationTime or lastModifiedTime"
            ))
            .into());
        }
    }
    if kind.is_none() && params.get("taskType").is_none() && matches!(sort.as_deref(), None | Some("name")) {
        let mut names: Vec<&str> = found
            .iter()
            .map(|(_, entry)| entry.config.raw_name().as_str())
            .collect::<BTreeSet<&str>>()
            .into_iter()
            .collect();
        if !ascending {
            names.reverse();
        }
        return Ok(Json::new(json!({ "tables": names })));
    }
    if !ascending {
        found.reverse();
    }
    let names: Vec<&String> = found.into_iter().map(|(name, _)| name).collect();
    Ok(Json::new(json!({ "tables": names })))
}

/// Configs of a table
#[utoipa::path(get, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    // A type is glued to the name, whatever it is.
    let shown = match params.get("type").filter(|text| !text.is_empty()) {
        Some(table_type) => format!("{name}_{}", table_type.to_ascii_uppercase()),
        None => name,
    };
    let missing = || Error::NotFound(format!("Table {shown} does not exist"));
    let state = app.cluster.read();
    let names = resolve::existing(&state, &shown, None)?;
    if names.is_empty() {
        return Err(missing().into());
    }
    let mut configs = Map::new();
    for table in names.iter().filter_map(|name| state.table(name)) {
        configs.insert(table.entry.config.table_type().to_string(), table.entry.json.clone());
    }
    Ok(Json::new(Value::Object(configs)))
}

/// Adds a table
#[utoipa::path(post, path = "/tables", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query, description = "ALL, TASK, UPSERT, TENANT")), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 409)))]
async fn add(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let json = parse_json(&body).map_err(Error::Invalid)?;
    let config = tables::read_config(&json)?;
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let now_ms = app.now_ms();
    let name = config.table_name().to_string();
    let created = app.cluster.write(|state| {
        let change = tables::plan_create(state, &config, None, skip, now_ms)?;
        Ok((vec![change], ()))
    });
    created.await?;
    tracing::info!(table = name, "table created");
    Ok(answer::config_status(unrecognized(&config), format!("Table {name} successfully added")))
}

/// Replaces the config of a table
#[utoipa::path(put, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("validationTypesToSkip" = Option<String>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 404)))]
async fn update(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let invalid = |reason: String| Error::Invalid(format!("Invalid table config: {name} with error: {reason}"));
    let json = parse_json(&body).map_err(invalid)?;
    let config = tables::read_config(&json).map_err(|error| invalid(error.to_string()))?;
    if name != config.table_name().as_str() && name != config.raw_name().as_str() {
        return Err(
            invalid(format!("Request table {name} does not match table {} in the body", config.table_name())).into()
        );
    }
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let now_ms = app.now_ms();
    let updated = app.cluster.write(|state| {
        let change = tables::plan_update(state, &config, None, skip, now_ms).map_err(|error| match error {
            Error::Invalid(reason) => invalid(reason),
            other => other,
        })?;
        Ok((vec![change], ()))
    });
    updated.await?;
    Ok(answer::config_status(unrecognized(&config), format!("Table config updated for {name}")))
}

/// Removes a table with its segments
#[utoipa::path(delete, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("retention" = Option<String>, Query, description = "How long files of deleted segments are kept, for example 0d")), responses((status = 200), (status = 404)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let now_ms = app.now_ms();
    let cluster = &app.cluster;
    let deleted = cluster.write(|state| {
        let names = resolve::existing(state, &name, table_type)?;
        if names.is_empty() {
            let shown = table_type.map_or("null", TableType::name);
            return Err(Error::NotFound(format!("Table '{name}' with type {shown} does not exist")));
        }
        let mut changes = Vec::new();
        for name in &names {
            let Some(table) = state.table(name) else { continue };
            let retention = Retention::choose(params.get("retention"), &table.entry.config, cluster)?;
            changes.extend(tables::remove_table(state, name, retention, now_ms));
        }
        Ok((changes, names))
    });
    let names = deleted.await?;
    app.ingestion.sweep();
    tracing::info!(tables = names.join(", "), "tables deleted");
    Ok(answer::status(format!("Tables: {} deleted", model::names::Names(&names))))
}

/// Checks a table config without storing it
#[utoipa::path(post, path = "/tables/validate", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400)))]
async fn validate(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let shown = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    let unreadable =
        |reason: String| Error::Invalid(format!("Invalid table config json string: {shown}. Reason: {reason}"));
    let json = parse_json(&body).map_err(unreadable)?;
    let config = tables::read_config(&json).map_err(|error| unreadable(error.to_string()))?;
    let invalid = |error: Error| Error::Invalid(format!("Invalid table config: {}. {error}", config.table_name()));
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let state = app.cluster.read();
    let schema = tables::schema_of(&state, &config).map_err(invalid)?;
    tables::validate(&state, &config, &schema, skip).map_err(invalid)?;
    let mut answer = Map::new();
    answer.insert(config.table_type().to_string(), config.to_json());
    answer.insert("unrecognizedProperties".to_owned(), Value::Object(unrecognized(&config)));
    Ok(Json::new(Value::Object(answer)))
}

/// Whether a table is enabled
#[utoipa::path(get, path = "/tables/{tableName}/state", tag = "Table", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 404)))]
async fn get_state(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.required_table_type("type")?;
    let state = app.cluster.read();
    let names = resolve::existing(&state, &name, Some(table_type))?;
    let table = names.first().and_then(|name| state.table(name));
    let table = table.ok_or_else(|| {
        let (raw, _) = resolve::split(&name, Some(table_type)).unwrap_or((name.clone(), None));
        Error::NotFound(format!("Failed to find table: {raw}{}", table_type.suffix()))
    })?;
    Ok(Json::new(json!({ "state": if table.entry.enabled { "enabled" } else { "disabled" } })))
}

/// Enables or disables a table
#[utoipa::path(put, path = "/tables/{tableName}/state", tag = "Table", params(("tableName" = String, Path), ("type" = String, Query), ("state" = String, Query, description = "enable or disable")), responses((status = 200), (status = 404)))]
async fn put_state(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.required_table_type("type")?;
    let wanted = params.get("state").unwrap_or("null");
    let enabled = match wanted.to_ascii_lowercase().as_str() {
        "enable" => true,
        "disable" => false,
        _ => return Err(Error::Invalid(format!("Unknown state '{wanted}'")).into()),
    };
    let changed = app.cluster.write(|state| {
        let names = resolve::existing(state, &name, Some(table_type))?;
        let table = names.first().and_then(|name| state.table(name));
        let table = table.ok_or_else(|| Error::NotFound(format!("Table '{name}' does not exist")))?;
        let entry = TableEntry { enabled, ..table.entry.clone() };
        Ok((vec![Change::PutTable(entry)], names))
    });
    let names = changed.await?;
    let shown = names.first().cloned().unwrap_or_default();
    Ok(answer::status(format!("Request to {} table '{shown}' is successful", wanted.to_ascii_lowercase())))
}

/// When a table was created
#[utoipa::path(get, path = "/tables/{tableName}/stats", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200)))]
async fn stats(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let state = app.cluster.read();
    let mut found = Map::new();
    for table in resolve::existing(&state, &name, table_type)?.iter().filter_map(|name| state.table(name)) {
        let created = chrono::DateTime::from_timestamp_millis(table.entry.creation_time_ms).unwrap_or_default();
        let created = created.format("%Y%m%dT%H%M%SZ").to_string();
        found.insert(table.entry.config.table_type().to_string(), json!({ "creationTime": created }));
    }
    Ok(Json::new(Value::Object(found)))
}
