//! Start and end of the role.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use proto::{Backoff, ClusterClient, SessionHandler, keep_session};
use service::{Listener, Server, ServerHandle, Tasks};
use tokio_util::sync::DropGuard;

use crate::{
    BrokerConfig, Error, http,
    routing::{ClusterView, ServerClients},
    rpc::session::{ControllerSession, Identity},
    state::{State, now_ms},
};

/// How often expired query results are removed.
const EXPIRE_PAUSE: Duration = Duration::from_secs(30);

/// What a broker needs from outside.
pub struct Deps {
    /// The way to the controller.
    pub cluster: Arc<dyn ClusterClient>,
    /// The ways to servers.
    pub servers: Arc<dyn ServerClients>,
}

pub struct Broker {
    config: BrokerConfig,
    deps: Deps,
}

/// A running broker. Dropping it stops it at once.
pub struct BrokerHandle {
    state: Arc<State>,
    http: ServerHandle,
    tasks: Tasks,
    _stop: DropGuard,
}

impl Broker {
    pub fn new(config: BrokerConfig, deps: Deps) -> Self {
        Self { config, deps }
    }

    /// Takes the port, begins its session with the controller, and answers. It is healthy with the first snapshot.
    pub async fn start(self) -> Result<BrokerHandle, Error> {
        let Self { mut config, deps } = self;
        config.validate().map_err(Error::Config)?;
        let listener = Listener::bind(&config.bind_host, config.port).await?;
        let port = listener.addr().port();
        config.port = port;
        let instance_id = config.instance_id.clone().unwrap_or_else(|| format!("Broker_{}_{port}", config.host));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let identity = Identity {
            instance_id: instance_id.clone(),
            host: config.host.clone(),
            port,
            tags: config.tags.clone(),
            incarnation: started.as_nanos().to_string(),
        };
        let view = Arc::new(ArcSwap::from_pointee(ClusterView::default()));
        let state = Arc::new(State::new(config, instance_id, &identity.incarnation, Arc::clone(&view)));
        let session: Arc<dyn SessionHandler> =
            Arc::new(ControllerSession::new(identity, view, deps.servers, Arc::clone(&state.connected)));
        let tasks = Tasks::new();
        let kept = keep_session(deps.cluster, session, Backoff::default());
        tasks.spawn_critical("session with the controller", kept);
        let responses = Arc::clone(&state.responses);
        tasks.spawn_loop("expired query results", EXPIRE_PAUSE, move || {
            let responses = Arc::clone(&responses);
            async move {
                let expired = tokio::task::spawn_blocking(move || responses.expire(now_ms()));
                let _ = expired.await;
            }
        });
        let http = Server::new(http::routes(Arc::clone(&state))).start(listener);
        let stop = tasks.cancelled().drop_guard();
        Ok(BrokerHandle { state, http, tasks, _stop: stop })
    }
}

impl BrokerHandle {
    pub fn instance_id(&self) -> &str {
        &self.state.instance_id
    }

    /// Where SQL is taken over HTTP.
    pub fn addr(&self) -> SocketAddr {
        self.http.addr()
    }

    /// Whether the session with the controller is open.
    pub fn is_connected(&self) -> bool {
        self.state.is_connected()
    }

    /// Whether the cluster is known, so that queries can be answered.
    pub fn is_ready(&self) -> bool {
        self.state.view.load().ready
    }

    /// The present picture of the cluster.
    pub fn view(&self) -> Arc<ClusterView> {
        self.state.view.load_full()
    }

    /// Resolves when the role cannot go on.
    pub async fn failed(&self) {
        self.tasks.failed().await;
    }

    /// Leaves the cluster, lets running queries end, and stops; true when nothing had to be cut off at the deadline.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        self.state.stopping.store(true, Ordering::Relaxed);
        let stopped = self.tasks.stop(deadline).await;
        self.http.shutdown(end.saturating_duration_since(Instant::now())).await && stopped
    }
}
