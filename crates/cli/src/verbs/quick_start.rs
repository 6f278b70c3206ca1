//! `quickstart`: a whole cluster in one process.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use super::{
    Group, Verb,
    bootstrap_table::BootstrapTable,
    flags::{AuthFlags, ControllerFlags},
};
use crate::quickstart;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct QuickStart {
    /// What is in the cluster: `batch` (or `offline`) a table of 120,000 sample rows, `empty` (or `default`) nothing,
    /// `generic` the tables of -bootstrapTableDir alone.
    #[arg(long = "type", default_value = "batch", value_name = "TYPE", value_parser = content)]
    pub content: Content,
    /// Folders of tables to load, each with `<table>_schema.json`, `<table>_offline_table_config.json` and
    /// `ingestionJobSpec.yaml`.
    #[arg(long, value_name = "DIR", num_args = 1.., value_delimiter = ',')]
    pub bootstrap_table_dir: Vec<PathBuf>,
    /// Where everything is kept. Without it a temporary folder is used and removed at the end.
    #[arg(long, aliases = ["tmpDir", "quickstartDir"], value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Properties of all roles, Pinot's keys.
    #[arg(long, alias = "configFilePath", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Accepted as Pinot's users type it: no ZooKeeper is needed.
    #[arg(long, aliases = ["zkUrl", "zkExternalAddress"], value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
}

/// What a quickstart has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Sample,
    Empty,
}

const WORKS: &str = "batch, offline, empty, default and generic work";

/// Pinot's types whose features are not there yet, as they are compared.
const LATER: &[&str] = &[
    "stream",
    "realtime",
    "hybrid",
    "upsert",
    "partialupsert",
    "upsertjsonindex",
    "join",
    "multistage",
    "nullhandling",
    "timestamp",
    "logicaltable",
    "multicluster",
    "timeseries",
    "timeseriesauth",
    "offlinejsonindex",
    "batchjsonindex",
    "streamjsonindex",
    "batchcomplextype",
    "offlinecomplextype",
    "realtimecomplextype",
    "streamcomplextype",
    "batchmultidir",
    "realtimeminion",
    "githubevents",
    "colocatedjoin",
    "lookupjoin",
    "geospatial",
    "sorted",
    "tpch",
    "baseballraw",
    "singlestageresourcetracking",
    "multistageresourcetracking",
    "auth",
    "authzk",
];

fn content(typed: &str) -> Result<Content, String> {
    let bare: String = typed.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect();
    match bare.as_str() {
        "batch" | "offline" => Ok(Content::Sample),
        "empty" | "default" | "generic" => Ok(Content::Empty),
        known if LATER.contains(&known) => Err(format!("this type is not there yet; {WORKS}")),
        _ => Err(format!("there is no such type; {WORKS}")),
    }
}

impl Verb for QuickStart {
    const NAME: &'static str = "QuickStart";
    const ALIASES: &'static [&'static str] = &["quickstart", "quickStart", "Quickstart"];
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Start a whole cluster in one process, with sample data or empty.";
    const EXAMPLES: &'static [&'static str] = &[
        "quickstart",
        "QuickStart -type EMPTY -dataDir /var/lib/cuvee",
        "QuickStart -type GENERIC -bootstrapTableDir examples/movies examples/orders",
    ];
    const ECHO: bool = false;

    async fn run(self) -> Result<()> {
        quickstart::run(self).await
    }
}

/// Loads the tables of folders into the cluster whose controller listens at `port`.
pub async fn bootstrap(dirs: &[PathBuf], port: u16) -> Result<()> {
    for dir in dirs {
        let controller = ControllerFlags {
            controller_host: "localhost".to_owned(),
            controller_port: port,
            controller_protocol: "http".to_owned(),
        };
        let load = BootstrapTable { dir: dir.clone(), controller, auth: AuthFlags::default() };
        load.run().await.with_context(|| format!("load the table of {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_taken_in_every_spelling() {
        for (typed, expected) in [
            ("BATCH", Ok(Content::Sample)),
            ("offline", Ok(Content::Sample)),
            ("Empty", Ok(Content::Empty)),
            ("PARTIAL-UPSERT", Err("not there yet")),
            ("upsert_json_index", Err("not there yet")),
            ("baseball-raw", Err("not there yet")),
            ("btach", Err("no such type; batch")),
        ] {
            match (content(typed), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{typed}"),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{typed}: {said}"),
                (found, _) => panic!("{typed}: {found:?}"),
            }
        }
    }
}
