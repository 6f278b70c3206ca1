//! `DeleteCluster`: empties a cluster.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags},
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct DeleteCluster {
    /// Name of the cluster; the controller must be of this one.
    #[arg(long, value_name = "NAME")]
    pub cluster_name: String,
    /// Accepted as Pinot's users type it, and not used: the controller is asked.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for DeleteCluster {
    const NAME: &'static str = "DeleteCluster";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Delete every table and every schema of a cluster.";
    const DETAILS: &'static str = "\
Processes go on running, with nothing to serve. Segments are kept in the deep store for as long as those of deleted tables are.";
    const EXAMPLES: &'static [&'static str] = &["DeleteCluster -clusterName PinotCluster"];

    async fn run(self) -> Result<()> {
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        rest.of_cluster(Some(&self.cluster_name)).await?;
        let tables = rest.names("/tables", "tables").await?;
        for table in &tables {
            rest.delete(&path(&["tables", table])).await?.ok()?;
        }
        let schemas = rest.names("/schemas", "schemas").await?;
        for schema in &schemas {
            rest.delete(&path(&["schemas", schema])).await?.ok()?;
        }
        println!("{}: {} tables and {} schemas deleted.", self.cluster_name, tables.len(), schemas.len());
        Ok(())
    }
}
