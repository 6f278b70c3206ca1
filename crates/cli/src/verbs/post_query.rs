//! `PostQuery`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Group, Verb, flags::AuthFlags, rest::Rest};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct PostQuery {
    /// Host of the broker.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub broker_host: String,
    /// Port of the broker.
    #[arg(long, value_name = "PORT", default_value_t = 8099)]
    pub broker_port: u16,
    /// How to talk to it.
    #[arg(long, value_name = "PROTOCOL", default_value = "http")]
    pub broker_protocol: String,
    /// The statement.
    #[arg(long, value_name = "SQL", allow_hyphen_values = true)]
    pub query: String,
    /// A further field of the request, `key=value`; repeat it for more.
    #[arg(short = 'o', long = "option", value_name = "K=V")]
    pub options: Vec<String>,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for PostQuery {
    const NAME: &'static str = "PostQuery";
    const GROUP: Group = Group::Query;
    const ABOUT: &'static str = "Ask a broker; the answer is printed as JSON.";
    const EXAMPLES: &'static [&'static str] =
        &["PostQuery -brokerPort 8099 -query \"select count(*) from movies\" -o queryOptions=timeoutMs=1000"];

    async fn run(self) -> Result<()> {
        let mut payload = Map::new();
        payload.insert("sql".to_owned(), json!(self.query));
        for option in &self.options {
            let Some((key, value)) = option.split_once('=') else { bail!("-o {option}: expected key=value") };
            payload.insert(key.trim().to_owned(), json!(value));
        }
        let url = format!("{}://{}:{}", self.broker_protocol, self.broker_host, self.broker_port);
        let rest = Rest::new(url, "broker", &self.auth).await?;
        let answer = rest.post_json("/query/sql", Value::Object(payload).to_string()).await?.ok()?;
        println!("Result: {}", answer.text);
        Ok(())
    }
}
