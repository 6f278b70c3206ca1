//! `ChangeTableState`.

use anyhow::{Result, bail};
use clap::Args;
use reqwest::Method;

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags},
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ChangeTableState {
    /// Name of the table, with or without its type.
    #[arg(long, value_name = "NAME")]
    pub table_name: String,
    /// enable, disable or drop.
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = ["enable", "disable", "drop"])]
    pub state: String,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for ChangeTableState {
    const NAME: &'static str = "ChangeTableState";
    const GROUP: Group = Group::Tables;
    const ABOUT: &'static str = "Enable, disable or drop a table.";
    const DETAILS: &'static str =
        "A disabled table keeps its segments and answers no query. `drop` deletes it, as DeleteTable does.";
    const EXAMPLES: &'static [&'static str] = &["ChangeTableState -tableName movies -state disable"];

    async fn run(self) -> Result<()> {
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        let state = self.state.to_ascii_lowercase();
        if state == "drop" {
            println!("{}", rest.delete(&path(&["tables", &self.table_name])).await?.ok()?.text);
            return Ok(());
        }
        let configs = rest.get_json(&path(&["tables", &self.table_name])).await?;
        let types: Vec<&str> = ["OFFLINE", "REALTIME"].into_iter().filter(|kind| configs[*kind].is_object()).collect();
        if types.is_empty() {
            bail!("there is no table {}", self.table_name);
        }
        for kind in types {
            let request = rest
                .request(Method::PUT, &path(&["tables", &self.table_name, "state"]))
                .query(&[("type", kind), ("state", &state)]);
            println!("{}", rest.send(request).await?.ok()?.text);
        }
        Ok(())
    }
}
