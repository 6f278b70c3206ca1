//! `/periodictask`: the tasks that run by timer.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, resolve};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(names)).routes(routes!(run, run_with_properties))
}

/// Names of the tasks
#[utoipa::path(get, path = "/periodictask/names", tag = "PeriodicTask", responses((status = 200, body = Vec<String>)))]
async fn names(State(app): State<Arc<App>>) -> Json<Value> {
    Json::new(json!(app.periodic.names()))
}

fn start(app: &App, params: &Params) -> Result<Json<Value>, ApiError> {
    let name = params.get("taskname").unwrap_or("null");
    let missing = || Error::NotFound(format!("Periodic task '{name}' not found."));
    if !app.periodic.names().contains(&name) {
        return Err(missing().into());
    }
    let table = match params.get("tableName").map(str::trim).filter(|name| !name.is_empty()) {
        None => None,
        Some(table) => {
            let table_type = params.table_type("type")?;
            let mut found = resolve::tables(&app.cluster.read(), table, table_type)?;
            if found.len() > 1 {
                return Err(Error::Invalid(format!(
                    "More than one table matches Table '{table}'. Matching names: {}",
                    model::names::Names(&found)
                ))
                .into());
            }
            found.pop()
        }
    };
    let is_successful = app.periodic.run(name, table).ok_or_else(missing)?;
    let id = uuid::Uuid::new_v4().simple().to_string();
    let id = id.get(..8).unwrap_or_default();
    tracing::info!(task = name, run = id, is_successful, "a run of a periodic task was asked for");
    Ok(Json::new(json!({ "taskId": format!("api-{id}"), "isSuccessful": is_successful })))
}

/// Runs a task now, over one table or all
#[utoipa::path(get, path = "/periodictask/run", tag = "PeriodicTask", params(("taskname" = String, Query), ("tableName" = Option<String>, Query), ("type" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn run(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    start(&app, &params)
}

/// Runs a task now, over one table or all. Tasks take no properties by now: those of the body have no effect
#[utoipa::path(post, path = "/periodictask/run", tag = "PeriodicTask", params(("taskname" = String, Query), ("tableName" = Option<String>, Query), ("type" = Option<String>, Query)), request_body(content = Option<Value>, content_type = "application/json"), responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn run_with_properties(
    State(app): State<Arc<App>>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    if !body.iter().all(u8::is_ascii_whitespace) {
        match parse_json(&body) {
            Ok(Value::Object(_) | Value::Null) => {}
            Ok(_) => return Err(ApiError::bad_request("The body has to be an object of properties").as_text()),
            Err(reason) => return Err(ApiError::bad_request(reason).as_text()),
        }
    }
    start(&app, &params)
}
