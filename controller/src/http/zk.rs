//! `/zk`: the metadata browser.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use metadata::znode::ZnRecord;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, instances};
use crate::error::Error;
use crate::zk::write::{self, Mode};
use crate::zk::{Tree, ZkNode, ZkPath};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(ls))
        .routes(routes!(lsl))
        .routes(routes!(get))
        .routes(routes!(stat))
        .routes(routes!(children))
        .routes(routes!(put))
        .routes(routes!(put_children))
        .routes(routes!(create))
        .routes(routes!(delete))
}

fn missing(path: &ZkPath) -> Error {
    Error::NotFound(format!("ZKPath {path} does not exist"))
}

fn found(tree: &Tree<'_>, params: &Params) -> Result<(ZkPath, ZkNode), Error> {
    let path = ZkPath::parse(params.get("path"))?;
    let node = tree.node(&path).ok_or_else(|| missing(&path))?;
    Ok((path, node))
}

/// Names of a node's children
#[utoipa::path(get, path = "/zk/ls", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 404)))]
async fn ls(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let (_, node) = found(&Tree::of(&app.cluster), &params)?;
    Ok(Json::new(json!(node.children)))
}

/// What a file system would say of the node
fn stat_of(app: &App, node: &ZkNode) -> Value {
    let started = app.start_time.timestamp_millis();
    let created = node.created_ms.unwrap_or(started);
    let version = node.version();
    json!({
        "czxid": 0,
        "mzxid": version,
        "ctime": created,
        "mtime": node.modified_ms.unwrap_or(created),
        "version": version,
        "cversion": node.children.len(),
        "aversion": 0,
        "ephemeralOwner": node.owner,
        "dataLength": node.data().len(),
        "numChildren": node.children.len(),
        "pzxid": 0,
    })
}

/// A node's children with their times, versions and sizes
#[utoipa::path(get, path = "/zk/lsl", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 404)))]
async fn lsl(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let tree = Tree::of(&app.cluster);
    let (path, node) = found(&tree, &params)?;
    let mut stats = BTreeMap::new();
    for name in &node.children {
        if let Some(child) = tree.node(&path.child(name)?) {
            stats.insert(name, stat_of(&app, &child));
        }
    }
    Ok(Json::new(json!(stats)))
}

/// What a node holds; nothing where it holds nothing
#[utoipa::path(get, path = "/zk/get", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 204), (status = 404)))]
async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let (_, node) = found(&Tree::of(&app.cluster), &params)?;
    Ok(match node.record {
        Some(record) => Json::pretty(record).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Times, versions and size of a node
#[utoipa::path(get, path = "/zk/stat", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 404)))]
async fn stat(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let (_, node) = found(&Tree::of(&app.cluster), &params)?;
    Ok(Json::new(stat_of(&app, &node)))
}

/// What the children of a node hold
#[utoipa::path(get, path = "/zk/getChildren", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 404)))]
async fn children(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let tree = Tree::of(&app.cluster);
    let (path, node) = found(&tree, &params)?;
    let mut records = Vec::new();
    for name in &node.children {
        records.extend(tree.node(&path.child(name)?).and_then(|child| child.record));
    }
    Ok(Json::pretty(json!(records)))
}

/// The document of a write: the parameter `data`, else the body.
fn document<T: serde::de::DeserializeOwned>(params: &Params, body: &[u8]) -> Result<T, Error> {
    let data = params.get("data").filter(|data| !data.is_empty()).map_or(body, str::as_bytes);
    if data.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Invalid("Must provide data through query parameter or payload".to_owned()));
    }
    serde_json::from_slice(data).map_err(|error| {
        Error::Invalid(format!(
            "Failed to deserialize the data: {error}; expected {{\"id\":…,\"simpleFields\":{{…}},\"mapFields\":{{…}},\
             \"listFields\":{{…}}}}"
        ))
    })
}

/// Writes one node after another, all or none.
async fn write_nodes(app: &App, nodes: Vec<(ZkPath, ZnRecord)>, mode: Mode) -> Result<(), Error> {
    for (path, _) in &nodes {
        let tree = Tree::of(&app.cluster);
        match (mode, tree.node(path)) {
            (Mode::Create, Some(_)) => {
                return Err(Error::Invalid(format!("ZNode already exists at path: {path}")));
            }
            (Mode::Put { expected }, node) if expected >= 0 => {
                let version = node.map(|node| node.version());
                if version != Some(expected) {
                    let is = version.map_or("there is no such node".to_owned(), |version| format!("it is {version}"));
                    let message = format!("Failed to update path: {path}: expected version {expected}, {is}");
                    return Err(Error::Internal(message));
                }
            }
            _ => {}
        }
    }
    let (cluster, now_ms) = (&app.cluster.config.cluster_name, app.now_ms());
    app.cluster
        .write(|state| {
            let mut changes = Vec::new();
            for (path, record) in nodes {
                changes.extend(write::put(state, cluster, &path, record, now_ms)?);
            }
            Ok((changes, ()))
        })
        .await
}

fn put_mode(params: &Params) -> Result<Mode, Error> {
    let expected = params.number("expectedVersion")?.unwrap_or(-1);
    params.number("accessOption")?;
    // No node has a version that does not fit.
    Ok(Mode::Put { expected: i32::try_from(expected).unwrap_or(i32::MAX) })
}

/// Writes a node
#[utoipa::path(put, path = "/zk/put", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /"), ("data" = Option<String>, Query, description = "instead of the body"), ("expectedVersion" = Option<i32>, Query, description = "-1, the default: any"), ("accessOption" = Option<i32>, Query)), request_body(content = Option<Value>, content_type = "application/json"), responses((status = 200), (status = 400), (status = 404), (status = 500, description = "The node has another version")))]
async fn put(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let path = ZkPath::parse(params.get("path"))?;
    let record: ZnRecord = document(&params, &body)?;
    let message = format!("Successfully updated path: {path}");
    write_nodes(&app, vec![(path, record)], put_mode(&params)?).await?;
    Ok(answer::status(message))
}

/// Writes children of a node, each under its id
#[utoipa::path(put, path = "/zk/putChildren", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /"), ("data" = Option<String>, Query, description = "instead of the body"), ("expectedVersion" = Option<i32>, Query, description = "-1, the default: any"), ("accessOption" = Option<i32>, Query)), request_body(content = Option<Value>, content_type = "application/json"), responses((status = 200), (status = 400), (status = 404), (status = 500, description = "A node has another version")))]
async fn put_children(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let path = ZkPath::parse(params.get("path"))?;
    let records: Vec<ZnRecord> = document(&params, &body)?;
    let count = records.len();
    let mut nodes = Vec::with_capacity(count);
    for record in records {
        nodes.push((path.child(&record.id)?, record));
    }
    write_nodes(&app, nodes, put_mode(&params)?).await?;
    Ok(answer::status(format!("Successfully updated {count} ZnRecords under path: {path}")))
}

/// Makes a node that is not there yet
#[utoipa::path(post, path = "/zk/create", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /"), ("ttl" = Option<i32>, Query, description = "-1: nodes that end by themselves are not made"), ("accessOption" = Option<i32>, Query, description = "1: lasting")), request_body(content = Option<Value>, content_type = "application/json"), responses((status = 200), (status = 400)))]
async fn create(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let path = ZkPath::parse(params.get("path"))?;
    if params.number("accessOption")?.unwrap_or(1) != 1 || params.number("ttl")?.unwrap_or(-1) > 0 {
        let message = "Only lasting nodes can be made: accessOption has to be 1, ttl -1";
        return Err(Error::Invalid(message.to_owned()).into());
    }
    let record: ZnRecord = document(&params, &body)?;
    let message = format!("Successfully created node at path: {path}");
    write_nodes(&app, vec![(path, record)], Mode::Create).await?;
    Ok(answer::status(message))
}

/// Deletes a node with everything below it
#[utoipa::path(delete, path = "/zk/delete", tag = "Zookeeper", params(("path" = String, Query, description = "begins with /")), responses((status = 200), (status = 400), (status = 404), (status = 409)))]
async fn delete(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let (path, _) = found(&Tree::of(&app.cluster), &params)?;
    let cluster = &app.cluster.config.cluster_name;
    app.cluster
        .write(|state| {
            let droppable = |id: &str| match instances::drop_issues(&app, state, id).into_iter().next() {
                Some((_, reason)) => Err(Error::Conflict(format!("Failed to delete path: {path}: {reason}"))),
                None => Ok(()),
            };
            Ok((write::delete(state, cluster, &path, droppable)?, ()))
        })
        .await?;
    Ok(answer::status(format!("Successfully deleted path: {path}")))
}
