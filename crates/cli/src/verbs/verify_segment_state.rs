//! `VerifySegmentState`.

use anyhow::Result;
use clap::Args;

use super::{Group, Verb, flags::ClusterFlags, rest::Rest};
use crate::states::{self, States};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct VerifySegmentState {
    /// Only tables whose name begins so.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub table_prefix: String,
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

impl Verb for VerifySegmentState {
    const NAME: &'static str = "VerifySegmentState";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "List the segments that are not served where they should be.";
    const DETAILS: &'static str = "The controller is asked; -zkAddress is accepted and not used.";
    const EXAMPLES: &'static [&'static str] = &["VerifySegmentState -clusterName PinotCluster -tablePrefix mov"];

    async fn run(self) -> Result<()> {
        let rest = Rest::cluster(&self.cluster).await?;
        let tables = states::of_tables(&rest, None).await?;
        let (mut looked_at, mut differing) = (0, 0);
        for (table, states) in tables.iter().filter(|(table, _)| table.starts_with(&self.table_prefix)) {
            looked_at += 1;
            for segment in states.differing() {
                differing += 1;
                let side = |states: Option<&States>| match states {
                    Some(states) => states.iter().map(|(i, s)| format!("{i}={s}")).collect::<Vec<_>>().join(" "),
                    None => "none".to_owned(),
                };
                println!(
                    "{table} {segment}: ideal state {}; external view {}",
                    side(states.wanted.get(segment)),
                    side(states.actual.get(segment))
                );
            }
        }
        println!("{differing} segments of {looked_at} tables are not where they should be.");
        Ok(())
    }
}
