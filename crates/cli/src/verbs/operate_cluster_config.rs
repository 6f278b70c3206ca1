//! `OperateClusterConfig`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags},
    rest::{Rest, path},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct OperateClusterConfig {
    /// GET, ADD, UPDATE or DELETE.
    #[arg(long, value_name = "OPERATION", ignore_case = true, value_parser = ["GET", "ADD", "UPDATE", "DELETE"])]
    pub operation: String,
    /// One `key=value` to ADD or UPDATE, one key to DELETE; none to GET.
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<String>,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for OperateClusterConfig {
    const NAME: &'static str = "OperateClusterConfig";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Read or change the settings that hold for the whole cluster.";
    const EXAMPLES: &'static [&'static str] = &[
        "OperateClusterConfig -operation GET",
        "OperateClusterConfig -operation ADD -config pinot.broker.enable.query.limit.override=true",
        "OperateClusterConfig -operation DELETE -config pinot.broker.enable.query.limit.override",
    ];

    async fn run(self) -> Result<()> {
        let operation = self.operation.to_ascii_uppercase();
        let pair = match operation.as_str() {
            "ADD" | "UPDATE" => Some(self.pair()?),
            _ => None,
        };
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        match (pair, self.config.as_deref()) {
            (Some((key, value)), _) => {
                let body = Value::Object([(key.to_owned(), json!(value))].into_iter().collect());
                println!("{}", rest.post_json("/cluster/configs", body.to_string()).await?.ok()?.text);
            }
            (None, key) if operation == "DELETE" => {
                let key = key.filter(|key| !key.is_empty()).context("-operation DELETE needs the key as -config")?;
                println!("{}", rest.delete(&path(&["cluster", "configs", key])).await?.ok()?.text);
            }
            (None, _) => {
                let configs = rest.get_json("/cluster/configs").await?;
                for (key, value) in configs.as_object().into_iter().flatten() {
                    println!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                }
            }
        }
        Ok(())
    }
}

impl OperateClusterConfig {
    fn pair(&self) -> Result<(&str, &str)> {
        let config = self.config.as_deref().unwrap_or_default();
        match config.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.contains('=') => Ok((key.trim(), value)),
            _ => bail!("-config `{config}`: expected one key=value"),
        }
    }
}
