//! The servers that queries may go to.

use std::{collections::BTreeMap, fmt, sync::Arc};

use proto::QueryClient;

use super::health::Health;

/// Opens the way to a server. One form goes over gRPC, the other calls a server of the same process.
pub trait ServerClients: Send + Sync + 'static {
    /// A client of the server, connected when first used. Asked again only when the address changes.
    fn client(&self, instance_id: &str, host: &str, port: u16) -> Arc<dyn QueryClient>;
}

/// One server instance as the controller described it last.
pub struct Server {
    pub id: Arc<str>,
    pub host: String,
    pub port: u16,
    pub tags: Vec<String>,
    /// Its session with the controller is alive.
    pub live: bool,
    /// An operator has not taken it out of service.
    pub enabled: bool,
    /// What answers call it, without its table type: the host, with the port where several servers share the host.
    pub short_name: String,
    /// Kept over updates.
    pub health: Arc<Health>,
    pub client: Arc<dyn QueryClient>,
}

impl Server {
    pub fn serves(&self) -> bool {
        self.live && self.enabled
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id)
            .field("live", &self.live)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// All known servers by instance id.
pub type Servers = BTreeMap<Arc<str>, Arc<Server>>;

/// A server as the controller's push describes it.
#[derive(Clone, Debug)]
pub struct ServerUpdate {
    pub id: String,
    pub host: String,
    pub port: u16,
    pub tags: Vec<String>,
    pub live: bool,
    pub enabled: bool,
}

/// `servers` with one entry added or replaced. Its client and its failure record are kept where the address stays; the
/// record is cleared when the controller sees the server come back.
pub fn with_server(servers: &mut Servers, update: ServerUpdate, clients: &dyn ServerClients) {
    let previous = servers.get(update.id.as_str());
    let same_address = previous.filter(|p| p.host == update.host && p.port == update.port);
    let client = match same_address {
        Some(previous) => Arc::clone(&previous.client),
        None => clients.client(&update.id, &update.host, update.port),
    };
    let health = match same_address {
        Some(previous) => Arc::clone(&previous.health),
        None => Arc::default(),
    };
    if update.live && previous.is_some_and(|previous| !previous.live) {
        health.record_success();
    }
    let id: Arc<str> = Arc::from(update.id);
    let server = Server {
        id: Arc::clone(&id),
        short_name: String::new(),
        host: update.host,
        port: update.port,
        tags: update.tags,
        live: update.live,
        enabled: update.enabled,
        health,
        client,
    };
    servers.insert(id, Arc::new(server));
}

/// Gives every server its short name; to be called after changes.
pub fn name_servers(servers: &mut Servers) {
    let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
    for server in servers.values() {
        *hosts.entry(server.host.clone()).or_default() += 1;
    }
    for server in servers.values_mut() {
        let shared = hosts.get(&server.host).is_some_and(|&count| count > 1);
        let name = if shared { format!("{}_{}", server.host, server.port) } else { server.host.clone() };
        if server.short_name != name {
            let renamed = Server {
                id: Arc::clone(&server.id),
                host: server.host.clone(),
                port: server.port,
                tags: server.tags.clone(),
                live: server.live,
                enabled: server.enabled,
                short_name: name,
                health: Arc::clone(&server.health),
                client: Arc::clone(&server.client),
            };
            *server = Arc::new(renamed);
        }
    }
}
