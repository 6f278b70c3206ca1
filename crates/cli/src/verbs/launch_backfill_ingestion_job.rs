//! `LaunchBackfillIngestionJob`.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{PushMode, Replace};
use model::DateTimeFormat;

use super::{Group, Verb, launch_data_ingestion_job::SpecFlags};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct LaunchBackfillIngestionJob {
    #[command(flatten)]
    pub flags: SpecFlags,
    /// First day whose segments are replaced, yyyy-MM-dd (UTC).
    #[arg(long, value_name = "DAY")]
    pub start_date: String,
    /// The day after the last one.
    #[arg(long, value_name = "DAY")]
    pub end_date: String,
    /// Only segments of one partition of this column.
    #[arg(long, value_name = "NAME", requires = "partition_column_value")]
    pub partition_column: Option<String>,
    /// The value whose partition that is.
    #[arg(long, value_name = "VALUE", requires = "partition_column")]
    pub partition_column_value: Option<String>,
}

fn millis(flag: &str, day: &str) -> Result<i64> {
    let format = DateTimeFormat::parse("SIMPLE_DATE_FORMAT|yyyy-MM-dd").context("the format of days")?;
    format.text_to_millis(day).with_context(|| format!("{flag} {day}: expected a day as 2024-01-31"))
}

impl Verb for LaunchBackfillIngestionJob {
    const NAME: &'static str = "LaunchBackfillIngestionJob";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Replace a table's segments of some days by those that a job spec gives.";
    const DETAILS: &'static str = "\
The segments that lie in the range as a whole give way to all segments of the job, at once: queries see the old ones
until every new one is there. The new ones are called after their times and the clock.";
    const EXAMPLES: &'static [&'static str] =
        &["LaunchBackfillIngestionJob -jobSpecFile job-spec.yaml -startDate 2024-01-01 -endDate 2024-02-01"];

    async fn run(self) -> Result<()> {
        let (start_ms, end_ms) = (millis("-startDate", &self.start_date)?, millis("-endDate", &self.end_date)?);
        if start_ms >= end_ms {
            bail!("-endDate {} must be after -startDate {}", self.end_date, self.start_date);
        }
        let mut spec = self.flags.spec().await?;
        if spec.controllers.is_empty() {
            bail!("the job spec has no pinotClusterSpecs: it must say where the segments are");
        }
        if spec.input_dir_uri.is_empty() {
            bail!("the job spec has no inputDirURI: it must say what the new segments are made of");
        }
        spec.creates = true;
        spec.push = Some(PushMode::Tar);
        spec.output_dir_uri = format!("{}/{}", spec.output_dir_uri.trim_end_matches('/'), job_view::now_ms());
        spec.naming.kind = Some("simple".to_owned());
        let partition = self.partition_column.zip(self.partition_column_value);
        spec.replace = Some(Replace::Range { start_ms, end_ms, partition });
        let done = job_view::run(&spec).await?;
        job_view::show(&done);
        Ok(())
    }
}
