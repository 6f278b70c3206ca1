//! Which servers hold which partition and replica group of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use model::split_table_name;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster::{self, Change, InstancePartitions};
use crate::error::Error;
use crate::tables::instances::{self, Kind};

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(get, set, remove)).routes(routes!(assign)).routes(routes!(replace))
}

fn missing() -> Error {
    Error::NotFound("Failed to find the instance partitions".to_owned())
}

/// The kinds that a request is about: those of the table, of one type where `type` names it.
fn kinds(state: &cluster::State, name: &str, params: &Params) -> Result<Vec<Kind>, Error> {
    let (raw, table_type) = resolve::split(&params.stored_name(name)?, None)?;
    let mut kinds = instances::kinds(state, &raw, table_type);
    if let Some(wanted) = params.get("type").filter(|text| !text.is_empty()) {
        kinds.retain(|kind| kind.key == wanted);
    }
    Ok(kinds)
}

fn shown(partitions: &InstancePartitions) -> Value {
    // The partition of an instance is told by its first place.
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, ids) in &partitions.partition_to_instances_map {
        let partition = key.split('_').next().and_then(|partition| partition.parse().ok()).unwrap_or(0);
        for id in ids {
            first.entry(id).or_insert(partition);
        }
    }
    json!({
        "instancePartitionsName": partitions.instance_partitions_name,
        "partitionToInstancesMap": partitions.partition_to_instances_map,
        "instanceToPartitionIdMap": first,
    })
}

fn all_shown<'a>(found: impl IntoIterator<Item = (String, &'a InstancePartitions)>) -> Json<Value> {
    Json::new(Value::Object(found.into_iter().map(|(key, partitions)| (key, shown(partitions))).collect::<Map<_, _>>()))
}

/// Which servers hold which partition and replica group
#[utoipa::path(get, path = "/tables/{tableName}/instancePartitions", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE, CONSUMING, COMPLETED or the name of a tier")), responses((status = 200), (status = 403), (status = 404), (status = 500)))]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let kinds = kinds(&state, &name, &params)?;
    let found: Vec<(String, &InstancePartitions)> =
        kinds.into_iter().filter_map(|kind| Some((kind.key, state.instance_partitions.get(&kind.name)?))).collect();
    if found.is_empty() {
        return Err(missing().into());
    }
    Ok(all_shown(found))
}

/// Most instances that a request may name.
const MAX_INSTANCES: usize = 100_000;

fn read(body: &[u8]) -> Result<InstancePartitions, Error> {
    let failed = |reason: String| Error::Invalid(format!("Failed to deserialize the instance partitions: {reason}"));
    let read: InstancePartitions = serde_json::from_slice(body).map_err(|error| failed(error.to_string()))?;
    for (key, ids) in &read.partition_to_instances_map {
        let number = |text: &str| text.parse::<u32>().is_ok();
        if !key.split_once('_').is_some_and(|(partition, group)| number(partition) && number(group)) {
            return Err(failed(format!(
                "'{key}' in /partitionToInstancesMap is not of the form <partition>_<replica group>, such as 0_0"
            )));
        }
        if let Some(id) = ids.iter().find(|id| model::InstanceId::parse(id).is_err()) {
            return Err(failed(format!("'{id}' in /partitionToInstancesMap/{key} is no instance id")));
        }
    }
    let named: usize = read.partition_to_instances_map.values().map(Vec::len).sum();
    if named > MAX_INSTANCES {
        return Err(failed(format!("it names {named} instances, at most {MAX_INSTANCES} are taken")));
    }
    Ok(read)
}

/// Stores instance partitions as given
#[utoipa::path(put, path = "/tables/{tableName}/instancePartitions", tag = "Table", params(("tableName" = String, Path)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 403), (status = 500)))]
async fn set(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let partitions = read(&body)?;
    let stored = app.cluster.write(|state| {
        let kinds = kinds(state, &name, &params)?;
        let kind = kinds.into_iter().find(|kind| kind.name == partitions.instance_partitions_name);
        let kind = kind.ok_or_else(|| {
            let (raw, _) = split_table_name(&name).map_or((name.clone(), None), |(raw, t)| (raw.into_string(), t));
            Error::Invalid(format!(
                "Instance partitions cannot be applied to the table: 'instancePartitionsName' is '{}', expected for \
                 example {raw}_OFFLINE",
                partitions.instance_partitions_name
            ))
        })?;
        Ok((vec![Change::PutInstancePartitions(partitions.clone())], kind.key))
    });
    let key = stored.await?;
    Ok(all_shown([(key, &partitions)]))
}

/// Forgets instance partitions
#[utoipa::path(delete, path = "/tables/{tableName}/instancePartitions", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE, CONSUMING, COMPLETED or the name of a tier")), responses((status = 200), (status = 403), (status = 500)))]
async fn remove(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let removed = app.cluster.write(|state| {
        let kinds = kinds(state, &name, &params)?;
        let there = kinds.into_iter().filter(|kind| state.instance_partitions.contains_key(&kind.name));
        Ok((there.map(|kind| Change::RemoveInstancePartitions(kind.name)).collect(), ()))
    });
    removed.await?;
    Ok(answer::status("Instance partitions removed"))
}

/// Computes instance partitions from the table's config
#[utoipa::path(post, path = "/tables/{tableName}/assignInstances", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE, CONSUMING, COMPLETED or the name of a tier"), ("dryRun" = Option<bool>, Query, description = "Do not store them")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn assign(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let dry_run = params.flag("dryRun", false);
    let assigned = app.cluster.write(|state| {
        let mut found: Vec<(String, InstancePartitions)> = Vec::new();
        for table in resolve::existing(state, &params.stored_name(&name)?, None)? {
            let Some(table) = state.table(&table) else { continue };
            for kind in instances::configured(&table.entry.config) {
                if params.get("type").is_some_and(|wanted| !wanted.is_empty() && wanted != kind.key) {
                    continue;
                }
                let partitions = instances::assign(state, &table.entry.config, &kind).map_err(Error::Invalid)?;
                found.push((kind.key, partitions));
            }
        }
        if found.is_empty() {
            return Err(Error::NotFound("Failed to find the instance assignment config".to_owned()));
        }
        let put = |(_, partitions): &(String, InstancePartitions)| Change::PutInstancePartitions(partitions.clone());
        let changes = if dry_run { Vec::new() } else { found.iter().map(put).collect() };
        Ok((changes, found))
    });
    let found = assigned.await?;
    Ok(all_shown(found.iter().map(|(key, partitions)| (key.clone(), partitions))))
}

/// Puts one instance in the place of another
#[utoipa::path(post, path = "/tables/{tableName}/replaceInstance", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE, CONSUMING, COMPLETED or the name of a tier"), ("oldInstanceId" = String, Query), ("newInstanceId" = String, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn replace(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let id = |key: &str| params.get(key).unwrap_or_default().to_owned();
    let (old, new) = (id("oldInstanceId"), id("newInstanceId"));
    let replaced = app.cluster.write(|state| {
        let there: Vec<(String, InstancePartitions)> = kinds(state, &name, &params)?
            .into_iter()
            .filter_map(|kind| Some((kind.key, state.instance_partitions.get(&kind.name)?.clone())))
            .collect();
        if there.is_empty() {
            return Err(missing());
        }
        let mut changed = Vec::new();
        for (key, mut partitions) in there {
            let ids = partitions.partition_to_instances_map.values_mut().flatten().filter(|id| **id == old);
            let found = ids.map(|id| id.clone_from(&new)).count() > 0;
            if found {
                changed.push((key, partitions));
            }
        }
        if changed.is_empty() {
            return Err(Error::NotFound("Failed to find the old instance".to_owned()));
        }
        model::InstanceId::parse(&new).map_err(|error| Error::Invalid(format!("Parameter newInstanceId: {error}")))?;
        let put = |(_, partitions): &(String, InstancePartitions)| Change::PutInstancePartitions(partitions.clone());
        Ok((changed.iter().map(put).collect(), changed))
    });
    let changed = replaced.await?;
    Ok(all_shown(changed.iter().map(|(key, partitions)| (key.clone(), partitions))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_documents() {
        let refused = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(refused("x").starts_with("Failed to deserialize the instance partitions"));
        assert!(refused("{}").contains("instancePartitionsName"));
        let document = |key: &str, id: &str| {
            json!({"instancePartitionsName": "t_OFFLINE", "partitionToInstancesMap": {key: [id]}, "more": 1})
                .to_string()
        };
        assert!(refused(&document("zero", "Server_h_1")).contains("'zero'"));
        assert!(refused(&document("0_0", "../x")).contains("no instance id"));
        assert_eq!(read(document("0_0", "Server_h_1").as_bytes()).unwrap().partition_to_instances_map.len(), 1);
    }
}
