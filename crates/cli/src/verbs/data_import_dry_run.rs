//! `DataImportDryRun`.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use model::TableConfig;

use super::{
    Group, Verb,
    flags::{local_path, read_json},
    json_to_pinot_schema::chained,
};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct DataImportDryRun {
    /// The data.
    #[arg(long, value_name = "FILE")]
    pub json_file: PathBuf,
    /// The table config, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub table_config_file: PathBuf,
}

impl Verb for DataImportDryRun {
    const NAME: &'static str = "DataImportDryRun";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Show what a table's transforms make of JSON data, row by row.";
    const EXAMPLES: &'static [&'static str] =
        &["DataImportDryRun -jsonFile movies.json -tableConfigFile movies-table.json"];

    async fn run(self) -> Result<()> {
        let config = read_json(&local_path(&self.table_config_file), "table config file")?;
        let config = TableConfig::from_json(&config)
            .with_context(|| format!("the table config file {} cannot be used", self.table_config_file.display()))?;
        let file = local_path(&self.json_file);
        let done = tokio::task::spawn_blocking(move || {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let mut gone = false;
            let format = "json".parse().map_err(ingest::Error::from)?;
            let done =
                ingest::dry_run::run(&file, format, &Default::default(), &config, job_view::now_ms(), &mut |row| {
                    let fields: serde_json::Map<String, serde_json::Value> = row
                        .iter()
                        .map(|(name, field)| {
                            let json = serde_json::from_str(&field.to_json());
                            (name.clone(), json.unwrap_or(serde_json::Value::Null))
                        })
                        .collect();
                    let text = serde_json::to_string_pretty(&fields).unwrap_or_default();
                    // Whoever reads may have seen enough, as with `| head`.
                    gone |= writeln!(out, "Available Fields: {text}").is_err();
                    Ok(())
                });
            _ = out.flush();
            done
        });
        let done = done.await?.map_err(chained)?;
        eprintln!(
            "{} rows read, {} filtered, {} cannot be read, {} with a value that a transform could not make",
            done.rows_read, done.rows_filtered, done.rows_rejected, done.rows_faulty
        );
        for row in &done.first_errors {
            eprintln!("  {row}");
        }
        Ok(())
    }
}
