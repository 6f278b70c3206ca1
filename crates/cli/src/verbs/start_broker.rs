//! `StartBroker`.

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
pub struct StartBroker {
    /// Host that is told to others [default: the own address towards the controller].
    #[arg(long = "brokerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// SQL over HTTP [default: 8099].
    #[arg(long = "brokerPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Accepted; queries over gRPC are not there yet.
    #[arg(long, value_name = "PORT")]
    pub broker_grpc_port: Option<i32>,
    /// Accepted; the multi-stage engine is not there yet.
    #[arg(long, value_name = "PORT")]
    pub broker_multi_stage_runner_port: Option<u16>,
    #[command(flatten)]
    pub join: JoinFlags,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartBroker {
    const NAME: &'static str = "StartBroker";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a broker: SQL over HTTP.";
    const DETAILS: &'static str = JOIN_DETAILS;
    const EXAMPLES: &'static [&'static str] =
        &["StartBroker -controller localhost:9000", "StartBroker -zkAddress zookeeper:2181 -brokerHost pinot-broker"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(
            &RoleKeys::OTHERS,
            &[
                ("pinot.broker.hostname", self.host.clone()),
                ("pinot.broker.client.queryPort", self.port.map(|p| p.to_string())),
                ("pinot.broker.grpc.port", self.broker_grpc_port.filter(|p| *p >= 0).map(|p| p.to_string())),
                ("pinot.query.runner.port", self.broker_multi_stage_runner_port.map(|p| p.to_string())),
                (CONTROLLER_ADDRESS, self.join.controller.clone()),
            ],
        )?;
        start::run(Role::Broker, properties).await
    }
}
