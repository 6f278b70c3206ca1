//! Puts roles together: one in a process, or all of them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use broker::{Broker, BrokerConfig, BrokerHandle, GrpcClients, LocalClients};
use controller::{Controller, ControllerConfig, ControllerHandle};
use metadata::{EmbeddedStore, MetadataStore};
use minion::{Minion, MinionConfig, MinionHandle};
use proto::{ClusterClient, GrpcClusterClient};
use server::{Fetcher, Server, ServerConfig, ServerHandle};
use service::{Properties, shutdown};

/// The key under which roles find the controller.
pub const CONTROLLER_ADDRESS: &str = "cuvee.controller.address";

/// The file of the cluster state; default `<controller.data.dir>/.metadata/cluster.redb`.
const METADATA_FILE: &str = "cuvee.controller.metadata.file";

/// Starts a controller and runs it until the process is asked to stop.
pub async fn controller(properties: &Properties) -> Result<()> {
    let handle = start_controller(properties).await?;
    properties.warn_unread();
    shutdown::signal().await;
    handle.shutdown(shutdown::DRAIN).await;
    Ok(())
}

/// Starts a broker and runs it until the process is asked to stop.
pub async fn broker(properties: &Properties) -> Result<()> {
    let deps = broker::Deps { cluster: remote_controller(properties)?, servers: Arc::new(GrpcClients) };
    let handle = Broker::new(BrokerConfig::from_properties(properties)?, deps).start().await?;
    tracing::info!(address = %handle.addr(), instance = handle.instance_id(), "broker started");
    properties.warn_unread();
    tokio::select! {
        () = shutdown::signal() => {}
        () = handle.failed() => bail!("the broker's session with the controller has broken for good; see the log above"),
    }
    handle.shutdown(shutdown::DRAIN).await;
    Ok(())
}

/// Starts a server and runs it until the process is asked to stop.
pub async fn server(properties: &Properties) -> Result<()> {
    let deps = server::Deps { cluster: remote_controller(properties)?, fetcher: Arc::new(fetcher(properties)) };
    let handle = Server::new(ServerConfig::from_properties(properties)?, deps).start().await?;
    tracing::info!(query = %handle.addr(), admin = %handle.admin_addr(), instance = handle.instance_id(), "server started");
    properties.warn_unread();
    tokio::select! {
        () = shutdown::signal() => {}
        () = handle.failed() => bail!("the server's session with the controller has broken for good; see the log above"),
    }
    handle.shutdown(shutdown::DRAIN).await;
    Ok(())
}

/// Starts a minion and runs it until the process is asked to stop.
pub async fn minion(properties: &Properties) -> Result<()> {
    let deps = minion::Deps { cluster: remote_controller(properties)? };
    let handle = Minion::new(MinionConfig::from_properties(properties)?, deps).start().await?;
    tracing::info!(address = %handle.addr(), instance = handle.instance_id(), "minion started");
    properties.warn_unread();
    tokio::select! {
        () = shutdown::signal() => {}
        () = handle.failed() => bail!("the minion's session with the controller has broken for good; see the log above"),
    }
    handle.shutdown(shutdown::DRAIN).await;
    Ok(())
}

fn remote_controller(properties: &Properties) -> Result<Arc<dyn ClusterClient>> {
    let address = properties.string(CONTROLLER_ADDRESS, "localhost:9000");
    let address = address.strip_prefix("http://").unwrap_or(&address).trim_end_matches('/');
    let channel = service::grpc::channel(address)
        .with_context(|| format!("`{address}` is no address of a controller; expected host:port"))?;
    Ok(Arc::new(GrpcClusterClient::new(channel)))
}

fn fetcher(properties: &Properties) -> Fetcher {
    Fetcher::new(properties.subset("pinot.server.storage.factory."))
}

async fn start_controller(properties: &Properties) -> Result<ControllerHandle> {
    let config = ControllerConfig::from_properties(properties)?;
    let file = match properties.get(METADATA_FILE) {
        Some(file) => PathBuf::from(file),
        None if config.data_dir.contains("://") && !config.data_dir.starts_with("file://") => bail!(
            "controller.data.dir is {}, so the cluster state needs a file of its own on this machine: set {METADATA_FILE}",
            config.data_dir
        ),
        None => Path::new(config.data_dir.trim_start_matches("file://")).join(".metadata/cluster.redb"),
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    }
    let store: Arc<dyn MetadataStore> = Arc::new(EmbeddedStore::open(file).await?);
    Ok(Controller::new(config, controller::Deps::new(store)).start().await?)
}

/// All roles in one process. They call one another directly where they can; their ports are open to others as usual.
pub struct AllInOne {
    controller: ControllerHandle,
    broker: BrokerHandle,
    server: ServerHandle,
    minion: MinionHandle,
}

impl AllInOne {
    /// Starts everything below `dir`. `properties` hold the settings of all roles; data directories that they do not
    /// name lie in `dir`. Returns when a query can be answered.
    pub async fn start(properties: &Properties, dir: &Path) -> Result<Self> {
        let mut properties = properties.clone();
        properties.set_default("controller.data.dir", dir.join("controller").display().to_string());
        properties.set_default("pinot.server.instance.dataDir", dir.join("server").display().to_string());

        let controller = start_controller(&properties).await?;
        let cluster: Arc<dyn ClusterClient> = controller.client();

        let deps = server::Deps { cluster: Arc::clone(&cluster), fetcher: Arc::new(fetcher(&properties)) };
        let server = Server::new(ServerConfig::from_properties(&properties)?, deps).start().await?;

        let servers = Arc::new(LocalClients::default());
        servers.add(server.instance_id(), server.query_client());
        let deps = broker::Deps { cluster: Arc::clone(&cluster), servers };
        let broker = Broker::new(BrokerConfig::from_properties(&properties)?, deps).start().await?;

        let minion = Minion::new(MinionConfig::from_properties(&properties)?, minion::Deps { cluster }).start().await?;
        properties.warn_unread();
        let all = Self { controller, broker, server, minion };
        all.wait_ready().await?;
        Ok(all)
    }

    async fn wait_ready(&self) -> Result<()> {
        let ready = async {
            while !(self.broker.is_ready() && self.server.is_ready()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ready)
            .await
            .context("broker and server are not ready after 120 s")
    }

    pub fn controller_addr(&self) -> SocketAddr {
        self.controller.addr()
    }

    pub fn broker_addr(&self) -> SocketAddr {
        self.broker.addr()
    }

    pub fn server_admin_addr(&self) -> SocketAddr {
        self.server.admin_addr()
    }

    /// Resolves when a role cannot go on.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.broker.failed() => {}
            () = self.server.failed() => {}
            () = self.minion.failed() => {}
        }
    }

    /// Stops the front before the back, so that nothing asks what is gone.
    pub async fn shutdown(self, deadline: Duration) {
        self.broker.shutdown(deadline).await;
        self.minion.shutdown(deadline).await;
        self.server.shutdown(deadline).await;
        self.controller.shutdown(deadline).await;
    }
}
