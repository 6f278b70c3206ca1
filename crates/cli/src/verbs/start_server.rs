//! `StartServer`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{JOIN_DETAILS, JoinFlags, RoleFlags, RoleKeys},
};
use crate::{
    discover::CONTROLLER_ADDRESS,
    start::{self, Role},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartServer {
    /// Host that is told to others [default: the own address towards the controller].
    #[arg(long = "serverHost", value_name = "HOST")]
    pub host: Option<String>,
    /// Queries from brokers [default: 8098].
    #[arg(long = "serverPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Admin HTTP API [default: 8097].
    #[arg(long = "serverAdminPort", value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Accepted; brokers query over -serverPort, which is gRPC.
    #[arg(long, value_name = "PORT")]
    pub server_grpc_port: Option<u16>,
    /// Accepted; the multi-stage engine is not there yet.
    #[arg(long, value_name = "PORT")]
    pub server_multi_stage_server_port: Option<u16>,
    /// Accepted; the multi-stage engine is not there yet.
    #[arg(long, value_name = "PORT")]
    pub server_multi_stage_runner_port: Option<u16>,
    /// Where segments are kept [default: data/pinotServerData in the temporary folder].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Accepted; downloads lie below the data folder.
    #[arg(long, value_name = "DIR")]
    pub segment_dir: Option<String>,
    #[command(flatten)]
    pub join: JoinFlags,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartServer {
    const NAME: &'static str = "StartServer";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a server: holds segments and answers queries over them.";
    const DETAILS: &'static str = JOIN_DETAILS;
    const EXAMPLES: &'static [&'static str] = &[
        "StartServer -controller localhost:9000 -dataDir /var/lib/cuvee/server",
        "StartServer -zkAddress zookeeper:2181 -configFileName /config/pinot-server.conf",
    ];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let port = |port: Option<u16>| port.map(|p| p.to_string());
        let mut properties = self.role.properties(
            &RoleKeys::OTHERS,
            &[
                ("pinot.server.netty.host", self.host.clone()),
                ("pinot.server.netty.port", port(self.port)),
                ("pinot.server.adminapi.port", port(self.admin_port)),
                ("pinot.server.grpc.port", port(self.server_grpc_port)),
                ("pinot.query.server.port", port(self.server_multi_stage_server_port)),
                ("pinot.query.runner.port", port(self.server_multi_stage_runner_port)),
                ("pinot.server.instance.dataDir", self.data_dir.clone()),
                ("pinot.server.instance.segmentTarDir", self.segment_dir.clone()),
                (CONTROLLER_ADDRESS, self.join.controller.clone()),
            ],
        )?;
        if self.role.config_file.is_none() {
            let dir = std::env::temp_dir().join("data").join("pinotServerData");
            properties.set_default("pinot.server.instance.dataDir", dir.display().to_string());
        }
        start::run(Role::Server, properties).await
    }
}
