//! `StartController`.

use anyhow::Result;
use clap::Args;

use super::{Group, Verb, flags::RoleFlags};
use crate::start;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StartController {
    /// Host that is told to others [default: localhost].
    #[arg(long = "controllerHost", value_name = "HOST")]
    pub host: Option<String>,
    /// REST and cluster sessions [default: 9000].
    #[arg(long = "controllerPort", value_name = "PORT")]
    pub port: Option<u16>,
    /// Deep store and cluster state: a folder, or with `controller.metadata.file` set, any deep-store URL.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    #[command(flatten)]
    pub role: RoleFlags,
}

impl Verb for StartController {
    const NAME: &'static str = "StartController";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a controller: cluster state, REST API, ingestion.";
    const EXAMPLES: &'static [&'static str] =
        &["StartController -controllerPort 9000 -dataDir /var/lib/cuvee/controller"];
    const LOG: &'static str = "info";

    async fn run(self) -> Result<()> {
        let properties = self.role.properties(&[
            ("controller.host", self.host.clone()),
            ("controller.port", self.port.map(|p| p.to_string())),
            ("controller.data.dir", self.data_dir.clone()),
        ])?;
        start::controller(&properties).await
    }
}
