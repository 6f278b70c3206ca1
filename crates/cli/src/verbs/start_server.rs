//! `StartServer`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{JoinFlags, RoleFlags},
};
use crate::start;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartServer {
    /// Host that is told to others [default: localhost].
    #[arg(long = "serverHost", value_name = "HOST")]
    pub host: Option<String>,
    /// Queries from brokers [default: 8098].
    #[arg(long = "serverPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Admin HTTP API [default: 8097].
    #[arg(long = "serverAdminPort", value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Where segments are kept.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    #[command(flatten)]
    pub join: JoinFlags,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartServer {
    const NAME: &'static str = "StartServer";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a server: holds segments and answers queries over them.";
    const EXAMPLES: &'static [&'static str] =
        &["StartServer -controller localhost:9000 -dataDir /var/lib/cuvee/server"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(&[
            ("pinot.server.netty.host", self.host.clone()),
            ("pinot.server.netty.port", self.port.map(|p| p.to_string())),
            ("pinot.server.adminapi.port", self.admin_port.map(|p| p.to_string())),
            ("pinot.server.instance.dataDir", self.data_dir.clone()),
            (start::CONTROLLER_ADDRESS, self.join.controller.clone()),
        ])?;
        start::server(&properties).await
    }
}
