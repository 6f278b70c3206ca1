//! `LaunchDataIngestionJob`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use jobs::{
    JobSpec,
    spec::template::{self, Variables},
};
use service::Properties;

use super::{
    Group, Verb,
    flags::{AuthFlags, local_path, read_text},
    rest,
};
use crate::job_view;

/// Flags of every verb that runs a job spec.
#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct SpecFlags {
    /// The job spec: YAML, or JSON.
    #[arg(long, alias = "jobSpec", value_name = "FILE")]
    pub job_spec_file: PathBuf,
    /// Values for the spec's ${name}; they win over the property file and the environment.
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    pub values: Vec<String>,
    /// Values for the spec's ${name}, a properties file. A variable of the environment with the name of a key replaces
    /// its value.
    #[arg(long, value_name = "FILE")]
    pub property_file: Option<PathBuf>,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl SpecFlags {
    /// The spec, filled in and read.
    pub async fn spec(&self) -> Result<JobSpec> {
        let path = local_path(&self.job_spec_file);
        let text = read_text(&path, "job spec")?;
        let origin = path.display().to_string();
        let properties = match &self.property_file {
            Some(file) => {
                let file = local_path(file);
                let text = read_text(&file, "property file")?;
                let properties = Properties::parse(&text, &file.display().to_string())?;
                properties.iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }
            None => BTreeMap::new(),
        };
        let environment = |name: &str| std::env::var(name).ok();
        let variables = Variables {
            values: template::pairs(&self.values).context("-values")?,
            properties,
            environment: Some(&environment),
            now_ms: job_view::now_ms(),
        };
        let text = template::render(&text, &origin, &variables)?;
        let mut spec = JobSpec::parse(&text, &origin)?;
        if spec.auth_token.is_none() {
            spec.auth_token = rest::authorization_text(&self.auth).await?;
        }
        Ok(spec)
    }
}

#[derive(Debug, Args)]
pub struct LaunchDataIngestionJob {
    #[command(flatten)]
    pub flags: SpecFlags,
}

impl Verb for LaunchDataIngestionJob {
    const NAME: &'static str = "LaunchDataIngestionJob";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Build segments of many files and push them, as a job spec says.";
    const DETAILS: &'static str = "\
jobType in the spec is SegmentCreation, SegmentTarPush, SegmentUriPush, SegmentMetadataPush, or creation and one of the
pushes: SegmentCreationAndTarPush, SegmentCreationAndUriPush, SegmentCreationAndMetadataPush. inputDirURI and
outputDirURI are directories or URLs of an object store. Segments are built on all cores; nothing is pushed unless every
file could be read. The same job again replaces its segments.

In the spec ${name} stands for a value, ${name ?: 'text'} has a default, and \\$ is a dollar sign.";
    const EXAMPLES: &'static [&'static str] = &[
        "LaunchDataIngestionJob -jobSpecFile job-spec.yaml",
        "LaunchDataIngestionJob -jobSpecFile job-spec.yaml -values day=2024-01-01 table=movies -propertyFile job.properties",
    ];

    async fn run(self) -> Result<()> {
        let spec = self.flags.spec().await?;
        let done = job_view::run(&spec).await?;
        job_view::show(&done);
        Ok(())
    }
}
