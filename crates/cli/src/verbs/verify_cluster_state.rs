//! `VerifyClusterState`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use super::{Group, Verb, flags::ClusterFlags, rest::Rest};
use crate::states;

/// The controller is asked so often while tables change.
const PAUSE: Duration = Duration::from_millis(500);
/// Differences that are named.
const SHOWN: usize = 10;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct VerifyClusterState {
    /// A table; without it all are looked at.
    #[arg(long, value_name = "NAME")]
    pub table_name: Option<String>,
    /// How long to wait until every segment is where it should be, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub timeout_sec: u64,
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

impl Verb for VerifyClusterState {
    const NAME: &'static str = "VerifyClusterState";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Wait until every segment is served where it should be.";
    const DETAILS: &'static str =
        "The controller is asked; -zkAddress is accepted and not used. The status is 1 when the time is over.";
    const EXAMPLES: &'static [&'static str] = &["VerifyClusterState -tableName movies_OFFLINE -timeoutSec 60"];

    async fn run(self) -> Result<()> {
        let rest = Rest::cluster(&self.cluster).await?;
        let began = Instant::now();
        loop {
            let tables = states::of_tables(&rest, self.table_name.as_deref()).await?;
            if let (Some(name), true) = (&self.table_name, tables.is_empty()) {
                bail!("there is no table {name}");
            }
            let differing: Vec<String> = tables
                .iter()
                .flat_map(|(table, states)| {
                    states.differing().into_iter().map(move |segment| format!("{table}/{segment}"))
                })
                .collect();
            if differing.is_empty() {
                println!("All Tables are stable. The cluster is stable.");
                return Ok(());
            }
            if began.elapsed() >= Duration::from_secs(self.timeout_sec) {
                let more = if differing.len() > SHOWN { " …" } else { "" };
                let shown = differing[..differing.len().min(SHOWN)].join(", ");
                bail!(
                    "the cluster is not stable after {} s: {} segments differ: {shown}{more}",
                    self.timeout_sec,
                    differing.len()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
