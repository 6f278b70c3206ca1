//! `CreateSegment`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jobs::{
    JobSpec,
    spec::{NamingSpec, ReaderSpec, TableSpec},
};

use super::{
    Group, Verb,
    flags::{local_path, read_json},
};
use crate::job_view;

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct CreateSegment {
    /// Directory with the data files; those below it are taken, too.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// What they hold: AVRO, GZIPPED_AVRO, CSV, JSON, PARQUET, ORC … Files are chosen by their ending.
    #[arg(long, value_name = "FORMAT")]
    pub format: String,
    /// A directory for each segment is made in it.
    #[arg(long, value_name = "DIR")]
    pub out_dir: PathBuf,
    /// Delete what is in -outDir before.
    #[arg(long)]
    pub overwrite: bool,
    /// The table config, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub table_config_file: PathBuf,
    /// The schema, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub schema_file: PathBuf,
    /// Settings of the reader, a JSON file: {"delimiter": "|"}.
    #[arg(long, value_name = "FILE")]
    pub reader_config_file: Option<PathBuf>,
    /// Further attempts when a segment cannot be built.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retry: u32,
    /// A file without rows is a failure.
    #[arg(long)]
    pub fail_on_empty_segment: bool,
    /// Open each segment and compare its checksums.
    #[arg(long)]
    pub post_creation_verification: bool,
    /// Segments that are built at the same time, at most one for each core.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub num_threads: usize,
}

impl CreateSegment {
    fn spec(&self, data: &Path, archives: &Path) -> Result<JobSpec> {
        let text = |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{path:?} is not UTF-8"));
        let properties = match &self.reader_config_file {
            Some(file) => reader_configs(&local_path(file))?,
            None => BTreeMap::new(),
        };
        let reader = ReaderSpec { format: self.format.parse()?, properties };
        let table = TableSpec {
            name: String::new(),
            schema_uri: Some(text(&local_path(&self.schema_file))?),
            config_uri: Some(text(&local_path(&self.table_config_file))?),
        };
        let mut spec = JobSpec::create_and_push(&text(data)?, &text(archives)?, reader, table);
        spec.push = None;
        spec.include_pattern = Some(endings(&self.format)?);
        spec.parallelism = self.num_threads.max(1);
        spec.fail_on_empty_segment = self.fail_on_empty_segment;
        spec.naming = NamingSpec {
            raw_name: true,
            configs: [("use.global.directory.sequence.id".to_owned(), "true".to_owned())].into(),
            ..NamingSpec::default()
        };
        Ok(spec)
    }
}

/// The pattern of a format's files, compressed ones too.
fn endings(format: &str) -> Result<String> {
    let ending = match format.to_ascii_uppercase().as_str() {
        "AVRO" => "avro",
        "GZIPPED_AVRO" => return Ok("regex:(?i).*\\.gz".to_owned()),
        "CSV" => "csv",
        "JSON" => "json|jsonl|ndjson",
        "THRIFT" => "thrift",
        "PARQUET" => "parquet",
        "ORC" => "orc",
        "PROTO" | "PROTOBUF" => "pb|proto|protobuf|bin|data",
        "ARROW" => "arrow|arrows|feather|ipc",
        _ => bail!("-format {format} is not known; take AVRO, GZIPPED_AVRO, CSV, JSON, PARQUET, ORC …"),
    };
    Ok(format!("regex:(?i).*\\.({ending})(\\.(gz|zst|bz2|snappy))?"))
}

fn reader_configs(file: &Path) -> Result<BTreeMap<String, String>> {
    let json = read_json(file, "reader config file")?;
    let entries = json.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Ok(entries
        .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect())
}

impl Verb for CreateSegment {
    const NAME: &'static str = "CreateSegment";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Build segments of data files, without a cluster.";
    const EXAMPLES: &'static [&'static str] = &[
        "CreateSegment -dataDir rawdata -format CSV -outDir segments -tableConfigFile table.json -schemaFile schema.json -overwrite",
    ];

    async fn run(self) -> Result<()> {
        let data = local_path(&self.data_dir);
        if !data.is_dir() {
            bail!("-dataDir {} is not a directory", data.display());
        }
        let out = local_path(&self.out_dir);
        if self.overwrite && out.exists() {
            println!("Deleting the existing 'outDir': {}", out.display());
            std::fs::remove_dir_all(&out).with_context(|| format!("delete {}", out.display()))?;
        }
        std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
        let archives = tempfile::Builder::new().prefix(".archives-").tempdir_in(&out)?;
        let spec = self.spec(&data, archives.path())?;
        let built = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut attempt = 0;
        let done = loop {
            built.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
            let seen = std::sync::Arc::clone(&built);
            let look = move |event: &jobs::Event| {
                if let jobs::Event::Built { file, uri, .. } = event {
                    let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    seen.push((file.clone(), uri.clone()));
                }
            };
            match job_view::run_with(&spec, look).await {
                Err(error) if attempt < self.retry => {
                    attempt += 1;
                    eprintln!("Attempt {attempt} of {} failed, trying again: {error:#}", self.retry + 1);
                }
                ended => break ended?,
            }
        };
        let mut built = std::mem::take(&mut *built.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        built.sort();
        let mut files = Vec::new();
        for (file, archive) in built {
            let (verify, out) = (self.post_creation_verification, out.clone());
            let placed = tokio::task::spawn_blocking(move || jobs::archives::unpack(&archive, &out, verify)).await??;
            println!("Successfully created segment: {} at directory: {}", placed.segment, placed.dir.display());
            if self.post_creation_verification {
                println!("Successfully loaded segment: {} of size: {} bytes", placed.segment, placed.size_bytes);
            }
            files.push(file);
        }
        job_view::show(&done);
        println!("Successfully created {} segments from data files: [{}]", files.len(), files.join(", "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_by_their_ending() {
        for (format, path, expected) in [
            ("csv", "/d/a.csv", true),
            ("CSV", "/d/a.CSV.gz", true),
            ("CSV", "/d/a.csv.bak", false),
            ("JSON", "/d/a.jsonl", true),
            ("GZIPPED_AVRO", "/d/a.gz", true),
            ("PARQUET", "/d/parquet", false),
        ] {
            let pattern = jobs::PathPattern::new(&endings(format).unwrap()).unwrap();
            assert_eq!(pattern.matches(path), expected, "{format} {path}");
        }
        assert!(endings("xml").is_err());
    }
}
