//! `/tableConfigs`: a schema and its tables in one document.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use model::{RawTableName, Schema, TableConfig};
use serde_json::{Map, Value};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::tables::in_database as tables_in_database;
use super::{App, Routes, answer, resolve, schemas};
use crate::cluster::{self, Change};
use crate::error::Error;
use crate::tables::{self, Limits, Retention, Skip};

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list, add)).routes(routes!(validate)).routes(routes!(get, update, delete))
}

/// A document, read but not yet held against the cluster.
struct Bundle {
    name: RawTableName,
    schema: Schema,
    configs: Vec<TableConfig>,
    unrecognized: Map<String, Value>,
}

fn read(body: &[u8], params: &Params) -> Result<Bundle, Error> {
    let shown = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    let unreadable =
        |reason: String| Error::Invalid(format!("Invalid TableConfigs json string: {shown}. Reason: {reason}"));
    let Value::Object(document) = parse_json(body).map_err(unreadable)? else {
        return Err(unreadable("expected an object with tableName, schema, offline and realtime".to_owned()));
    };
    let name = document.get("tableName").and_then(Value::as_str).unwrap_or_default();
    let stored = params.stored_name(name).map_err(|error| Error::Invalid(error.to_string()))?;
    let name = RawTableName::parse(&stored).map_err(|error| {
        Error::Invalid(format!("Invalid TableConfigs: {name}. 'tableName' has to be a raw table name: {error}"))
    })?;
    let invalid = |reason: String| Error::Invalid(format!("Invalid TableConfigs: {name}. {reason}"));
    let schema = document.get("schema").filter(|schema| !schema.is_null());
    let schema = schema.ok_or_else(|| invalid("Must provide 'schema'".to_owned()))?;
    let (mut schema, of_schema) =
        schemas::read(schema.to_string().as_bytes()).map_err(|error| invalid(error.to_string()))?;
    schema.name = params.stored_name(&schema.name)?;
    let mut unrecognized = Map::new();
    let known = ["tableName", "schema", "offline", "realtime"];
    for (key, value) in document.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
        unrecognized.insert(format!("/{key}"), value.clone());
    }
    unrecognized.extend(of_schema.into_iter().map(|(pointer, value)| (format!("/schema{pointer}"), value)));
    let mut configs = Vec::new();
    for half in ["offline", "realtime"] {
        let Some(config) = document.get(half).filter(|config| !config.is_null()) else { continue };
        let config = tables::read_config(config).and_then(|config| tables_in_database(params, config));
        let config = config.map_err(|error| invalid(error.to_string()))?;
        if !config.table_type().name().eq_ignore_ascii_case(half) {
            return Err(invalid(format!("'{half}' holds a config of type {}", config.table_type())));
        }
        if *config.raw_name() != name {
            return Err(invalid(format!(
                "'{half}' table name: {} must be equal to 'tableName': {name}",
                config.raw_name()
            )));
        }
        let of_config = config.unrecognized().iter();
        unrecognized.extend(of_config.map(|(pointer, value)| (format!("/{half}{pointer}"), value.clone())));
        configs.push(config.with_default_tenants());
    }
    if configs.is_empty() {
        return Err(invalid(format!(
            "Must provide at least one of 'realtime' or 'offline' table configs for adding TableConfigs: {name}"
        )));
    }
    if schema.name != name.as_str() {
        return Err(invalid(format!(
            "'tableName': {name} must be equal to 'schemaName' from 'schema': {}",
            schema.name
        )));
    }
    Ok(Bundle { name, schema, configs, unrecognized })
}

/// Checks what the document alone and the tenants tell. The halves are held against one another, not against what is
/// stored.
fn check(state: &cluster::State, bundle: &Bundle, skip: Skip) -> Result<(), Error> {
    let invalid = |error: Error| Error::Invalid(format!("Invalid TableConfigs: {}. {error}", bundle.name));
    for config in &bundle.configs {
        tables::validate(config, &bundle.schema, skip).map_err(invalid)?;
        tables::validate_in_cluster(state, config, skip).map_err(invalid)?;
    }
    match bundle.configs.as_slice() {
        [offline, realtime] if !skip.all => tables::validate_pair(offline, realtime).map_err(invalid),
        _ => Ok(()),
    }
}

/// Raw names of tables
#[utoipa::path(get, path = "/tableConfigs", tag = "Table", responses((status = 200)))]
async fn list(State(app): State<Arc<App>>, params: Params) -> Json<Vec<String>> {
    let state = app.cluster.read();
    let names: BTreeSet<String> = state.tables.values().map(|t| t.entry.config.raw_name().to_string()).collect();
    Json::new(names.into_iter().filter(|name| params.in_database(name)).collect())
}

/// The schema and the configs of a table
#[utoipa::path(get, path = "/tableConfigs/{tableName}", tag = "Table", params(("tableName" = String, Path)), responses((status = 200), (status = 500)))]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let state = app.cluster.read();
    let schema = state.schemas.get(&name).ok_or_else(|| {
        Error::Internal(format!("Schema does not exist for table {name} Use POST to create it first."))
    })?;
    let mut shown = Map::new();
    shown.insert("tableName".to_owned(), name.as_str().into());
    shown.insert("schema".to_owned(), schema.json.clone());
    for (half, suffix) in [("offline", "_OFFLINE"), ("realtime", "_REALTIME")] {
        if let Some(table) = state.table(&format!("{name}{suffix}")) {
            shown.insert(half.to_owned(), table.entry.json.clone());
        }
    }
    Ok(Json::new(Value::Object(shown)))
}

/// Adds a schema and its tables
#[utoipa::path(post, path = "/tableConfigs", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query), ("ignoreActiveTasks" = Option<bool>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 500)))]
async fn add(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let bundle = read(&body, &params)?;
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let limits = Limits::of(&app.cluster);
    let now_ms = app.now_ms();
    let added = app.cluster.write(|state| {
        let there = state.schemas.contains_key(bundle.name.as_str());
        if there || !resolve::existing(state, bundle.name.as_str(), None)?.is_empty() {
            return Err(Error::Invalid(format!(
                "TableConfigs: {} already exists. Use PUT to update existing config",
                bundle.name
            )));
        }
        check(state, &bundle, skip)?;
        let mut changes = vec![tables::put_schema(bundle.schema.clone())];
        for config in &bundle.configs {
            changes.extend(tables::plan_create(state, config, Some(&bundle.schema), skip, limits, now_ms)?);
        }
        Ok((changes, ()))
    });
    added.await?;
    Ok(answer::config_status(bundle.unrecognized, format!("TableConfigs {} successfully added", bundle.name)))
}

/// Replaces the schema and the configs of a table
#[utoipa::path(put, path = "/tableConfigs/{tableName}", tag = "Table", params(("tableName" = String, Path), ("validationTypesToSkip" = Option<String>, Query), ("reload" = Option<bool>, Query), ("forceTableSchemaUpdate" = Option<bool>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 500)))]
async fn update(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let invalid =
        |reason: &dyn std::fmt::Display| Error::Invalid(format!("Invalid TableConfigs: {name}. Reason: {reason}"));
    let bundle = read(&body, &params).map_err(|error| invalid(&error))?;
    if bundle.name.as_str() != name {
        return Err(invalid(&format!(
            "'tableName' in TableConfigs: {} must match provided tableName: {name}",
            bundle.name
        ))
        .into());
    }
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    let force = params.flag("forceTableSchemaUpdate", false);
    let limits = Limits::of(&app.cluster);
    let now_ms = app.now_ms();
    let updated = app.cluster.write(|state| {
        check(state, &bundle, skip).map_err(|error| invalid(&error))?;
        let old = state.schemas.get(&name);
        let Some(old) = old.filter(|_| !resolve::existing(state, &name, None).unwrap_or_default().is_empty()) else {
            return Err(Error::Invalid(format!("TableConfigs: {name} does not exist. Use POST to create it first.")));
        };
        if !force {
            old.schema
                .check_update(&bundle.schema)
                .map_err(|error| Error::Internal(format!("Failed to update TableConfigs for: {name}, {error}")))?;
        }
        let mut changes = vec![tables::put_schema(bundle.schema.clone())];
        for config in &bundle.configs {
            let config = &tables::tuned(config, &bundle.schema)?;
            let schema = Some(&bundle.schema);
            if state.tables.contains_key(config.table_name().as_str()) {
                let change = tables::plan_update_within(state, config, schema, skip, limits, force, now_ms);
                changes.push(change.map_err(|error| match error {
                    Error::Incompatible(reason) => {
                        Error::Incompatible(format!("Invalid TableConfigs for: {name}, {reason}"))
                    }
                    other => other,
                })?);
            } else {
                changes.extend(tables::plan_create(state, config, schema, skip, limits, now_ms)?);
            }
        }
        Ok((changes, ()))
    });
    updated.await?;
    if params.flag("reload", false) {
        for config in &bundle.configs {
            app.jobs.reload(&app.cluster, config.table_name().as_str(), None, false, None);
        }
    }
    Ok(answer::config_status(bundle.unrecognized, format!("TableConfigs updated for {name}")))
}

/// Removes a schema and its tables
#[utoipa::path(delete, path = "/tableConfigs/{tableName}", tag = "Table", params(("tableName" = String, Path), ("ignoreActiveTasks" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 500)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    if RawTableName::parse(&name).is_err() {
        return Err(Error::Internal(format!("Invalid table name: {name}. Use raw table name.")).into());
    }
    let now_ms = app.now_ms();
    let cluster = &app.cluster;
    let deleted = cluster.write(|state| {
        let mut changes = Vec::new();
        for table in resolve::existing(state, &name, None)? {
            let Some(found) = state.table(&table) else { continue };
            let retention = Retention::choose(None, &found.entry.config, cluster)?;
            changes.extend(tables::remove_table(state, &table, retention, now_ms));
        }
        if state.schemas.contains_key(&name) {
            changes.push(Change::RemoveSchema(name.clone()));
        }
        let any = !changes.is_empty();
        Ok((changes, any))
    });
    let any = deleted.await?;
    app.ingestion.sweep();
    Ok(answer::status(if any {
        format!("Deleted TableConfigs: {name}")
    } else {
        format!("TableConfigs: {name} don't exist. Invoked delete anyway to clean stale metadata/segments")
    }))
}

/// Checks a document without storing it
#[utoipa::path(post, path = "/tableConfigs/validate", tag = "Table", params(("validationTypesToSkip" = Option<String>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 500)))]
async fn validate(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let bundle = read(&body, &params)?;
    let skip = Skip::parse(params.get("validationTypesToSkip"))?;
    check(&app.cluster.read(), &bundle, skip)?;
    let mut shown = Map::new();
    shown.insert("tableName".to_owned(), bundle.name.as_str().into());
    shown.insert("schema".to_owned(), bundle.schema.to_json());
    for config in &bundle.configs {
        shown.insert(config.table_type().name().to_ascii_lowercase(), config.to_json());
    }
    shown.insert("unrecognizedProperties".to_owned(), Value::Object(bundle.unrecognized));
    Ok(Json::new(Value::Object(shown)))
}
