//! `/tenants`, as far as they are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes};
use crate::cluster;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(tables)).routes(routes!(metadata))
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
    Json::new(match params.get("type") {
        Some("SERVER") => json!({ "SERVER_TENANTS": servers, "BROKER_TENANTS": null }),
        Some("BROKER") => json!({ "SERVER_TENANTS": null, "BROKER_TENANTS": brokers }),
        _ => json!({ "SERVER_TENANTS": servers, "BROKER_TENANTS": brokers }),
    })
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
            offline: with(format!("{tenant}_OFFLINE")),
            realtime: with(format!("{tenant}_REALTIME")),
            brokers: with(format!("{tenant}_BROKER")),
        }
    }

    fn servers(&self) -> BTreeSet<&String> {
        self.offline.union(&self.realtime).collect()
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

/// Tables of a tenant
#[utoipa::path(get, path = "/tenants/{tenantName}/tables", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200)))]
async fn tables(State(app): State<Arc<App>>, Path(tenant): Path<String>, params: Params) -> Json<Value> {
    let state = app.cluster.read();
    let by_broker = params.get("type").is_some_and(|t| t.eq_ignore_ascii_case("BROKER"));
    let of_tenant = |table: &cluster::Table| {
        let config = &table.entry.config;
        if by_broker { config.broker_tenant() == tenant } else { config.server_tenant() == tenant }
    };
    let names: Vec<&String> = state.tables.iter().filter(|(_, t)| of_tenant(t)).map(|(name, _)| name).collect();
    Json::new(json!({ "tables": names }))
}

/// Instances of a tenant, by kind
#[utoipa::path(get, path = "/tenants/{tenantName}/metadata", tag = "Tenant", params(("tenantName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200)))]
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
