//! The REST API: the route table and what all resources share. A file per resource.

mod answer;
mod brokers;
mod cluster;
mod console;
mod databases;
mod debug;
mod groovy;
mod health;
mod ingest;
mod instance_checks;
mod instance_logs;
mod instance_partitions;
mod instances;
mod lineage;
mod minions;
mod multipart;
mod params;
mod periodic_tasks;
mod queries;
mod resolve;
mod schemas;
mod segment_deletes;
mod segment_files;
mod segment_info;
mod segment_reloads;
mod segment_upkeep;
mod segments;
mod server_info;
mod servers;
mod sql;
mod table_configs;
mod table_views;
mod tables;
mod tenants;
mod time_boundary;
mod upload;
mod upsert;
mod zk;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use service::Tasks;
use service::http::loggers::LogFiles;
use service::http::{ErrorStyle, Limits, finish};
use tokio::sync::Semaphore;
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::ingest::Ingestion;
use crate::jobs::Jobs;
use crate::periodic::PeriodicTasks;

/// What handlers work with.
pub(crate) struct App {
    pub cluster: Arc<Cluster>,
    pub ingestion: Arc<Ingestion>,
    pub jobs: Arc<Jobs>,
    pub periodic: PeriodicTasks,
    /// To brokers and to the admin API of servers.
    pub client: reqwest::Client,
    pub tasks: Tasks,
    pub clock: Arc<dyn Clock>,
    /// Bodies that are received at the same time.
    pub uploads: Semaphore,
    pub started: Instant,
    pub start_time: chrono::DateTime<chrono::Utc>,
}

impl App {
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// A path of percent-encoded parts.
pub(crate) fn encoded_path(parts: &[&str]) -> String {
    servers::path(parts, &[])
}

/// What the metadata browser shares with the resources that show the same.
pub(crate) use instances::check_tags;
pub(crate) use segments::zk_record as segment_zk_record;

pub(crate) type Routes = OpenApiRouter<Arc<App>>;

/// All routes, with the document that describes them.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let info = InfoBuilder::new()
        .title("Cuvée controller")
        .version(service::VERSION)
        .description(Some("Tables, schemas, segments, instances and queries of a cluster."));
    let document = OpenApiBuilder::new().info(info.build()).build();
    let log_files = LogFiles::new(app.cluster.config.log_dir.clone());
    let (router, document) = Routes::with_openapi(document)
        .merge(schemas::routes())
        .merge(tables::routes())
        .merge(table_views::routes())
        .merge(table_configs::routes())
        .merge(instance_partitions::routes())
        .merge(time_boundary::routes())
        .merge(debug::routes())
        .merge(upsert::routes())
        .merge(segments::routes())
        .merge(segment_info::routes())
        .merge(segment_files::routes())
        .merge(upload::routes())
        .merge(segment_deletes::routes())
        .merge(segment_reloads::routes())
        .merge(segment_upkeep::routes())
        .merge(lineage::routes())
        .merge(server_info::routes())
        .merge(ingest::routes())
        .merge(instances::routes())
        .merge(instance_checks::routes())
        .merge(tenants::routes())
        .merge(zk::routes())
        .merge(brokers::routes())
        .merge(cluster::routes())
        .merge(groovy::routes())
        .merge(databases::routes())
        .merge(periodic_tasks::routes())
        .merge(minions::routes())
        .merge(instance_logs::routes())
        .merge(service::http::loggers::routes(log_files))
        .merge(health::routes())
        .merge(sql::routes())
        .merge(queries::routes())
        .split_for_parts();
    let headers = [
        ("pinot-controller-host", app.cluster.config.host.clone()),
        ("pinot-controller-version", service::VERSION.to_owned()),
    ];
    let swagger = service::swagger::routes(document, service::swagger::Role::Controller);
    let router = router.with_state(app).merge(swagger).merge(console::routes());
    finish(router, ErrorStyle::Controller, Limits::default(), &headers)
}
