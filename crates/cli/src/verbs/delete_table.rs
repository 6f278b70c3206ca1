//! `DeleteTable`.

use anyhow::Result;
use clap::Args;
use reqwest::Method;

use super::{
    Group, Verb,
    flags::AdminFlags,
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct DeleteTable {
    /// Name of the table, with or without its type.
    #[arg(long, value_name = "NAME")]
    pub table_name: String,
    /// OFFLINE or REALTIME, of a hybrid table; without it both.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// How long the segments are kept in the deep store, as in 12h or 3d; 0d deletes them at once. The cluster has a default.
    #[arg(long, value_name = "PERIOD")]
    pub retention: Option<String>,
    #[command(flatten)]
    pub admin: AdminFlags,
}

impl Verb for DeleteTable {
    const NAME: &'static str = "DeleteTable";
    const GROUP: Group = Group::Tables;
    const ABOUT: &'static str = "Delete a table with its segments.";
    const EXAMPLES: &'static [&'static str] = &["DeleteTable -tableName movies -type OFFLINE -exec"];

    async fn run(self) -> Result<()> {
        if !self.admin.exec {
            println!("Dry run: table {} is not deleted. Repeat the command with -exec.", self.table_name);
            return Ok(());
        }
        let rest = Rest::admin(&self.admin).await?;
        let parameters: Vec<(&str, &String)> = [("type", &self.kind), ("retention", &self.retention)]
            .into_iter()
            .filter_map(|(k, v)| Some((k, v.as_ref()?)))
            .collect();
        let request = rest.request(Method::DELETE, &path(&["tables", &self.table_name])).query(&parameters);
        println!("{}", rest.send(request).await?.ok()?.text);
        Ok(())
    }
}
