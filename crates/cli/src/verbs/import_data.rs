//! `ImportData`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{
    JobSpec,
    spec::{FileSystemSpec, NamingSpec, PushSpec, ReaderSpec, TableSpec, template},
};

use super::{
    Group, Verb,
    flags::{AuthFlags, local_path},
    rest,
};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ImportData {
    /// The file: a path, or a URL of an object store.
    #[arg(long, value_name = "FILE")]
    pub data_file_path: String,
    /// What it holds: AVRO, CSV, JSON, PARQUET, ORC, PROTO …
    #[arg(long, value_name = "FORMAT")]
    pub format: String,
    /// The table.
    #[arg(long, value_name = "NAME")]
    pub table: String,
    /// How the segment is named: fixed (a name of its own for each path), simple, normalizedDate, inputFile, uuid.
    #[arg(long, value_name = "TYPE", default_value = "fixed")]
    pub segment_name_generator_type: String,
    /// Address of the controller [default: http://localhost:9000].
    #[arg(long = "controllerURI", value_name = "URL")]
    pub controller_uri: Option<String>,
    /// Host of the controller, instead of -controllerURI.
    #[arg(long, value_name = "HOST")]
    pub controller_host: Option<String>,
    /// Port of the controller, instead of -controllerURI.
    #[arg(long, value_name = "PORT")]
    pub controller_port: Option<u16>,
    /// How to talk to it, instead of -controllerURI.
    #[arg(long, value_name = "PROTOCOL")]
    pub controller_protocol: Option<String>,
    #[command(flatten)]
    pub auth: AuthFlags,
    /// Holds the segment while it is built [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
    /// Further settings: recordReader.prop.delimiter=|, fs.s3.region=eu-west-1, segment.name=x …
    #[arg(long, value_name = "K=V", num_args = 1..)]
    pub additional_configs: Vec<String>,
}

impl ImportData {
    fn controller(&self) -> String {
        if let Some(uri) = &self.controller_uri {
            return uri.trim_end_matches('/').to_owned();
        }
        let protocol = self.controller_protocol.as_deref().unwrap_or("http").to_ascii_lowercase();
        let host = self.controller_host.as_deref().unwrap_or("localhost");
        format!("{protocol}://{host}:{}", self.controller_port.unwrap_or(9000))
    }

    fn spec(&self, output: &str) -> Result<JobSpec> {
        let configs = template::pairs(&self.additional_configs).context("-additionalConfigs")?;
        let below = |prefix: &str| -> BTreeMap<String, String> {
            configs.iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v.clone()))).collect()
        };
        let reader = ReaderSpec { format: self.format.parse()?, properties: below("recordReader.prop.") };
        let table = TableSpec { name: self.table.clone(), ..TableSpec::default() };
        let mut spec = JobSpec::create_and_push(&self.data_file_path, output, reader, table);
        spec.controllers = vec![self.controller()];
        if let Some((scheme, _)) = self.data_file_path.split_once("://") {
            let class_name = configs.get(&format!("fs.{scheme}.className")).cloned();
            let mut configs = below(&format!("fs.{scheme}."));
            configs.remove("className");
            spec.file_systems.push(FileSystemSpec { scheme: scheme.to_owned(), class_name, configs });
        }
        let mut naming = configs.clone();
        naming.extend(below("segmentNameGenerator.configs."));
        let kind = self.segment_name_generator_type.trim().to_owned();
        if kind.eq_ignore_ascii_case("fixed") && !naming.contains_key("segment.name") {
            // The same path gives the same segment, so that a second import replaces the first.
            let name = format!("{}_{}", self.table, jobs::sha256_hex(self.data_file_path.as_bytes()));
            naming.insert("segment.name".to_owned(), name);
        }
        spec.naming = NamingSpec { kind: Some(kind), configs: naming, ..NamingSpec::default() };
        spec.push_spec = PushSpec { attempts: 3, retry_interval_ms: 2_000, ..PushSpec::default() };
        Ok(spec)
    }
}

impl Verb for ImportData {
    const NAME: &'static str = "ImportData";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Import one file into a table.";
    const EXAMPLES: &'static [&'static str] = &[
        "ImportData -dataFilePath movies.csv -format CSV -table movies",
        "ImportData -dataFilePath movies.txt -format CSV -table movies -controllerURI http://localhost:9000 -additionalConfigs recordReader.prop.delimiter=|",
    ];

    async fn run(self) -> Result<()> {
        if !self.data_file_path.contains("://") {
            let path = local_path(self.data_file_path.as_ref());
            if !path.is_file() {
                bail!("-dataFilePath {}: there is no such file", path.display());
            }
        }
        let temporary = match &self.temp_dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
                tempfile::tempdir_in(dir)
            }
            None => tempfile::tempdir(),
        }
        .context("create a temporary directory")?;
        let output = temporary.path().to_str().context("the temporary directory is not UTF-8")?;
        let mut spec = self.spec(output)?;
        spec.auth_token = rest::authorization_text(&self.auth).await?;
        let done = job_view::run(&spec).await?;
        job_view::show(&done);
        println!("Successfully load data from {} to Pinot.", self.data_file_path);
        Ok(())
    }
}
