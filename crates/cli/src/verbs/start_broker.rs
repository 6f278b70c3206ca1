//! `StartBroker`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{JoinFlags, RoleFlags},
};
use crate::start;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartBroker {
    /// Host that is told to others [default: localhost].
    #[arg(long = "brokerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// SQL over HTTP [default: 8099].
    #[arg(long = "brokerPort", value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub join: JoinFlags,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartBroker {
    const NAME: &'static str = "StartBroker";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a broker: SQL over HTTP.";
    const EXAMPLES: &'static [&'static str] = &["StartBroker -controller localhost:9000"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(&[
            ("pinot.broker.hostname", self.host.clone()),
            ("pinot.broker.client.queryPort", self.port.map(|p| p.to_string())),
            (start::CONTROLLER_ADDRESS, self.join.controller.clone()),
        ])?;
        start::broker(&properties).await
    }
}
