//! Start and end of the role.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proto::{Backoff, ClusterClient, keep_session, v1};
use service::{
    Listener, Server, ServerHandle, Tasks,
    http::{BindError, loggers::LogFiles},
};
use tokio_util::sync::DropGuard;

use crate::{config::MinionConfig, http, rpc::ControllerSession};

/// Why a minion cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// What a minion needs from outside.
pub struct Deps {
    pub cluster: Arc<dyn ClusterClient>,
}

pub struct Minion {
    config: MinionConfig,
    deps: Deps,
}

/// A running minion. Dropping it stops it at once.
pub struct MinionHandle {
    instance_id: String,
    http: ServerHandle,
    tasks: Tasks,
    ready: Arc<AtomicBool>,
    session: Arc<ControllerSession>,
    _stop: DropGuard,
}

impl Minion {
    pub fn new(config: MinionConfig, deps: Deps) -> Self {
        Self { config, deps }
    }

    /// Takes the port, registers, and answers health checks.
    pub async fn start(self) -> Result<MinionHandle, Error> {
        let listener = Listener::bind(&self.config.bind_host, self.config.port).await?;
        let port = listener.addr().port();
        let instance_id =
            self.config.instance_id.clone().unwrap_or_else(|| format!("Minion_{}_{port}", self.config.host));
        let ready = Arc::new(AtomicBool::new(true));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let register = v1::Register {
            instance_id: instance_id.clone(),
            role: v1::Role::Minion as i32,
            host: self.config.host,
            port: u32::from(port),
            admin_port: u32::from(port),
            tags: self.config.tags,
            incarnation: started.as_nanos().to_string(),
            segments: Vec::new(),
            version: service::VERSION.to_owned(),
            takes_table_changes: false,
        };
        let session = Arc::new(ControllerSession { register, connected: Arc::default() });
        let tasks = Tasks::new();
        let kept = keep_session(self.deps.cluster, Arc::clone(&session) as _, Backoff::default());
        tasks.spawn_critical("session with the controller", kept);
        let api = http::Minion {
            ready: Arc::clone(&ready),
            connected: Arc::clone(&session.connected),
            shown: Arc::new(self.config.shown),
            log_files: LogFiles::new(self.config.log_dir),
        };
        let http = Server::new(http::routes(api)).start(listener);
        let stop = tasks.cancelled().drop_guard();
        Ok(MinionHandle { instance_id, http, tasks, ready, session, _stop: stop })
    }
}

impl MinionHandle {
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// Of the admin API.
    pub fn addr(&self) -> SocketAddr {
        self.http.addr()
    }

    /// Whether the session with the controller is open.
    pub fn is_connected(&self) -> bool {
        self.session.connected.load(Ordering::Relaxed)
    }

    /// Resolves when the role cannot go on.
    pub async fn failed(&self) {
        self.tasks.failed().await;
    }

    /// Leaves the cluster and stops; true when nothing had to be cut off at the deadline.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        self.ready.store(false, Ordering::Relaxed);
        let stopped = self.tasks.stop(deadline).await;
        self.http.shutdown(deadline).await && stopped
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures::StreamExt;
    use proto::{Session, SessionError};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::mpsc,
    };

    use super::*;

    /// Accepts every registration and hands it to the test.
    struct Controller {
        registrations: mpsc::UnboundedSender<v1::Register>,
    }

    #[async_trait]
    impl ClusterClient for Controller {
        async fn connect(&self, register: v1::Register) -> Result<Session, SessionError> {
            let _ = self.registrations.send(register);
            let (sender, receiver) = mpsc::channel(8);
            let message = v1::controller_message::Message::Snapshot(v1::Snapshot::default());
            let first = futures::stream::iter([Ok(v1::ControllerMessage { message: Some(message) })]);
            // Keeps the session open for as long as the minion does.
            let rest = futures::stream::unfold(receiver, |mut receiver| async move {
                while receiver.recv().await.is_some() {}
                None
            });
            Ok(Session { sender, messages: first.chain(rest).boxed() })
        }
    }

    async fn get(addr: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn registers_answers_and_stops() {
        let (registrations, mut registered) = mpsc::unbounded_channel();
        let config = MinionConfig { bind_host: "127.0.0.1".to_owned(), port: 0, ..MinionConfig::default() };
        let deps = Deps { cluster: Arc::new(Controller { registrations }) };
        let minion = Minion::new(config, deps).start().await.unwrap();
        let register = registered.recv().await.unwrap();
        assert_eq!(register.instance_id, format!("Minion_localhost_{}", minion.addr().port()));
        assert_eq!(register.tags, ["minion_untagged"]);
        let health = get(minion.addr(), "/health").await;
        assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("OK"), "{health}");
        let unknown = get(minion.addr(), "/version").await;
        assert!(unknown.starts_with("HTTP/1.1 404") && unknown.ends_with("\r\n\r\n"), "{unknown}");
        assert!(minion.shutdown(Duration::from_secs(5)).await);
    }
}
