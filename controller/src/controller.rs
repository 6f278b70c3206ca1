//! Start and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metadata::MetadataStore;
use proto::v1::cluster_server::ClusterServer;
use service::{Listener, Server, ServerHandle, Tasks};
use tokio::sync::Semaphore;

use crate::clock::{Clock, SystemClock};
use crate::cluster::{Change, Cluster, InstanceEntry};
use crate::config::ControllerConfig;
use crate::error::Error;
use crate::http::{self, App};
use crate::ingest::Ingestion;
use crate::jobs::Jobs;
use crate::periodic::PeriodicTasks;
use crate::reconcile;
use crate::rpc::{ClusterService, InProcessClient};

/// Uploads that are received at the same time; further ones wait.
const MAX_UPLOADS: usize = 16;

/// What a controller works with.
pub struct Deps {
    pub store: Arc<dyn MetadataStore>,
    pub clock: Arc<dyn Clock>,
}

impl Deps {
    /// Over a store, with the system's clock.
    pub fn new(store: Arc<dyn MetadataStore>) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }
}

/// A controller that is not started yet.
pub struct Controller {
    config: ControllerConfig,
    deps: Deps,
}

/// A running controller.
pub struct ControllerHandle {
    addr: SocketAddr,
    server: ServerHandle,
    tasks: Tasks,
    cluster: Arc<Cluster>,
}

impl Controller {
    pub fn new(config: ControllerConfig, deps: Deps) -> Self {
        Self { config, deps }
    }

    /// Takes the port, reads the cluster state, cleans up after a crash, and serves.
    pub async fn start(self) -> Result<ControllerHandle, Error> {
        let Self { config, deps } = self;
        let listener = Listener::bind(&config.bind_host, config.port)
            .await
            .map_err(|error| Error::Unavailable(crate::ingest::chain(&error)))?;
        let addr = listener.addr();
        let cluster = Cluster::load(config, addr.port(), deps.store).await?;
        join(&cluster).await?;
        let tasks = Tasks::new();
        let ingestion = Arc::new(Ingestion::new(Arc::clone(&cluster), Arc::clone(&deps.clock))?);
        ingestion.check_store().await?;
        reconcile::start(&tasks, &cluster, &ingestion);
        let periodic = PeriodicTasks::start(&tasks, &cluster, &ingestion, &deps.clock);
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|error| Error::Internal(format!("no HTTP client could be made: {error}")))?;
        let app = App {
            cluster: Arc::clone(&cluster),
            ingestion,
            periodic,
            jobs: Jobs::new(tasks.clone(), Arc::clone(&deps.clock), Arc::clone(&cluster)),
            client,
            tasks: tasks.clone(),
            clock: deps.clock,
            uploads: Semaphore::new(MAX_UPLOADS),
            started: Instant::now(),
            start_time: chrono::Utc::now(),
        };
        let (health, health_service) = service::grpc::health_reporter();
        health.set_serving::<ClusterServer<ClusterService>>().await;
        let sessions = ClusterServer::new(ClusterService { cluster: Arc::clone(&cluster), tasks: tasks.clone() })
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
        let grpc = tonic::service::Routes::new(health_service).add_service(sessions);
        let server = Server::new(http::routes(Arc::new(app))).grpc(grpc).start(listener);
        tracing::info!(%addr, instance = cluster.instance_id, "controller started");
        Ok(ControllerHandle { addr, server, tasks, cluster })
    }
}

/// Makes this controller an instance of the cluster, and the only controller: one store has one.
async fn join(cluster: &Cluster) -> Result<(), Error> {
    let port = cluster.base_url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let tags = vec!["controller".to_owned()];
    let entry = InstanceEntry::new(cluster.instance_id.clone(), cluster.config.host.clone(), port, "CONTROLLER", tags);
    cluster
        .write(|state| {
            let others = state.instances.values().filter(|known| known.role == "CONTROLLER" && known.id != entry.id);
            let mut changes: Vec<Change> = others.map(|known| Change::RemoveInstance(known.id.clone())).collect();
            if state.instances.get(&entry.id) != Some(&entry) {
                changes.push(Change::PutInstance(entry));
            }
            for (key, value) in DEFAULT_CONFIGS {
                if state.configs.is_empty() {
                    changes.push(Change::PutConfig(key.to_owned(), value.to_owned()));
                }
            }
            Ok((changes, ()))
        })
        .await
}

/// The configuration of a new cluster.
const DEFAULT_CONFIGS: [(&str, &str); 4] = [
    ("allowParticipantAutoJoin", "true"),
    ("enable.case.insensitive", "true"),
    ("pinot.broker.enable.query.limit.override", "false"),
    ("default.hyperloglog.log2m", "8"),
];

impl ControllerHandle {
    /// Where REST and gRPC are served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sessions for roles in this process.
    pub fn client(&self) -> Arc<InProcessClient> {
        Arc::new(InProcessClient { cluster: Arc::clone(&self.cluster), tasks: self.tasks.clone() })
    }

    /// The cluster, for tests and for what runs in the same process.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Takes no more requests, lets running ones end until the deadline, ends the sessions.
    pub async fn shutdown(self, deadline: Duration) {
        // Sessions are requests that do not end: they go first, so that the rest can be waited for.
        let tasks = self.tasks.clone();
        let stopping = tokio::spawn(async move { tasks.stop(deadline).await });
        self.server.shutdown(deadline).await;
        if !stopping.await.unwrap_or(false) {
            tracing::warn!("some work of the controller was cut short");
        }
    }
}
