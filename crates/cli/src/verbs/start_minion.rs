//! `StartMinion`.

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
pub struct StartMinion {
    /// Host that is told to others [default: the own address towards the controller].
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
    const DETAILS: &'static str = JOIN_DETAILS;
    const EXAMPLES: &'static [&'static str] = &["StartMinion -controller localhost:9000"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(
            &RoleKeys::OTHERS,
            &[
                ("pinot.minion.host", self.host.clone()),
                ("pinot.minion.port", self.port.map(|p| p.to_string())),
                (CONTROLLER_ADDRESS, self.join.controller.clone()),
            ],
        )?;
        start::run(Role::Minion, properties).await
    }
}
