//! `DeleteSchema`.

use anyhow::Result;
use clap::Args;

use super::{
    Group, Verb,
    flags::AdminFlags,
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct DeleteSchema {
    /// Name of the schema.
    #[arg(long, value_name = "NAME")]
    pub schema_name: String,
    #[command(flatten)]
    pub admin: AdminFlags,
}

impl Verb for DeleteSchema {
    const NAME: &'static str = "DeleteSchema";
    const GROUP: Group = Group::Tables;
    const ABOUT: &'static str = "Delete a schema that no table uses.";
    const EXAMPLES: &'static [&'static str] = &["DeleteSchema -schemaName movies -exec"];

    async fn run(self) -> Result<()> {
        if !self.admin.exec {
            println!("Dry run: schema {} is not deleted. Repeat the command with -exec.", self.schema_name);
            return Ok(());
        }
        let rest = Rest::admin(&self.admin).await?;
        println!("{}", rest.delete(&path(&["schemas", &self.schema_name])).await?.ok()?.text);
        Ok(())
    }
}
