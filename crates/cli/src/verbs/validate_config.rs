//! `ValidateConfig`.

use anyhow::{Result, bail};
use clap::Args;

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags},
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ValidateConfig {
    /// Accepted as Pinot's users type it, and not used: the controller is asked.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
    /// Name of the cluster; when given, the controller must be of this cluster.
    #[arg(long, alias = "clusterName", value_name = "NAME")]
    pub cluster: Option<String>,
    /// Check table configs.
    #[arg(long)]
    pub table_config: bool,
    /// Tables to check, separated by spaces or commas; without it all.
    #[arg(long, value_name = "NAMES")]
    pub table_names: Option<String>,
    /// Check schemas.
    #[arg(long)]
    pub schema: bool,
    /// Schemas to check, separated by spaces or commas; without it all.
    #[arg(long, value_name = "NAMES")]
    pub schema_names: Option<String>,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for ValidateConfig {
    const NAME: &'static str = "ValidateConfig";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Check the table configs and schemas that a cluster holds.";
    const EXAMPLES: &'static [&'static str] =
        &["ValidateConfig -tableConfig -schema", "ValidateConfig -tableConfig -tableNames \"movies orders\""];

    async fn run(self) -> Result<()> {
        if !self.table_config && !self.schema {
            bail!("nothing to check: give -tableConfig, -schema or both");
        }
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        rest.of_cluster(self.cluster.as_deref()).await?;
        let mut wrong = 0;
        if self.table_config {
            wrong += self.tables(&rest).await?;
        }
        if self.schema {
            wrong += self.schemas(&rest).await?;
        }
        if wrong > 0 {
            bail!("{wrong} of them are not valid, see above");
        }
        Ok(())
    }
}

impl ValidateConfig {
    async fn tables(&self, rest: &Rest) -> Result<usize> {
        let names = match &self.table_names {
            Some(names) => words(names),
            None => rest.names("/tables", "tables").await?,
        };
        let mut wrong = 0;
        for name in names {
            let configs = rest.find_json(&path(&["tables", &name])).await?.unwrap_or_default();
            let mut found = false;
            for kind in ["OFFLINE", "REALTIME"] {
                if configs[kind].is_object() {
                    found = true;
                    let label = format!("table {name} {kind}");
                    wrong += check(rest, "/tables/validate", &label, configs[kind].to_string()).await?;
                }
            }
            if !found {
                println!("table {name}: there is none");
                wrong += 1;
            }
        }
        Ok(wrong)
    }

    async fn schemas(&self, rest: &Rest) -> Result<usize> {
        let names = match &self.schema_names {
            Some(names) => words(names),
            None => rest.names("/schemas", "schemas").await?,
        };
        let mut wrong = 0;
        for name in names {
            match rest.find_json(&path(&["schemas", &name])).await? {
                Some(schema) => {
                    wrong += check(rest, "/schemas/validate", &format!("schema {name}"), schema.to_string()).await?;
                }
                None => {
                    println!("schema {name}: there is none");
                    wrong += 1;
                }
            }
        }
        Ok(wrong)
    }
}

/// Gives 1 when it is not valid.
async fn check(rest: &Rest, path: &str, label: &str, body: String) -> Result<usize> {
    match rest.post_json(path, body).await?.ok() {
        Ok(_) => {
            println!("{label}: valid");
            Ok(0)
        }
        Err(refusal) => {
            println!("{label}: {refusal}");
            Ok(1)
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
