//! Start and end of the role.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use engine::{Engine, EngineConfig};
use proto::{Backoff, ClusterClient, QueryClient, keep_session};
use service::{
    Listener, Server as HttpServer, ServerHandle as HttpHandle, Tasks,
    http::{ErrorStyle, Limits as HttpLimits, finish},
};
use tokio_util::sync::DropGuard;

use crate::{
    Error, ServerConfig, http,
    query::{Executor, Limits},
    rpc::{
        query::service as query_service,
        session::{ControllerSession, Identity},
    },
    segments::{FetchSegment, Loader, LocalCopy, Reports, SegmentManager, Tables},
};

/// What a server needs from outside.
pub struct Deps {
    /// The way to the controller.
    pub cluster: Arc<dyn ClusterClient>,
    /// The way to packed segments.
    pub fetcher: Arc<dyn FetchSegment>,
}

pub struct Server {
    config: ServerConfig,
    deps: Deps,
}

/// What the parts of a server share.
pub(crate) struct State {
    pub(crate) config: ServerConfig,
    pub(crate) instance_id: String,
    pub(crate) tables: Arc<Tables>,
    pub(crate) segments: Arc<SegmentManager>,
    pub(crate) executor: Arc<Executor>,
    /// What was assigned at the start has been loaded.
    pub(crate) ready: AtomicBool,
    pub(crate) stopping: AtomicBool,
}

/// A running server. Dropping it stops it at once.
pub struct ServerHandle {
    state: Arc<State>,
    query: HttpHandle,
    admin: HttpHandle,
    tasks: Tasks,
    session: Arc<ControllerSession>,
    _stop: DropGuard,
}

impl Server {
    pub fn new(config: ServerConfig, deps: Deps) -> Self {
        Self { config, deps }
    }

    /// Takes the ports, loads what the local copy names, begins the session with the controller, and answers.
    pub async fn start(self) -> Result<ServerHandle, Error> {
        let Self { config, deps } = self;
        config.validate().map_err(Error::Config)?;
        let query_listener = Listener::bind(&config.bind_host, config.query_port).await?;
        let admin_listener = Listener::bind(&config.bind_host, config.admin_port).await?;
        let query_port = query_listener.addr().port();
        let instance_id = config.instance_id.clone().unwrap_or_else(|| format!("Server_{}_{query_port}", config.host));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let identity = Identity {
            instance_id: instance_id.clone(),
            host: config.host.clone(),
            query_port,
            admin_port: admin_listener.addr().port(),
            tags: config.tags.clone(),
            incarnation: started.as_nanos().to_string(),
        };
        let tasks = Tasks::new();
        let stop = tasks.cancelled().drop_guard();
        let state = Arc::new(build(config, instance_id, deps.fetcher, &tasks)?);
        let had_copy = state.segments.start_from_copy();

        let session = Arc::new(ControllerSession::new(identity, Arc::clone(&state.segments)));
        let kept = keep_session(deps.cluster, Arc::clone(&session) as _, Backoff::default());
        tasks.spawn_critical("session with the controller", kept);
        let (ready_state, ready_session) = (Arc::clone(&state), Arc::clone(&session));
        let (reporter, health) = service::grpc::health_reporter();
        tasks.spawn("readiness", async move {
            // Without a copy there is nothing to answer from until the controller has been heard.
            ready_session.first_attempt(!had_copy).await;
            ready_state.segments.settle().await;
            ready_state.ready.store(true, Ordering::Release);
            reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
        });

        let services = tonic::service::Routes::new(query_service(Arc::clone(&state.executor))).add_service(health);
        let no_routes = finish(axum::Router::new(), ErrorStyle::Server, HttpLimits::default(), &[]);
        let query = HttpServer::new(no_routes).grpc(services).start(query_listener);
        let admin = HttpServer::new(http::routes(Arc::clone(&state))).start(admin_listener);
        Ok(ServerHandle { state, query, admin, tasks, session, _stop: stop })
    }
}

fn build(
    config: ServerConfig,
    instance_id: String,
    fetcher: Arc<dyn FetchSegment>,
    tasks: &Tasks,
) -> Result<State, Error> {
    std::fs::create_dir_all(&config.data_dir).map_err(|source| Error::file("create", &config.data_dir, source))?;
    let loader = Arc::new(Loader::new(&config.data_dir, fetcher)?);
    let tables = Arc::new(Tables::default());
    let segments = SegmentManager::new(
        Arc::clone(&tables),
        loader,
        Arc::new(Reports::default()),
        LocalCopy::new(&config.data_dir),
        config.parallel_loads(),
        config.retry_pauses,
        tasks.clone(),
    );
    let mut engine = EngineConfig { threads: config.query_threads, ..EngineConfig::default() };
    if config.query_memory_bytes > 0 {
        engine.query_memory_limit_bytes = config.query_memory_bytes;
    }
    let limits = Limits {
        running: config.running_queries(),
        waiting: config.waiting_queries,
        default_timeout: config.query_timeout,
    };
    let executor = Executor::new(
        instance_id.clone(),
        config.host.clone(),
        Arc::clone(&tables),
        Arc::new(Engine::new(engine)),
        limits,
    );
    Ok(State {
        config,
        instance_id,
        tables,
        segments,
        executor: Arc::new(executor),
        ready: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
    })
}

impl ServerHandle {
    pub fn instance_id(&self) -> &str {
        &self.state.instance_id
    }

    /// Where queries are taken over gRPC.
    pub fn addr(&self) -> SocketAddr {
        self.query.addr()
    }

    /// Of the admin HTTP API.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// For brokers of the same process.
    pub fn query_client(&self) -> Arc<dyn QueryClient> {
        Arc::clone(&self.state.executor) as _
    }

    /// Whether the session with the controller is open.
    pub fn is_connected(&self) -> bool {
        self.session.is_connected()
    }

    /// Whether what was assigned at the start has been loaded.
    pub fn is_ready(&self) -> bool {
        self.state.ready.load(Ordering::Acquire)
    }

    /// Waits until nothing is being loaded, apart from segments that failed and will be tried again.
    pub async fn settle(&self) {
        self.state.segments.settle().await;
    }

    /// Resolves when the role cannot go on.
    pub async fn failed(&self) {
        self.tasks.failed().await;
    }

    /// Leaves the cluster, lets running queries end, and stops; true when nothing had to be cut off at the deadline.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        self.state.stopping.store(true, Ordering::Relaxed);
        self.state.segments.save().await;
        // The session ends first, so that brokers ask other replicas from here on.
        let stopped = self.tasks.stop(left()).await;
        let drained = self.query.shutdown(left()).await;
        self.admin.shutdown(left()).await && drained && stopped
    }
}
