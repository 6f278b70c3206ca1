//! `sql`: asks a broker and shows a table.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use super::{Group, Verb, flags::AuthFlags, rest::Rest};
use crate::ask;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct Sql {
    /// The statement; `-` reads it from standard input.
    pub statement: String,
    /// Address of the broker.
    #[arg(long, default_value = "http://localhost:8099", value_name = "URL")]
    pub broker: String,
    /// Query options: `timeoutMs=1000;enableNullHandling=true`.
    #[arg(long, default_value = "", value_name = "K=V;…")]
    pub options: String,
    /// Print the whole answer as JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for Sql {
    const NAME: &'static str = "sql";
    const GROUP: Group = Group::Query;
    const ABOUT: &'static str = "Ask a broker and show the answer as a table.";
    const EXAMPLES: &'static [&'static str] =
        &["sql \"select count(*) from movies\"", "sql -json -options timeoutMs=1000 \"select * from movies\""];
    const ECHO: bool = false;

    async fn run(self) -> Result<()> {
        let mut statement = self.statement;
        if statement == "-" {
            statement.clear();
            std::io::stdin().read_to_string(&mut statement).context("read the statement from standard input")?;
        }
        let broker = if self.broker.contains("://") { self.broker } else { format!("http://{}", self.broker) };
        let rest = Rest::new(broker, "broker", &self.auth).await?;
        let rest = rest.named_by("-broker says where; `cuvee quickstart` starts a whole cluster");
        let body = json!({"sql": statement, "queryOptions": self.options});
        let answer = rest.post_json("/query/sql", body.to_string()).await?.ok()?.json()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&answer)?);
        } else {
            println!("{}", ask::render(&answer)?);
        }
        Ok(())
    }
}
