//! Puts roles together: one in a process, or all of them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use broker::{Broker, BrokerConfig, BrokerHandle, GrpcClients, LocalClients};
use controller::{Controller, ControllerConfig, ControllerHandle};
use metadata::{EmbeddedStore, MetadataStore};
use minion::{Minion, MinionConfig, MinionHandle};
use proto::{ClusterClient, GrpcClusterClient};
use server::{Fetcher, Server, ServerConfig, ServerHandle};
use service::{Properties, shutdown};

use crate::{
    discover::{self, CONTROLLER_ADDRESS},
    pid_file,
};

/// The file of the cluster state; default `<controller.data.dir>/.metadata/cluster.redb`.
const METADATA_FILE: &str = "cuvee.controller.metadata.file";

/// What a process can be. In the order in which they are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Controller,
    Server,
    Broker,
    Minion,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Controller, Role::Server, Role::Broker, Role::Minion];

    /// As in file names and log lines.
    pub fn name(self) -> &'static str {
        match self {
            Role::Controller => "controller",
            Role::Server => "server",
            Role::Broker => "broker",
            Role::Minion => "minion",
        }
    }

    /// By its name in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name.trim()))
    }

    /// The key of the host that is told to others.
    fn host_key(self) -> &'static str {
        match self {
            Role::Controller => "controller.host",
            Role::Server => "pinot.server.netty.host",
            Role::Broker => "pinot.broker.hostname",
            Role::Minion => "pinot.minion.host",
        }
    }
}

enum Started {
    Controller(ControllerHandle),
    Server(ServerHandle),
    Broker(BrokerHandle),
    Minion(MinionHandle),
}

impl Started {
    fn instance_id(&self) -> String {
        match self {
            Started::Controller(handle) => handle.cluster().instance_id.clone(),
            Started::Server(handle) => handle.instance_id().to_owned(),
            Started::Broker(handle) => handle.instance_id().to_owned(),
            Started::Minion(handle) => handle.instance_id().to_owned(),
        }
    }

    /// Resolves when the role cannot go on.
    async fn failed(&self) {
        match self {
            Started::Controller(_) => std::future::pending().await,
            Started::Server(handle) => handle.failed().await,
            Started::Broker(handle) => handle.failed().await,
            Started::Minion(handle) => handle.failed().await,
        }
    }

    async fn shutdown(self, deadline: Duration) {
        match self {
            Started::Controller(handle) => handle.shutdown(deadline).await,
            Started::Server(handle) => drop(handle.shutdown(deadline).await),
            Started::Broker(handle) => drop(handle.shutdown(deadline).await),
            Started::Minion(handle) => drop(handle.shutdown(deadline).await),
        }
    }
}

/// Starts one role and runs it until the process is asked to stop.
pub async fn run(role: Role, properties: Properties) -> Result<()> {
    run_all(vec![(role, properties)]).await
}

/// Starts roles in one process and runs them until it is asked to stop. They meet over their ports, as in processes of
/// their own, but for the controller: those that name none take the one that is started here.
pub async fn run_all(mut roles: Vec<(Role, Properties)>) -> Result<()> {
    let began = Instant::now();
    roles.sort_by_key(|(role, _)| *role);
    let _pid_files: Vec<_> = roles.iter().filter_map(|(role, _)| pid_file::write(role.name())).collect();
    let mut started: Vec<(Role, Started)> = Vec::new();
    // One listener all along: a signal between two would be lost.
    let stop = shutdown::signal();
    tokio::pin!(stop);
    let ended = tokio::select! {
        ended = start_all(&roles, &mut started, began) => ended.map(|()| false),
        // Asked to stop while the controller is still looked for.
        () = &mut stop => Ok(true),
    };
    let ended = match ended {
        Ok(false) => {
            let failures = started.iter().map(|(role, started)| {
                Box::pin(async move {
                    started.failed().await;
                    *role
                })
            });
            tokio::select! {
                () = &mut stop => Ok(()),
                (role, ..) = futures::future::select_all(failures) => {
                    Err(anyhow!("the {}'s session with the controller has broken for good; see the log above", role.name()))
                }
            }
        }
        Ok(true) => Ok(()),
        Err(error) => Err(error),
    };
    // The front stops before the back, so that nothing asks what is gone.
    for (_, role) in started.into_iter().rev() {
        role.shutdown(shutdown::DRAIN).await;
    }
    ended
}

async fn start_all(roles: &[(Role, Properties)], started: &mut Vec<(Role, Started)>, began: Instant) -> Result<()> {
    let mut local: Option<Arc<dyn ClusterClient>> = None;
    for (role, properties) in roles {
        let mut properties = properties.clone();
        let handle = match role {
            Role::Controller => {
                host_of_controller(&mut properties).await?;
                let handle = start_controller(&properties).await?;
                let client: Arc<dyn ClusterClient> = handle.client();
                local.get_or_insert(client);
                Started::Controller(handle)
            }
            Role::Server => {
                let cluster = join(*role, &mut properties, local.as_ref()).await?;
                let deps = server::Deps { cluster, fetcher: Arc::new(fetcher(&properties)?) };
                Started::Server(Server::new(ServerConfig::from_properties(&properties)?, deps).start().await?)
            }
            Role::Broker => {
                let cluster = join(*role, &mut properties, local.as_ref()).await?;
                let deps = broker::Deps { cluster, servers: Arc::new(GrpcClients) };
                Started::Broker(Broker::new(BrokerConfig::from_properties(&properties)?, deps).start().await?)
            }
            Role::Minion => {
                let deps = minion::Deps { cluster: join(*role, &mut properties, local.as_ref()).await? };
                Started::Minion(Minion::new(MinionConfig::from_properties(&properties)?, deps).start().await?)
            }
        };
        // In the words that users' start scripts wait for.
        let (name, seconds) = (role.name().to_ascii_uppercase(), began.elapsed().as_secs_f64());
        tracing::info!("Started Pinot [{name}] instance [{}] at {seconds:.2}s since launch", handle.instance_id());
        properties.warn_unread();
        started.push((*role, handle));
    }
    Ok(())
}

/// The way to the controller, and the host that the role tells others when none is set.
async fn join(
    role: Role,
    properties: &mut Properties,
    local: Option<&Arc<dyn ClusterClient>>,
) -> Result<Arc<dyn ClusterClient>> {
    let host = properties.get(role.host_key());
    if let Some(local) = local
        && properties.get(CONTROLLER_ADDRESS).is_none()
    {
        if host.is_none() && discover::is_spread(properties) {
            properties.set(role.host_key(), discover::advertised_host(properties, None).await?);
        }
        return Ok(Arc::clone(local));
    }
    let address = discover::controller(properties, host.as_deref()).await?;
    if host.is_none() {
        properties.set(role.host_key(), discover::advertised_host(properties, Some(&address)).await?);
    }
    let channel = service::grpc::channel(&address)
        .with_context(|| format!("`{address}` is no address of a controller; expected host:port"))?;
    Ok(Arc::new(GrpcClusterClient::new(channel)))
}

/// A controller that nobody has named is `localhost`, unless the cluster spreads over machines.
async fn host_of_controller(properties: &mut Properties) -> Result<()> {
    let named = properties.first_of(&["controller.vip.host", Role::Controller.host_key()]);
    let by_name = properties.bool("pinot.set.instance.id.to.hostname", false)?;
    if named.is_none() && (by_name || discover::is_spread(properties)) {
        properties.set(Role::Controller.host_key(), discover::advertised_host(properties, None).await?);
    }
    Ok(())
}

fn fetcher(properties: &Properties) -> Result<Fetcher> {
    Ok(Fetcher::from_properties(properties)?)
}

/// Whether a data directory is not on this machine.
fn is_remote(data_dir: &str) -> bool {
    data_dir.contains("://") && !data_dir.starts_with("file://")
}

async fn start_controller(properties: &Properties) -> Result<ControllerHandle> {
    let config = ControllerConfig::from_properties(properties)?;
    let file = match properties.get(METADATA_FILE) {
        Some(file) => PathBuf::from(file),
        None if is_remote(&config.data_dir) => bail!(
            "controller.data.dir is {}, so the cluster state needs a file of its own on this machine: set {METADATA_FILE}",
            config.data_dir
        ),
        None => Path::new(config.data_dir.trim_start_matches("file://")).join(".metadata/cluster.redb"),
    };
    if let Some(zk) = properties.get("controller.zk.str") {
        tracing::info!(
            "no ZooKeeper is needed: {zk} is accepted and not used. The cluster's state is in {}",
            file.display()
        );
    }
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
        if properties.peek("controller.data.dir").is_some_and(|data| is_remote(&data)) {
            properties.set_default(METADATA_FILE, dir.join("metadata/cluster.redb").display().to_string());
        }
        properties.set_default("pinot.server.instance.dataDir", dir.join("server").display().to_string());
        let results = dir.join("broker").join("responseStore");
        properties.set_default("pinot.broker.cursor.response.store.file.data.dir", results.display().to_string());

        let controller = start_controller(&properties).await?;
        let cluster: Arc<dyn ClusterClient> = controller.client();

        let deps = server::Deps { cluster: Arc::clone(&cluster), fetcher: Arc::new(fetcher(&properties)?) };
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

    pub fn minion_addr(&self) -> SocketAddr {
        self.minion.addr()
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
