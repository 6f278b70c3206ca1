//! `/tenants`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, answer, instances};
use crate::cluster;
use crate::error::Error;
use crate::tenants::{self, Tenant, TenantRole};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, create, update))
        .routes(routes!(get, set_state, delete))
        .routes(routes!(tables))
        .routes(routes!(metadata, change_state))
}

/// Names of server and broker tenants
#[utoipa::path(get, path = "/tenants", tag = "Tenant", params(("type" = Option<String>, Query)), responses((status = 200)))]
async fn list(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let state = app.cluster.read();
    let tags: BTreeSet<&str> = state.instances.values().flat_map(|i| i.tags.iter().map(String::as_str)).collect();
    let with = |suffixes: &[&str]| -> BTreeSet<String> {
        let names = tags.iter().filter_map(|tag| suffixes.iter().find_map(|suffix| tag.strip_suffix(suffix)));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let servers = with(&["_OFFLINE", "_REALTIME"]);
    let brokers = with(&["_BROKER"]);
    Json::new(match params.get("type").map(str::to_ascii_uppercase).as_deref() {
        Some("SERVER") => json!({ "SERVER_TENANTS": servers, "BROKER_TENANTS": null }),
        Some("BROKER") => json!({ "SERVER_TENANTS": null, "BROKER_TENANTS": brokers }),
        _ => json!({ "SERVER_TENANTS": servers, "BROKER_TENANTS": brokers }),
    })
}

/// Reads a tenant. Errors are plain text here, as for every endpoint that binds an object.
fn read(body: &[u8], what: &str) -> Result<Tenant, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Internal(format!("Failed to {what} tenant: the request has no body")).into());
    }
    let refuse = |reason: String| ApiError::bad_request(reason).as_text();
    Tenant::read(&parse_json(body).map_err(refuse)?).map_err(refuse)
}

/// Makes a tenant of live instances that are in none
#[utoipa::path(post, path = "/tenants", tag = "Tenant", request_body(content = Value, content_type = "application/json", description = "tenantRole (BROKER or SERVER), tenantName, numberOfInstances, offlineInstances, realtimeInstances"), responses((status = 200), (status = 400), (status = 500)))]
async fn create(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let tenant = read(&body, "create")?;
    let live = app.cluster.live_ids();
    app.cluster.write(|state| Ok((tenants::create(state, &live, &tenant)?, ()))).await?;
    Ok(answer::status("Successfully created tenant"))
}

/// Gives a tenant another number of instances
#[utoipa::path(put, path = "/tenants", tag = "Tenant", request_body(content = Value, content_type = "application/json", description = "tenantRole (BROKER or SERVER), tenantName, numberOfInstances, offlineInstances, realtimeInstances"), responses((status = 200), (status = 400), (status = 500)))]
async fn update(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let tenant = read(&body, "update")?;
    let live = app.cluster.live_ids();
    app.cluster.write(|state| Ok((tenants::update(state, &live, &tenant)?, ()))).await?;
    Ok(answer::status("Updated tenant"))
}

struct Members {
    offline: BTreeSet<String>,
    realtime: BTreeSet<String>,
    brokers: BTreeSet<String>,
}

impl Members {
    fn of(app: &App, tenant: &str) -> Self {
        let state = app.cluster.read();
        let with = |tag: String| state.instances_with_tag(&tag).into_iter().map(|i| i.id.clone()).collect();
        Self {
            offline: with(tenants::offline_tag(tenant)),
            realtime: with(tenants::realtime_tag(tenant)),
            brokers: with(tenants::broker_tag(tenant)),
        }
    }

    fn servers(&self) -> BTreeSet<&String> {
        self.offline.union(&self.realtime).collect()
    }

    /// Those that `type` means; all without one.
    fn of_type(&self, kind: Option<&str>) -> BTreeSet<String> {
        let is = |name: &str| kind.is_none_or(|kind| kind.is_empty() || kind.eq_ignore_ascii_case(name));
        let servers = self.servers().into_iter().filter(|_| is("SERVER"));
        servers.chain(self.brokers.iter().filter(|_| is("BROKER"))).cloned().collect()
    }
}

/// Instances of a tenant
#[utoipa::path(get, path = "/tenants/{tenantName}", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query), ("tableType" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn get(State(app): State<Arc<App>>, Path(tenant): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let members = Members::of(&app, &tenant);
    let missing = |kind: &str| Error::NotFound(format!("Failed to find any instances for {kind}: {tenant}"));
    let shown = match params.get("type").map(str::to_ascii_uppercase).as_deref() {
        Some("SERVER") => {
            if members.servers().is_empty() {
                return Err(missing("server tenant").into());
            }
            match params.get("tableType").map(str::to_ascii_uppercase).as_deref() {
                Some("OFFLINE") => json!({
                    "OfflineServerInstances": members.offline,
                    "ServerInstances": members.offline,
                    "tenantName": tenant,
                }),
                Some("REALTIME") => json!({
                    "RealtimeServerInstances": members.realtime,
                    "ServerInstances": members.realtime,
                    "tenantName": tenant,
                }),
                _ => json!({
                    "OfflineServerInstances": members.offline,
                    "RealtimeServerInstances": members.realtime,
                    "ServerInstances": members.servers(),
                    "tenantName": tenant,
                }),
            }
        }
        Some("BROKER") => {
            if members.brokers.is_empty() {
                return Err(missing("broker tenant").into());
            }
            json!({ "BrokerInstances": members.brokers, "tenantName": tenant })
        }
        _ => {
            if members.servers().is_empty() && members.brokers.is_empty() {
                return Err(missing("broker and server tenants").into());
            }
            json!({
                "ServerInstances": members.servers(),
                "BrokerInstances": members.brokers,
                "tenantName": tenant,
            })
        }
    };
    Ok(Json::new(shown))
}

/// Enables or disables all instances of a tenant
#[utoipa::path(post, path = "/tenants/{tenantName}", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query, description = "SERVER or BROKER; both without it"), ("state" = Option<String>, Query, description = "enable or disable")), responses((status = 200), (status = 400), (status = 500)))]
async fn set_state(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let wanted = params.get("state").unwrap_or("null");
    let enabled = match wanted.to_ascii_uppercase().as_str() {
        "ENABLE" => true,
        "DISABLE" => false,
        _ => {
            let message = format!("Error: State mentioned {wanted} is wrong. Valid States: Enable, Disable");
            return Err(Error::Invalid(message).into());
        }
    };
    let members = Members::of(&app, &tenant).of_type(params.get("type"));
    instances::set_enabled(&app, &members, enabled).await?;
    Ok(answer::status(format!("Changed state of tenant {tenant} to {wanted} successfully.")))
}

/// Takes a tenant apart that is not in use
#[utoipa::path(delete, path = "/tenants/{tenantName}", tag = "Tenant", params(("tenantName" = String, Path), ("type" = String, Query, description = "SERVER or BROKER")), responses((status = 200), (status = 400), (status = 500)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let role = match params.get("type").map(str::to_ascii_uppercase).as_deref() {
        Some("BROKER") => TenantRole::Broker,
        Some("SERVER") => TenantRole::Server,
        _ => {
            let message = "Tenant type (BROKER | SERVER) is required as query parameter";
            return Err(Error::Internal(message.to_owned()).into());
        }
    };
    app.cluster.write(|state| Ok((tenants::delete(state, role, &tenant)?, ()))).await?;
    Ok(answer::status(format!("Successfully deleted tenant {tenant}")))
}

/// Tables of a tenant
#[utoipa::path(get, path = "/tenants/{tenantName}/tables", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query, description = "SERVER (the default) or BROKER"), ("withTableProperties" = Option<bool>, Query)), responses((status = 200), (status = 400)))]
async fn tables(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let by_broker = match params.get("type").map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "SERVER") => false,
        Some("BROKER") => true,
        Some(other) => return Err(Error::Invalid(format!("Invalid tenant type: {other}")).into()),
    };
    let of_tenant = |table: &cluster::Table| {
        let config = &table.entry.config;
        if by_broker { config.broker_tenant() == tenant } else { config.server_tenant() == tenant }
    };
    let found: Vec<(&String, &cluster::Table)> = state.tables.iter().filter(|(_, table)| of_tenant(table)).collect();
    let names: Vec<&String> = found.iter().map(|(name, _)| *name).collect();
    let mut shown = json!({ "tables": names });
    if params.flag("withTableProperties", false)
        && let Some(shown) = shown.as_object_mut()
    {
        let described: Vec<Value> = found.iter().map(|(name, table)| properties(name, table)).collect();
        shown.insert("tablesWithProperties".to_owned(), Value::from(described));
    }
    Ok(Json::new(shown))
}

fn properties(name: &str, table: &cluster::Table) -> Value {
    let config = &table.entry.config;
    let has = |section: &str| !config.section(section).is_empty();
    let bytes: u64 = table.segments.values().map(|s| s.record.packed_size_bytes * s.ideal.len() as u64).sum();
    json!({
        "tableNameWithType": name,
        "tableType": config.table_type().to_string(),
        "isDimTable": table.entry.json.get("isDimTable").and_then(Value::as_bool).unwrap_or(false),
        "replication": config.replication(),
        "totalSegments": table.segments.len(),
        "estimatedTableSizeInBytes": bytes,
        "isUpsertEnabled": has("upsertConfig"),
        "isDedupEnabled": has("dedupConfig"),
    })
}

/// Instances of a tenant, by kind
#[utoipa::path(get, path = "/tenants/{tenantName}/metadata", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query, description = "SERVER or BROKER")), responses((status = 200)))]
async fn metadata(State(app): State<Arc<App>>, Path(tenant): Path<String>, params: Params) -> Json<Value> {
    let members = Members::of(&app, &tenant);
    let kind = params.get("type").map(str::to_ascii_uppercase);
    let servers = (kind.as_deref() != Some("BROKER")).then(|| members.servers());
    let brokers = (kind.as_deref() != Some("SERVER")).then_some(&members.brokers);
    Json::new(json!({
        "ServerInstances": servers,
        "OfflineServerInstances": null,
        "RealtimeServerInstances": null,
        "BrokerInstances": brokers,
        "tenantName": tenant,
    }))
}

/// Enables or disables all instances of a tenant, and tells of each how it went; or drops an empty tenant
#[utoipa::path(post, path = "/tenants/{tenantName}/metadata", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query, description = "SERVER or BROKER"), ("state" = String, Query, description = "enable, disable or drop")), responses((status = 200), (status = 400), (status = 500)))]
async fn change_state(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let members = Members::of(&app, &tenant).of_type(params.get("type"));
    let wanted = params.get("state").unwrap_or_default().to_ascii_uppercase();
    match wanted.as_str() {
        "DROP" if members.is_empty() => Ok(answer::status(format!("Deleted tenant {tenant}"))),
        "DROP" => Err(Error::Invalid(format!("Tenant {tenant} has live instance")).into()),
        "ENABLE" | "DISABLE" => {
            let outcome = instances::set_enabled(&app, &members, wanted == "ENABLE").await?;
            let shown: Map<String, Value> = outcome
                .into_iter()
                .map(|(id, failed)| {
                    let successful = failed.is_none();
                    (id, json!({ "message": failed.unwrap_or_else(|| "Success".to_owned()), "successful": successful }))
                })
                .collect();
            Ok(Json::new(Value::Object(shown)))
        }
        _ => Err(Error::Invalid(format!("Unknown state '{wanted}'; expected enable, disable or drop")).into()),
    }
}
