//! `GenerateData`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{generate::Generator, rows::RowFormat};
use model::Schema;

use super::{
    Group, Verb,
    flags::{local_path, read_text},
};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct GenerateData {
    /// Rows in all files together.
    #[arg(long, value_name = "N")]
    pub num_records: u64,
    /// Files that they are shared out to.
    #[arg(long, value_name = "N")]
    pub num_files: u64,
    /// The schema, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub schema_file: PathBuf,
    /// Directory for the files; it must not exist, unless -overwrite is given.
    #[arg(long, value_name = "DIR")]
    pub out_dir: PathBuf,
    /// How many different values, or which range of numbers, columns have: [{"column": "a", "cardinality": 10},
    /// {"column": "b", "range": true, "rangeStart": 1, "rangeEnd": 9}].
    #[arg(long, value_name = "FILE")]
    pub schema_annotation_file: Option<PathBuf>,
    /// Delete -outDir before.
    #[arg(long)]
    pub overwrite: bool,
    /// AVRO, CSV or JSON.
    #[arg(long, value_name = "FORMAT", default_value = "AVRO")]
    pub format: String,
    /// Number of the first file.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub file_index: u64,
}

impl Verb for GenerateData {
    const NAME: &'static str = "GenerateData";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Write files of random rows for a schema.";
    const EXAMPLES: &'static [&'static str] =
        &["GenerateData -numRecords 10000 -numFiles 4 -schemaFile schema.json -outDir rawdata -format CSV"];

    async fn run(self) -> Result<()> {
        let format: RowFormat = self.format.parse()?;
        if self.num_files == 0 || self.num_files > 100_000 {
            bail!("-numFiles {} must be between 1 and 100000", self.num_files);
        }
        let path = local_path(&self.schema_file);
        let schema = Schema::from_json_text(&read_text(&path, "schema file")?)
            .with_context(|| format!("the schema file {} cannot be used", path.display()))?;
        let annotations = match &self.schema_annotation_file {
            Some(file) => {
                let file = local_path(file);
                let text = read_text(&file, "annotation file")?;
                Some(serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?)
            }
            None => None,
        };
        let out = local_path(&self.out_dir);
        if out.exists() {
            if !self.overwrite {
                bail!("-outDir {} is there already, and -overwrite is not given", out.display());
            }
            std::fs::remove_dir_all(&out).with_context(|| format!("delete {}", out.display()))?;
        }
        std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
        let now = job_view::now_ms();
        let mut generator = Generator::new(&schema, annotations.as_ref(), now, now.unsigned_abs())?;
        let (rows, files, first) = (self.num_records, self.num_files, self.file_index);
        let written = tokio::task::spawn_blocking(move || generator.write(rows, files, first, format, &out)).await??;
        println!("Wrote {rows} rows to {} files in {}", written.len(), self.out_dir.display());
        Ok(())
    }
}
