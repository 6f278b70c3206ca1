//! `/brokers` and `/v2/brokers`: which broker answers for what. Client libraries find their brokers here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster::{self, Change, InstanceEntry};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(all))
        .routes(routes!(all_v2))
        .routes(routes!(tenants))
        .routes(routes!(tenants_v2))
        .routes(routes!(tenant))
        .routes(routes!(tenant_v2))
        .routes(routes!(tables))
        .routes(routes!(tables_v2))
        .routes(routes!(table))
        .routes(routes!(table_v2))
        .routes(routes!(live_by_table))
        .routes(routes!(live_of_table))
        .routes(routes!(rate_limiting))
}

/// An instance as `/v2` and `/tables/livebrokers` show it.
fn shown(instance: &InstanceEntry) -> Value {
    json!({
        "host": instance.host,
        "port": instance.port,
        "instanceName": instance.id,
        "grpcPort": instance.grpc_port,
    })
}

#[derive(Clone, Copy)]
enum Form {
    Ids,
    Instances,
}

impl Form {
    fn render(self, brokers: &[InstanceEntry]) -> Value {
        match self {
            Self::Ids => brokers.iter().map(|broker| Value::from(broker.id.as_str())).collect(),
            Self::Instances => brokers.iter().map(shown).collect(),
        }
    }
}

/// Which brokers are asked for: all, or only those in a state.
struct Chosen<'a> {
    state: Option<&'a str>,
    live: BTreeSet<String>,
}

impl<'a> Chosen<'a> {
    fn new(app: &App, params: &'a Params) -> Self {
        Self { state: params.get("state"), live: app.cluster.live_ids() }
    }

    fn holds(&self, broker: &str) -> bool {
        match self.state {
            Some("ONLINE") => self.live.contains(broker),
            Some("OFFLINE") => !self.live.contains(broker),
            _ => true,
        }
    }

    fn with_tag(&self, state: &cluster::State, tag: &str) -> Vec<InstanceEntry> {
        let brokers = state.instances_with_tag(tag).into_iter().filter(|instance| instance.role == "BROKER");
        brokers.filter(|broker| self.holds(&broker.id)).cloned().collect()
    }

    /// Those that answer for a table.
    fn of_table(&self, state: &cluster::State, table: &str) -> Vec<InstanceEntry> {
        let ids = state.broker_resource.get(table).into_iter().flatten().filter(|id| self.holds(id));
        ids.filter_map(|id| state.instances.get(id)).cloned().collect()
    }
}

fn by_tenant(app: &App, params: &Params, form: Form) -> BTreeMap<String, Value> {
    let state = app.cluster.read();
    let brokers = state.instances.values().filter(|instance| instance.role == "BROKER");
    let tags = brokers.flat_map(|broker| broker.tags.iter().filter_map(|tag| tag.strip_suffix("_BROKER")));
    let tenants: BTreeSet<String> = tags.map(str::to_owned).collect();
    let chosen = Chosen::new(app, params);
    let render = |tenant: &String| form.render(&chosen.with_tag(&state, &format!("{tenant}_BROKER")));
    tenants.iter().map(|tenant| (tenant.clone(), render(tenant))).collect()
}

fn by_table(app: &App, params: &Params, form: Form) -> BTreeMap<String, Value> {
    let state = app.cluster.read();
    let chosen = Chosen::new(app, params);
    let mut found = BTreeMap::new();
    for (name, table) in &state.tables {
        let raw = table.entry.config.raw_name().to_string();
        found.entry(raw).or_insert_with(|| form.render(&chosen.of_table(&state, name)));
    }
    found
}

fn of_tenant(app: &App, tenant: &str, params: &Params, form: Form) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let tag = format!("{tenant}_BROKER");
    if state.instances_with_tag(&tag).is_empty() {
        return Err(Error::NotFound(format!("Tenant '{tenant}' not found.")).into());
    }
    Ok(Json::new(form.render(&Chosen::new(app, params).with_tag(&state, &tag))))
}

fn of_table(app: &App, name: &str, params: &Params, form: Form) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let state = app.cluster.read();
    let names = resolve::tables(&state, name, table_type)?;
    let chosen = Chosen::new(app, params);
    let mut found: BTreeMap<String, InstanceEntry> = BTreeMap::new();
    for name in &names {
        found.extend(chosen.of_table(&state, name).into_iter().map(|broker| (broker.id.clone(), broker)));
    }
    let brokers: Vec<InstanceEntry> = found.into_values().collect();
    Ok(Json::new(form.render(&brokers)))
}

/// Brokers by tenant and by table
#[utoipa::path(get, path = "/brokers", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn all(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let (tenants, tables) = (by_tenant(&app, &params, Form::Ids), by_table(&app, &params, Form::Ids));
    Json::new(json!({ "tenants": tenants, "tables": tables }))
}

/// Brokers with host and port, by tenant and by table
#[utoipa::path(get, path = "/v2/brokers", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn all_v2(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let (tenants, tables) = (by_tenant(&app, &params, Form::Instances), by_table(&app, &params, Form::Instances));
    Json::new(json!({ "tenants": tenants, "tables": tables }))
}

/// Brokers by tenant
#[utoipa::path(get, path = "/brokers/tenants", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn tenants(State(app): State<Arc<App>>, params: Params) -> Json<BTreeMap<String, Value>> {
    Json::new(by_tenant(&app, &params, Form::Ids))
}

/// Brokers with host and port, by tenant
#[utoipa::path(get, path = "/v2/brokers/tenants", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn tenants_v2(State(app): State<Arc<App>>, params: Params) -> Json<BTreeMap<String, Value>> {
    Json::new(by_tenant(&app, &params, Form::Instances))
}

/// Brokers of a tenant
#[utoipa::path(get, path = "/brokers/tenants/{tenantName}", tag = "Broker", params(("tenantName" = String, Path), ("state" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn tenant(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    of_tenant(&app, &name, &params, Form::Ids)
}

/// Brokers of a tenant with host and port
#[utoipa::path(get, path = "/v2/brokers/tenants/{tenantName}", tag = "Broker", params(("tenantName" = String, Path), ("state" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn tenant_v2(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    of_tenant(&app, &name, &params, Form::Instances)
}

/// Brokers by raw table name
#[utoipa::path(get, path = "/brokers/tables", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn tables(State(app): State<Arc<App>>, params: Params) -> Json<BTreeMap<String, Value>> {
    Json::new(by_table(&app, &params, Form::Ids))
}

/// Brokers with host and port, by raw table name
#[utoipa::path(get, path = "/v2/brokers/tables", tag = "Broker", params(("state" = Option<String>, Query)), responses((status = 200)))]
async fn tables_v2(State(app): State<Arc<App>>, params: Params) -> Json<BTreeMap<String, Value>> {
    Json::new(by_table(&app, &params, Form::Instances))
}

/// Brokers of a table
#[utoipa::path(get, path = "/brokers/tables/{tableName}", tag = "Broker", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("state" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn table(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    of_table(&app, &name, &params, Form::Ids)
}

/// Brokers of a table with host and port
#[utoipa::path(get, path = "/v2/brokers/tables/{tableName}", tag = "Broker", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("state" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn table_v2(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    of_table(&app, &name, &params, Form::Instances)
}

/// Live brokers by table name with type
#[utoipa::path(get, path = "/tables/livebrokers", tag = "Table", params(("tables" = Option<Vec<String>>, Query)), responses((status = 200)))]
async fn live_by_table(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let names = match params.list("tables") {
        wanted if wanted.is_empty() => state.tables.keys().cloned().collect(),
        wanted => {
            let mut names = BTreeSet::new();
            for name in wanted {
                names.extend(resolve::existing(&state, &name, None)?);
            }
            names
        }
    };
    let mut found = BTreeMap::new();
    for name in names {
        let Some(table) = state.table(&name) else { continue };
        let brokers: Vec<Value> = app.cluster.live_brokers_of(table, &state).iter().map(shown).collect();
        found.insert(name, brokers);
    }
    Ok(Json::new(json!(found)))
}

/// Ids of a table's live brokers
#[utoipa::path(get, path = "/tables/{tableName}/livebrokers", tag = "Table", params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
async fn live_of_table(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let names = resolve::existing(&state, &name, None)?;
    if names.is_empty() {
        return Err(Error::NotFound(format!("Table={name} not found")).into());
    }
    let mut ids = BTreeSet::new();
    for table in names.iter().filter_map(|name| state.table(name)) {
        ids.extend(app.cluster.live_brokers_of(table, &state).into_iter().map(|broker| broker.id));
    }
    Ok(Json::new(json!(ids)))
}

/// Makes a broker hold query quotas, or not
#[utoipa::path(post, path = "/brokers/instances/{instanceName}/qps", tag = "Broker", params(("instanceName" = String, Path), ("state" = String, Query, description = "ENABLE or DISABLE")), responses((status = 200), (status = 400), (status = 404)))]
async fn rate_limiting(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    if !id.starts_with("Broker_") {
        return Err(Error::Invalid(format!("'{id}' is not a valid broker instance name.")).into());
    }
    let wanted = params.get("state").unwrap_or("null").to_ascii_uppercase();
    if !matches!(wanted.as_str(), "ENABLE" | "DISABLE") {
        return Err(Error::Invalid(format!("Invalid query quota state: {wanted}")).into());
    }
    let missing = || Error::NotFound(format!("Instance '{id}' not found."));
    if !app.cluster.live_ids().contains(&id) {
        return Err(missing().into());
    }
    app.cluster
        .write(|state| {
            let known = state.instances.get(&id).ok_or_else(missing)?;
            let entry = InstanceEntry { query_rate_limit_disabled: wanted == "DISABLE", ..known.clone() };
            Ok((vec![Change::PutInstance(entry)], ()))
        })
        .await?;
    Ok(answer::status(format!("Set query rate limiting to: {wanted} for all tables in broker: {id}")))
}
