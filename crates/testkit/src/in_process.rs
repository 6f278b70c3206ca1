//! All roles inside the test's process, on free ports, in a temporary folder.

use anyhow::Result;
use cli::start::AllInOne;
use service::Properties;
use tempfile::TempDir;

use crate::Client;

/// Dropped together with its data.
pub struct InProcess {
    pub client: Client,
    /// The server's admin API.
    pub admin: String,
    /// The minion's API.
    pub minion: String,
    _cluster: AllInOne,
    _dir: TempDir,
}

impl InProcess {
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// With more properties than the ports.
    pub async fn start_with(more: &[(String, String)]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut properties = Properties::new();
        for key in [
            "controller.port",
            "pinot.broker.client.queryPort",
            "pinot.server.netty.port",
            "pinot.server.adminapi.port",
            "pinot.minion.port",
        ] {
            properties.set(key, "0");
        }
        for (key, value) in more {
            properties.set(key, value.clone());
        }
        let cluster = AllInOne::start(&properties, dir.path()).await?;
        let url = |port: u16| format!("http://localhost:{port}");
        let client = Client::new(url(cluster.controller_addr().port()), url(cluster.broker_addr().port()));
        Ok(Self {
            client,
            admin: url(cluster.server_admin_addr().port()),
            minion: url(cluster.minion_addr().port()),
            _cluster: cluster,
            _dir: dir,
        })
    }

    /// The HTTP address of a role, by its name in small letters.
    pub fn url(&self, role: &str) -> Option<&str> {
        match role {
            "controller" => Some(&self.client.controller),
            "broker" => Some(&self.client.broker),
            "server" => Some(&self.admin),
            "minion" => Some(&self.minion),
            _ => None,
        }
    }
}
