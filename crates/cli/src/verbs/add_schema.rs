//! `AddSchema`, also as `UpdateSchema`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use reqwest::{Method, multipart};

use super::{
    Group, Verb,
    flags::{AdminFlags, local_path, read_json},
    rest::Rest,
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct AddSchema {
    /// The schema, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub schema_file: PathBuf,
    /// Replace a schema of the same name.
    #[arg(long = "override")]
    pub replace: bool,
    /// Replace it even if the change breaks what segments hold.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub admin: AdminFlags,
}

impl Verb for AddSchema {
    const NAME: &'static str = "AddSchema";
    const ALIASES: &'static [&'static str] = &["UpdateSchema"];
    const GROUP: Group = Group::Tables;
    const ABOUT: &'static str = "Add a schema, or replace it with -override. Also typed UpdateSchema.";
    const EXAMPLES: &'static [&'static str] = &["AddSchema -schemaFile movies-schema.json -exec"];

    async fn run(self) -> Result<()> {
        let path = local_path(&self.schema_file);
        let schema = read_json(&path, "schema file")?;
        let name = schema["schemaName"].as_str().unwrap_or("without a name").to_owned();
        if !self.admin.exec {
            println!("Dry run: schema {name} is not sent. Repeat the command with -exec.");
            return Ok(());
        }
        let rest = Rest::admin(&self.admin).await?;
        let part = multipart::Part::text(schema.to_string()).file_name(format!("{name}.json"));
        let request = rest
            .request(Method::POST, "/schemas")
            .query(&[("override", self.replace), ("force", self.force)])
            .multipart(multipart::Form::new().part(name, part));
        println!("{}", rest.send(request).await?.ok()?.text);
        Ok(())
    }
}
