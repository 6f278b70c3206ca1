//! `quickstart`: a whole cluster in one process.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Group, Verb};
use crate::quickstart;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct QuickStart {
    /// `batch` has a table of 120,000 sample rows, `empty` has none.
    #[arg(long = "type", default_value = "batch", ignore_case = true, value_parser = ["batch", "offline", "empty", "default"])]
    pub kind: String,
    /// Where everything is kept. Without it a temporary folder is used and removed at the end.
    #[arg(long, aliases = ["tmpDir", "quickstartDir"], value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Properties of all roles, Pinot's keys.
    #[arg(long, alias = "configFilePath", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
}

impl Verb for QuickStart {
    const NAME: &'static str = "QuickStart";
    const ALIASES: &'static [&'static str] = &["quickstart", "quickStart", "Quickstart"];
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a whole cluster in one process, with sample data or empty.";
    const EXAMPLES: &'static [&'static str] = &["quickstart", "QuickStart -type EMPTY -dataDir /var/lib/cuvee"];
    const ECHO: bool = false;

    async fn run(self) -> Result<()> {
        quickstart::run(self).await
    }
}
