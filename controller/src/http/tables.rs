//! `/tables`: configs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use model::{TableConfig, TableType};
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, answer, resolve};
use crate::cluster::{Change, TableEntry};
use crate::error::Error;
use crate::tables::{self, Limits, Retention, Skip};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, add))
        .routes(routes!(validate))
        .routes(routes!(get, update, delete))
        .routes(routes!(get_state, put_state))
        .routes(routes!(stats))
}

/// The config under the name with which it is stored in the database of the request.
pub(super) fn in_database(params: &Params, config: TableConfig) -> Result<TableConfig, Error> {
    let name = params.stored_name(config.table_name().as_str())?;
    if name == config.table_name().as_str() {
        return Ok(config);
    }
    let renamed = config.with_changes(|json| {
        json.insert("tableName".to_owned(), name.into());
    });
    renamed.map_err(|error| Error::Invalid(error.to_string()))
}

fn unrecognized(config: &model::TableConfig) -> Map<String, Value> {
    config.unrecognized().clone().into_iter().collect()
}

/// Names of tables: raw, or with type when a type or an order is asked for
#[utoipa::path(get, path = "/tables", tag = "Table", params(("type" = Option<String>, Query, description = "offline, realtime or dimension"), ("taskType" = Option<String>, Query), ("sortType" = Option<String>, Query, description = "name, creationTime or lastModifiedTime"), ("sortAsc" = Option<bool>, Query)), responses((status = 200), (status = 500)))]
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
        if !params.in_database(name) {
            continue;
        }
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
#[utoipa::path(get, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 404), (status = 500)))]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let wanted = params.get("type").filter(|text| !text.is_empty());
    let state = app.cluster.read();
    let mut configs = Map::new();
    for half in TableType::ALL {
        if wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(half.name()))
            && let Some(table) = state.table(&resolve::with_type(&name, half))
        {
            configs.insert(half.to_string(), table.entry.json.clone());
        }
    }
    if configs.is_empty() {
        // A type is glued to the name, whatever it is.
        let suffix = wanted.map_or_else(String::new, |wanted| format!("_{}", wanted.to_ascii_uppercase()));
        return Err(Error::NotFound(format!("Table {name}{suffix} does not exist")).into());
    }
    Ok(Json::new(Value::Object(configs)))
}

/// Adds a table
#[utoipa::path(post, path = "/tables", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query, description = "ALL, TASK, UPSERT, TENANT"), ("ignoreActiveTasks" = Option<bool>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 409), (status = 500)))]
async fn add(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let json = parse_json(&body).map_err(Error::Invalid)?;
    let config = in_database(&params, tables::read_config(&json)?)?;
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let limits = Limits::of(&app.cluster);
    let now_ms = app.now_ms();
    let name = config.table_name().to_string();
    let created = app.cluster.write(|state| {
        let changes = tables::plan_create(state, &config, None, skip, limits, now_ms)?;
        Ok((changes, ()))
    });
    created.await?;
    tracing::info!(table = name, "table created");
    Ok(answer::config_status(unrecognized(&config), format!("Table {name} successfully added")))
}

/// Replaces the config of a table
#[utoipa::path(put, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("validationTypesToSkip" = Option<String>, Query), ("force" = Option<bool>, Query, description = "Store also what makes upserts or deduplication inconsistent")), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn update(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let invalid = |reason: String| Error::Invalid(format!("Invalid table config: {name} with error: {reason}"));
    let json = parse_json(&body).map_err(invalid)?;
    let config = tables::read_config(&json).and_then(|config| in_database(&params, config));
    let config = config.map_err(|error| invalid(error.to_string()))?;
    let meant = params.stored_name(&resolve::with_type(&name, config.table_type()))?;
    if meant != config.table_name().as_str() {
        let reason = format!("Request table {meant} does not match table name in the body {}", config.table_name());
        return Err(invalid(reason).into());
    }
    let skip = Skip::parse(params.get("validationTypesToSkip")).map_err(|error| invalid(error.to_string()))?;
    let limits = Limits::of(&app.cluster);
    let force = params.flag("force", false);
    let now_ms = app.now_ms();
    let updated = app.cluster.write(|state| {
        let change = tables::plan_update_within(state, &config, None, skip, limits, force, now_ms);
        let change = change.map_err(|error| match error {
            Error::Invalid(reason) => invalid(reason),
            Error::Incompatible(reason) => {
                Error::Incompatible(format!("Failed to update configuration for {name} due to: {reason}"))
            }
            other => other,
        })?;
        Ok((vec![change], ()))
    });
    updated.await?;
    Ok(answer::config_status(unrecognized(&config), format!("Table config updated for {name}")))
}

/// Removes a table with its segments
#[utoipa::path(delete, path = "/tables/{tableName}", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("retention" = Option<String>, Query, description = "How long files of deleted segments are kept, for example 0d"), ("ignoreActiveTasks" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let now_ms = app.now_ms();
    let cluster = &app.cluster;
    let name = params.stored_name(&name)?;
    let deleted = cluster.write(|state| {
        let halves = TableType::ALL.into_iter().filter(|half| table_type.is_none_or(|wanted| wanted == *half));
        let mut names: Vec<String> = halves.map(|half| resolve::with_type(&name, half)).collect();
        names.retain(|name| state.tables.contains_key(name));
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
#[utoipa::path(post, path = "/tables/validate", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 500)))]
async fn validate(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let shown = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    let unreadable =
        |reason: String| Error::Invalid(format!("Invalid table config json string: {shown}. Reason: {reason}"));
    let json = parse_json(&body).map_err(unreadable)?;
    let config = tables::read_config(&json).map_err(|error| unreadable(error.to_string()))?;
    let config = in_database(&params, config)?;
    let invalid = |error: Error| Error::Invalid(format!("Invalid table config: {}. {error}", config.table_name()));
    let skip = Skip::parse(params.get("validationTypesToSkip")).map_err(invalid)?;
    let schema = tables::schema_of(&app.cluster.read(), &config).map_err(invalid)?;
    tables::validate(&config, &schema, Skip { replication: true, ..skip }).map_err(invalid)?;
    let mut answer = Map::new();
    answer.insert(config.table_type().to_string(), config.to_json());
    answer.insert("unrecognizedProperties".to_owned(), Value::Object(unrecognized(&config)));
    Ok(Json::new(Value::Object(answer)))
}

/// Whether a table is enabled
#[utoipa::path(get, path = "/tables/{tableName}/state", tag = "Table", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn get_state(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let name = resolve::with_type(&name, params.required_table_type("type")?);
    let state = app.cluster.read();
    let table = state.table(&name);
    let table = table.ok_or_else(|| Error::NotFound(format!("Failed to find table: {name}")))?;
    Ok(Json::new(json!({ "state": if table.entry.enabled { "enabled" } else { "disabled" } })))
}

/// Enables or disables a table
#[utoipa::path(put, path = "/tables/{tableName}/state", tag = "Table", params(("tableName" = String, Path), ("type" = String, Query), ("state" = String, Query, description = "enable or disable")), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
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
    let stored = resolve::with_type(&params.stored_name(&name)?, table_type);
    let changed = app.cluster.write(|state| {
        let table = state.table(&stored);
        let table = table.ok_or_else(|| Error::NotFound(format!("Table '{name}' does not exist")))?;
        let entry = TableEntry { enabled, ..table.entry.clone() };
        Ok((vec![Change::PutTable(entry)], ()))
    });
    changed.await?;
    Ok(answer::status(format!("Request to {wanted} table '{stored}' is successful")))
}

/// When a table was created
#[utoipa::path(get, path = "/tables/{tableName}/stats", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 500)))]
async fn stats(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let wanted = params.get("type");
    let state = app.cluster.read();
    let mut found = Map::new();
    let halves = TableType::ALL.into_iter().filter(|half| wanted.is_none_or(|w| w.eq_ignore_ascii_case(half.name())));
    for table in halves.filter_map(|half| state.table(&resolve::with_type(&name, half))) {
        let created = chrono::DateTime::from_timestamp_millis(table.entry.creation_time_ms).unwrap_or_default();
        let created = created.format("%Y%m%dT%H%M%SZ").to_string();
        found.insert(table.entry.config.table_type().to_string(), json!({ "creationTime": created }));
    }
    Ok(Json::new(Value::Object(found)))
}
