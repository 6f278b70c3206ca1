//! `StartMinion`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{JoinFlags, RoleFlags},
};
use crate::start;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartMinion {
    /// Host that is told to others [default: localhost].
    #[arg(long = "minionHost", value_name = "HOST")]
    pub host: Option<String>,
    /// Admin HTTP API [default: 9514].
    #[arg(long = "minionPort", value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub join: JoinFlags,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartMinion {
    const NAME: &'static str = "StartMinion";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a minion: runs background tasks.";
    const EXAMPLES: &'static [&'static str] = &["StartMinion -controller localhost:9000"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(&[
            ("pinot.minion.host", self.host.clone()),
            ("pinot.minion.port", self.port.map(|p| p.to_string())),
            (start::CONTROLLER_ADDRESS, self.join.controller.clone()),
        ])?;
        start::minion(&properties).await
    }
}
