//! The REST API: the route table and what all resources share. A file per resource.

mod answer;
mod brokers;
mod cluster;
mod console;
mod health;
mod ingest;
mod instances;
mod params;
mod resolve;
mod schemas;
mod segment_files;
mod segment_info;
mod segments;
mod server_info;
mod servers;
mod sql;
mod table_configs;
mod table_views;
mod tables;
mod tenants;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use service::Tasks;
use service::http::{ErrorStyle, Limits, finish};
use tokio::sync::Semaphore;
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::ingest::Ingestion;
use crate::jobs::Jobs;

/// What handlers work with.
pub(crate) struct App {
    pub cluster: Arc<Cluster>,
    pub ingestion: Arc<Ingestion>,
    pub jobs: Arc<Jobs>,
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

pub(crate) type Routes = OpenApiRouter<Arc<App>>;

/// All routes, with the document that describes them.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let info = InfoBuilder::new()
        .title("Cuvée controller")
        .version(service::VERSION)
        .description(Some("Tables, schemas, segments, instances and queries of a cluster."));
    let document = OpenApiBuilder::new().info(info.build()).build();
    let (router, document) = Routes::with_openapi(document)
        .merge(schemas::routes())
        .merge(tables::routes())
        .merge(table_views::routes())
        .merge(table_configs::routes())
        .merge(segments::routes())
        .merge(segment_info::routes())
        .merge(segment_files::routes())
        .merge(server_info::routes())
        .merge(ingest::routes())
        .merge(instances::routes())
        .merge(tenants::routes())
        .merge(brokers::routes())
        .merge(cluster::routes())
        .merge(health::routes())
        .merge(sql::routes())
        .split_for_parts();
    let headers = [
        ("pinot-controller-host", app.cluster.config.host.clone()),
        ("pinot-controller-version", service::VERSION.to_owned()),
    ];
    let swagger = service::swagger::routes(document, service::swagger::Role::Controller);
    let router = router.with_state(app).merge(swagger).merge(console::routes());
    finish(router, ErrorStyle::Controller, Limits::default(), &headers)
}
