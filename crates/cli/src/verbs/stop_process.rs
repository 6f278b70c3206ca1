//! `StopProcess`: stops roles that this user has started on this machine.

use anyhow::{Result, bail};
use clap::Args;

use super::{Group, Verb};
use crate::pid_file;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StopProcess {
    /// Stop the controller.
    #[arg(long)]
    pub controller: bool,
    /// Stop the broker.
    #[arg(long)]
    pub broker: bool,
    /// Stop the server.
    #[arg(long)]
    pub server: bool,
    /// Stop the minion.
    #[arg(long)]
    pub minion: bool,
    /// Stop the whole cluster that `quickstart` runs.
    #[arg(long, alias = "quickStart")]
    pub quickstart: bool,
    /// Stop what StartZookeeper runs.
    #[arg(long = "zooKeeper", aliases = ["zookeeper"])]
    pub zookeeper: bool,
    /// Accepted; Kafka is not started by this tool, so there is none to stop.
    #[arg(long)]
    pub kafka: bool,
}

impl Verb for StopProcess {
    const NAME: &'static str = "StopProcess";
    const GROUP: Group = Group::Start;
    const ABOUT: &'static str = "Stop the roles that were started last on this machine.";
    const DETAILS: &'static str = "\
Of several processes of the same role the one that was started last is stopped. The verb waits until it has ended: what it
was doing is finished first.";
    const EXAMPLES: &'static [&'static str] = &["StopProcess -broker -server -controller"];

    async fn run(self) -> Result<()> {
        // The front first, so that nothing asks what is gone.
        let asked = [
            (self.broker, "broker"),
            (self.minion, "minion"),
            (self.server, "server"),
            (self.controller, "controller"),
            (self.quickstart, "quickstart"),
            (self.zookeeper, "zookeeper"),
        ];
        if self.kafka {
            println!("-kafka: Kafka is not started by this tool; stop it where it was started.");
        } else if asked.iter().all(|(asked, _)| !asked) {
            bail!("nothing to stop: name it with -controller, -broker, -server, -minion or -quickstart");
        }
        let mut missing = Vec::new();
        for (_, role) in asked.into_iter().filter(|(asked, _)| *asked) {
            let stopped = tokio::task::spawn_blocking(move || pid_file::stop(role)).await??;
            match stopped {
                Some(pid) => println!("The {role}, process {pid}, has stopped."),
                None => missing.push(role),
            }
        }
        if !missing.is_empty() {
            bail!("no process of this user runs here as: {}", missing.join(", "));
        }
        Ok(())
    }
}
