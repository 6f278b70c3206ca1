//! `/schemas`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use bytes::Bytes;
use http::{StatusCode, header};
use model::{DataType, FieldRole, Schema};
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::{Json, collect};
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer};
use crate::error::Error;
use crate::tables;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, add))
        .routes(routes!(info))
        .routes(routes!(field_spec))
        .routes(routes!(validate))
        .routes(routes!(get, update, delete))
        .routes(routes!(of_table))
}

/// Largest schema document.
const MAX_BYTES: usize = 8 << 20;

/// A schema as a file.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the body")]
struct SchemaUpload {
    /// One file; the part's name is free.
    #[schema(value_type = String, format = Binary)]
    schema: Vec<u8>,
}

/// A document that comes as a JSON body or as the one part of a multipart body.
pub(crate) struct Document(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self(collect(request.into_body(), MAX_BYTES).await?)),
            "multipart/form-data" => {
                let refused = |error: &dyn std::fmt::Display| {
                    ApiError::bad_request(format!("the multipart body cannot be read: {error}"))
                };
                let mut parts = Multipart::from_request(request, state).await.map_err(|e| refused(&e.body_text()))?;
                let mut found = None;
                while let Some(part) = parts.next_field().await.map_err(|e| refused(&e.body_text()))? {
                    if found.is_some() {
                        return Err(ApiError::bad_request("Found not exactly one file from the multi-part fields"));
                    }
                    found = Some(part.bytes().await.map_err(|e| refused(&e.body_text()))?);
                }
                let bytes = found
                    .ok_or_else(|| ApiError::bad_request("Found not exactly one file from the multi-part fields"))?;
                Ok(Self(bytes))
            }
            _ => Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type")),
        }
    }
}

/// Reads and validates a schema; gives the keys that nobody knows, too.
pub(crate) fn read(document: &[u8]) -> Result<(Schema, Map<String, Value>), Error> {
    let text = std::str::from_utf8(document)
        .map_err(|_| Error::Invalid("Invalid schema config json string. Reason: it is not UTF-8".to_owned()))?;
    let schema = Schema::from_json_text(text).map_err(|error| Error::Invalid(error.to_string()))?;
    schema.validate().map_err(|error| Error::Invalid(error.to_string()))?;
    tables::check_schema_transforms(&schema)?;
    let unrecognized = schema.unrecognized.clone().into_iter().collect();
    Ok((schema, unrecognized))
}

/// As [`read`], under the name with which the schema is stored in the database of the request.
fn read_stored(document: &[u8], params: &Params) -> Result<(Schema, Map<String, Value>), Error> {
    let (mut schema, unrecognized) = read(document)?;
    schema.name = params.stored_name(&schema.name)?;
    Ok((schema, unrecognized))
}

/// Names of all schemas
#[utoipa::path(get, path = "/schemas", tag = "Schema", responses((status = 200)))]
async fn list(State(app): State<Arc<App>>, params: Params) -> Json<Vec<String>> {
    let state = app.cluster.read();
    Json::new(state.schemas.keys().filter(|name| params.in_database(name)).cloned().collect())
}

/// How many fields of each kind the schemas have
#[utoipa::path(get, path = "/schemas/info", tag = "Schema", responses((status = 200)))]
async fn info(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let state = app.cluster.read();
    let schemas = state.schemas.values().filter(|entry| params.in_database(&entry.schema.name)).map(|entry| {
        let count = |roles: &[FieldRole]| entry.schema.fields.iter().filter(|f| roles.contains(&f.role)).count();
        json!({
            "schemaName": entry.schema.name,
            "numDimensionFields": count(&[FieldRole::Dimension]),
            "numDateTimeFields": count(&[FieldRole::DateTime, FieldRole::Time]),
            "numMetricFields": count(&[FieldRole::Metric]),
            "numComplexFields": count(&[FieldRole::Complex]),
        })
    });
    Json::pretty(json!({ "schemasInfo": schemas.collect::<Vec<Value>>() }))
}

/// Which data types each kind of field may have, and their defaults
#[utoipa::path(get, path = "/schemas/fieldSpec", tag = "Schema", responses((status = 200)))]
async fn field_spec() -> Json<Value> {
    use DataType::{
        BigDecimal, Boolean, Bytes, Double, Float, Int, List, Long, Map as MapType, String as Text, Struct, Timestamp,
    };
    const METRICS: [DataType; 6] = [Int, Long, Float, Double, BigDecimal, Bytes];
    const PLAIN: [DataType; 10] =
        [Int, Long, Float, Double, BigDecimal, Boolean, Timestamp, Text, DataType::Json, Bytes];
    const NESTED: [DataType; 3] = [MapType, List, Struct];
    let default = |data_type: DataType, role| {
        let value = model::FieldSpec::new("x", data_type, role).default_null_value;
        match data_type {
            MapType => json!({}),
            List => json!([]),
            Struct => Value::Null,
            // Stored as 0 and 1.
            Boolean => json!(0),
            Timestamp => json!(0),
            _ => model::render::to_json(&value),
        }
    };
    let mut roles = Map::new();
    for (name, role, types) in [
        ("DIMENSION", FieldRole::Dimension, &PLAIN[..]),
        ("METRIC", FieldRole::Metric, &METRICS),
        ("TIME", FieldRole::Time, &PLAIN),
        ("DATE_TIME", FieldRole::DateTime, &PLAIN),
        ("COMPLEX", FieldRole::Complex, &NESTED),
    ] {
        let allowed: BTreeMap<String, Value> =
            types.iter().map(|t| (t.to_string(), json!({ "nullDefault": default(*t, role) }))).collect();
        roles.insert(name.to_owned(), json!({ "allowedDataTypes": allowed }));
    }
    let describe = |data_type: DataType| {
        let size = match data_type {
            Int | Float | Boolean => 4,
            Long | Double | Timestamp => 8,
            _ => -1,
        };
        // Nested types are stored as they are.
        let stored = if NESTED.contains(&data_type) { data_type } else { data_type.stored() };
        json!({
            "storedType": stored.to_string(),
            "size": size,
            "sortable": !NESTED.contains(&data_type),
            "numeric": data_type.is_numeric(),
        })
    };
    let types: BTreeMap<String, Value> =
        PLAIN.into_iter().chain(NESTED).map(|t| (t.to_string(), describe(t))).collect();
    Json::new(json!({ "fieldTypes": roles, "dataTypes": types }))
}

/// One schema
#[utoipa::path(get, path = "/schemas/{schemaName}", tag = "Schema", params(("schemaName" = String, Path)), responses((status = 200), (status = 404), (status = 500)))]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let state = app.cluster.read();
    let entry = state.schemas.get(&name).ok_or_else(|| Error::NotFound("Schema not found".to_owned()))?;
    Ok(Json::pretty(entry.json.clone()))
}

/// The schema of a table
#[utoipa::path(get, path = "/tables/{tableName}/schema", tag = "Schema", params(("tableName" = String, Path)), responses((status = 200), (status = 404), (status = 500)))]
async fn of_table(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let (raw, _) = super::resolve::split(&params.stored_name(&name)?, None)?;
    let state = app.cluster.read();
    let entry = state.schemas.get(&raw);
    let entry = entry.ok_or_else(|| Error::NotFound(format!("Schema not found for table: {name}")))?;
    Ok(Json::pretty(entry.json.clone()))
}

/// Adds a schema, or replaces it by one that is compatible
#[utoipa::path(post, path = "/schemas", tag = "Schema", params(("override" = Option<bool>, Query, description = "Replace a schema of the same name. Default true"), ("force" = Option<bool>, Query, description = "Replace it even by an incompatible one")), request_body(content((Value = "application/json"), (SchemaUpload = "multipart/form-data"))), responses((status = 200), (status = 400), (status = 409), (status = 500)))]
async fn add(State(app): State<Arc<App>>, params: Params, Document(body): Document) -> Result<Json<Value>, ApiError> {
    let (schema, unrecognized) = read_stored(&body, &params)?;
    let name = schema.name.clone();
    let may_replace = params.flag("override", true);
    let force = params.flag("force", false);
    app.cluster
        .write(|state| {
            tables::check_schema_against_tables(state, &schema)?;
            if let Some(old) = state.schemas.get(&schema.name) {
                if !may_replace {
                    return Err(Error::Conflict(format!("Schema: {} already exists", schema.name)));
                }
                if !force {
                    old.schema.check_update(&schema).map_err(|error| Error::Invalid(error.to_string()))?;
                }
            }
            Ok((vec![tables::put_schema(schema)], ()))
        })
        .await?;
    Ok(answer::config_status(unrecognized, format!("{name} successfully added")))
}

/// Replaces a schema by one that adds columns
#[utoipa::path(put, path = "/schemas/{schemaName}", tag = "Schema", params(("schemaName" = String, Path), ("reload" = Option<bool>, Query, description = "Load the new columns into the segments of the table"), ("force" = Option<bool>, Query)), request_body(content((Value = "application/json"), (SchemaUpload = "multipart/form-data"))), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn update(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    Document(body): Document,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let (schema, unrecognized) = read_stored(&body, &params)?;
    tables::check_schema_against_tables(&app.cluster.read(), &schema)?;
    if schema.name != name {
        return Err(Error::Invalid(format!(
            "Schema name mismatch for uploaded schema, tried to add schema with name {} as {name}",
            schema.name
        ))
        .into());
    }
    let force = params.flag("force", false);
    let reload = params.flag("reload", false);
    let tables = app
        .cluster
        .write(|state| {
            let old = state.schemas.get(&name);
            let old = old.ok_or_else(|| Error::NotFound(format!("Failed to find schema {name}")))?;
            if !force && old.schema.check_update(&schema).is_err() {
                return Err(Error::Invalid(format!(
                    "Backward incompatible schema {name}. Only allow adding new columns"
                )));
            }
            let tables = super::resolve::existing(state, &name, None)?;
            if reload && tables.is_empty() {
                return Err(Error::NotFound(format!("Failed to find table {name} to reload")));
            }
            Ok((vec![tables::put_schema(schema)], tables))
        })
        .await?;
    if reload {
        for table in tables {
            app.jobs.reload(&app.cluster, &table, None, false, None);
        }
    }
    Ok(answer::config_status(unrecognized, format!("{name} successfully added")))
}

/// Removes a schema that no table uses
#[utoipa::path(delete, path = "/schemas/{schemaName}", tag = "Schema", params(("schemaName" = String, Path)), responses((status = 200), (status = 404), (status = 409), (status = 500)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    app.cluster
        .write(|state| {
            if !state.schemas.contains_key(&name) {
                return Err(Error::NotFound(format!("Schema {name} not found")));
            }
            if let Some(table) = super::resolve::existing(state, &name, None)?.first() {
                return Err(Error::Conflict(format!(
                    "Cannot delete schema {name}, as it is associated with table {table}"
                )));
            }
            Ok((vec![crate::cluster::Change::RemoveSchema(name.clone())], ()))
        })
        .await?;
    Ok(answer::status(format!("Schema {name} deleted")))
}

/// Checks a schema without storing it
#[utoipa::path(post, path = "/schemas/validate", tag = "Schema", request_body(content((Value = "application/json"), (SchemaUpload = "multipart/form-data"))), responses((status = 200), (status = 400), (status = 500)))]
async fn validate(
    State(app): State<Arc<App>>,
    params: Params,
    Document(body): Document,
) -> Result<Json<Value>, ApiError> {
    let (schema, unrecognized) = read_stored(&body, &params)?;
    tables::check_schema_against_tables(&app.cluster.read(), &schema)?;
    let mut shown = schema.to_json();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("unrecognizedProperties".to_owned(), Value::Object(unrecognized));
    }
    Ok(Json::pretty(shown))
}
