//! `StartController`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{ROLE_DETAILS, RoleFlags, RoleKeys},
};
use crate::start::{self, Role};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartController {
    /// Host that is told to others [default: localhost; in a cluster of several machines the own address].
    #[arg(long = "controllerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// REST and cluster sessions [default: 9000].
    #[arg(long = "controllerPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Deep store and cluster state: a folder, or with `cuvee.controller.metadata.file` set, any deep-store URL
    /// [default: data/PinotController in the temporary folder].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Accepted; a controller here always does everything.
    #[arg(long, value_name = "MODE", ignore_case = true, value_parser = ["DUAL", "PINOT_ONLY", "HELIX_ONLY"])]
    pub controller_mode: Option<String>,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartController {
    const NAME: &'static str = "StartController";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a controller: cluster state, REST API, ingestion.";
    const DETAILS: &'static str = ROLE_DETAILS;
    const EXAMPLES: &'static [&'static str] = &[
        "StartController -controllerPort 9000 -dataDir /var/lib/cuvee/controller",
        "StartController -zkAddress zookeeper:2181 -configFileName /config/pinot-controller.conf",
    ];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let mode = self.controller_mode.as_ref().map(|mode| mode.to_ascii_uppercase());
        let mut properties = self.role.properties(
            &RoleKeys::CONTROLLER,
            &[
                ("controller.host", self.host.clone()),
                ("controller.port", self.port.map(|p| p.to_string())),
                ("controller.data.dir", self.data_dir.clone()),
                ("controller.mode", mode.filter(|mode| mode != "DUAL")),
            ],
        )?;
        if self.role.config_file.is_none() {
            let dir = std::env::temp_dir().join("data").join("PinotController");
            properties.set_default("controller.data.dir", dir.display().to_string());
        }
        start::run(Role::Controller, properties).await
    }
}
