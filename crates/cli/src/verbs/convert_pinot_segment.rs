//! `ConvertPinotSegment`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{
    convert::convert,
    rows::{CsvStyle, RowFormat},
};

use super::{Group, Verb, flags::local_path};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct ConvertPinotSegment {
    /// Directory with segments: archives (.tar.gz), or a directory for each.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Directory for the files; it must not exist, unless -overwrite is given.
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// AVRO, CSV or JSON (one object a line).
    #[arg(long, value_name = "FORMAT")]
    pub output_format: String,
    /// Between the cells of a row of CSV.
    #[arg(long, value_name = "C", default_value_t = ',')]
    pub csv_delimiter: char,
    /// Between the values of a multi-value cell of CSV.
    #[arg(long, value_name = "C", default_value_t = ';')]
    pub csv_list_delimiter: char,
    /// The first line of CSV names the columns.
    #[arg(long)]
    pub csv_with_header: bool,
    /// Delete -outputDir before.
    #[arg(long)]
    pub overwrite: bool,
}

impl Verb for ConvertPinotSegment {
    const NAME: &'static str = "ConvertPinotSegment";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Write the rows of segments as Avro, CSV or JSON.";
    const EXAMPLES: &'static [&'static str] =
        &["ConvertPinotSegment -dataDir segments -outputDir out -outputFormat CSV -csvWithHeader"];

    async fn run(self) -> Result<()> {
        let format: RowFormat = self.output_format.parse()?;
        let Ok(delimiter) = u8::try_from(self.csv_delimiter) else {
            bail!("-csvDelimiter '{}' is not an ASCII character", self.csv_delimiter)
        };
        let style = CsvStyle { delimiter, list_delimiter: self.csv_list_delimiter, header: self.csv_with_header };
        let (dir, out) = (local_path(&self.data_dir), local_path(&self.output_dir));
        if !dir.is_dir() {
            bail!("-dataDir {} is not a directory", dir.display());
        }
        if out.exists() {
            if !self.overwrite {
                bail!("-outputDir {} is there already, and -overwrite is not given", out.display());
            }
            let (from, to) = (dir.canonicalize()?, out.canonicalize()?);
            if from.starts_with(&to) {
                bail!("-outputDir {} holds the segments and would be deleted; take another one", out.display());
            }
            std::fs::remove_dir_all(&out).with_context(|| format!("delete {}", out.display()))?;
        }
        std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
        let count = tokio::task::spawn_blocking(move || {
            convert(&dir, &out, format, style, |done| {
                println!(
                    "Finish converting segment: {} into file: {} ({} rows)",
                    done.segment,
                    done.file.display(),
                    done.rows
                );
            })
        })
        .await??;
        if count == 0 {
            bail!("-dataDir {} holds no segment", self.data_dir.display());
        }
        Ok(())
    }
}
