//! `BootstrapTable`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{
    JobSpec,
    spec::template::{self, Variables},
};
use serde_json::{Map, Value, json};

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags, local_path, read_json, read_text},
    rest::{self, Rest},
};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct BootstrapTable {
    /// The directory. Its name is the table's.
    #[arg(short = 'd', long = "dir", alias = "directory", value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl BootstrapTable {
    /// Schema and configs as one document.
    fn document(dir: &Path, table: &str) -> Result<Value> {
        let schema = dir.join(format!("{table}_schema.json"));
        let mut document = Map::new();
        document.insert("tableName".to_owned(), json!(table));
        document.insert("schema".to_owned(), read_json(&schema, "schema file")?);
        for kind in ["offline", "realtime"] {
            let file = dir.join(format!("{table}_{kind}_table_config.json"));
            if file.exists() {
                document.insert(kind.to_owned(), read_json(&file, "table config file")?);
            }
        }
        if document.len() == 2 {
            bail!(
                "there is neither {table}_offline_table_config.json nor {table}_realtime_table_config.json in {}",
                dir.display()
            );
        }
        Ok(Value::Object(document))
    }

    /// The job of the directory, with this controller instead of the one that it names.
    async fn job(&self, dir: &Path, file: &Path) -> Result<JobSpec> {
        let environment = |name: &str| std::env::var(name).ok();
        let variables =
            Variables { environment: Some(&environment), now_ms: job_view::now_ms(), ..Variables::default() };
        let origin = file.display().to_string();
        let text = template::render(&read_text(file, "job spec")?, &origin, &variables)?;
        let mut spec = JobSpec::parse(&text, &origin)?;
        spec.controllers = vec![self.controller.url()];
        (spec.table.schema_uri, spec.table.config_uri) = (None, None);
        if spec.auth_token.is_none() {
            spec.auth_token = rest::authorization_text(&self.auth).await?;
        }
        // Written for another working directory: the data lies beside the spec.
        for uri in [&mut spec.input_dir_uri, &mut spec.output_dir_uri] {
            if uri.contains("://") || uri.starts_with('/') {
                continue;
            }
            let last = Path::new(uri.as_str()).file_name().map(|name| dir.join(name));
            if !Path::new(uri.as_str()).exists()
                && let Some(beside) = last
            {
                *uri = beside.to_str().context("the directory is not UTF-8")?.to_owned();
            }
        }
        Ok(spec)
    }
}

impl Verb for BootstrapTable {
    const NAME: &'static str = "BootstrapTable";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Add a table from a directory and load its data.";
    const DETAILS: &'static str = "\
The directory is called as the table and holds <table>_schema.json, <table>_offline_table_config.json and/or
<table>_realtime_table_config.json, and, where there is data to load, ingestionJobSpec.yaml beside it.";
    const EXAMPLES: &'static [&'static str] = &["BootstrapTable -dir examples/batch/movies"];

    async fn run(self) -> Result<()> {
        let dir = local_path(&self.dir);
        let dir = dir.canonicalize().with_context(|| format!("read the directory {}", dir.display()))?;
        let table = dir.file_name().and_then(|name| name.to_str()).context("the directory has no name")?.to_owned();
        let document = Self::document(&dir, &table)?;
        let offline = document.get("offline").is_some();
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        println!("{}", rest.post_json("/tableConfigs", document.to_string()).await?.ok()?.text);
        let file = dir.join("ingestionJobSpec.yaml");
        if !offline || !file.exists() {
            println!("No data is loaded: there is no ingestionJobSpec.yaml for an offline table in {}", dir.display());
            return Ok(());
        }
        let spec = self.job(&dir, &file).await?;
        let done = job_view::run(&spec).await?;
        job_view::show(&done);
        Ok(())
    }
}
