//! What to ingest, and how.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use connectors::format::Format;
use model::{Schema, TableConfig};

use super::{NamingContext, SegmentNaming};
use crate::{Error, Progress};

/// Memory for a segment's collected values unless the job says otherwise.
pub const DEFAULT_MEMORY_BUDGET_BYTES: usize = 192 << 20;

/// One file to be made into one segment.
#[derive(Clone, Debug)]
pub struct BatchJob {
    pub input: PathBuf,
    /// What errors call the file: the name that its sender gave it.
    pub file_name: String,
    pub format: Format,
    /// `recordReader.prop.*` without the prefix.
    pub reader_properties: BTreeMap<String, String>,
    pub schema: Arc<Schema>,
    pub table_config: Arc<TableConfig>,
    pub naming: SegmentNaming,
    /// For temporary files; must exist.
    pub work_dir: PathBuf,
    /// Where the segment file goes, under the segment's name; must exist.
    pub output_dir: PathBuf,
    /// Cores to use; at least 1.
    pub threads: usize,
    pub memory_budget_bytes: usize,
    /// A file without rows is an error.
    pub fail_on_empty_segment: bool,
    /// Ingestion time: for `now()`, rows without time and the segment's creation time.
    pub now_ms: i64,
    /// Set to true to end the job early.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Counts what is done; may be shared with other jobs.
    pub progress: Arc<Progress>,
}

const READER_PROPERTY: &str = "recordReader.prop.";

impl BatchJob {
    /// A job from a batch config map, the keys of `/ingestFromFile`, `/ingestFromURI` and `INSERT … FROM FILE`.
    ///
    /// The segment is named after its time range and the clock unless the map names it. The job uses all cores.
    pub fn from_config_map(
        map: &BTreeMap<String, String>,
        input: PathBuf,
        file_name: &str,
        schema: Arc<Schema>,
        table_config: Arc<TableConfig>,
        (work_dir, output_dir): (PathBuf, PathBuf),
        now_ms: i64,
    ) -> Result<Self, Error> {
        let get = |key: &str| map.get(key).map(String::as_str);
        let (format, class) = (get("inputFormat"), get("recordReader.className"));
        if format.or(class).is_none_or(|given| given.trim().is_empty()) {
            return Err(Error::BatchConfig {
                key: "inputFormat".to_owned(),
                value: String::new(),
                reason: "it is missing; give csv, json, avro, parquet, orc, proto or arrow".to_owned(),
            });
        }
        let context = NamingContext {
            raw_table: table_config.raw_name().as_str().to_owned(),
            push_type: table_config.push_type().to_owned(),
            push_frequency: table_config.push_frequency().map(str::to_owned),
            input_path: file_name.to_owned(),
            sequence_id: None,
            now_ms,
        };
        let properties = map.iter().filter_map(|(k, v)| Some((k.strip_prefix(READER_PROPERTY)?.to_owned(), v.clone())));
        let mut properties: BTreeMap<String, String> = properties.collect();
        let format = Format::of_reader(format, class, &mut properties)?;
        Ok(Self {
            input,
            file_name: file_name.to_owned(),
            format,
            reader_properties: properties,
            naming: SegmentNaming::from_config_map(map, context)?,
            schema,
            table_config,
            work_dir,
            output_dir,
            threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
            memory_budget_bytes: DEFAULT_MEMORY_BUDGET_BYTES,
            fail_on_empty_segment: flag(map, "fail.on.empty.segment")?,
            now_ms,
            cancel: None,
            progress: Arc::default(),
        })
    }
}

/// A true/false key of a batch config map; false when absent.
pub(super) fn flag(map: &BTreeMap<String, String>, key: &str) -> Result<bool, Error> {
    match map.get(key).map(|v| v.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::BatchConfig {
            key: key.to_owned(),
            value: map.get(key).cloned().unwrap_or_default(),
            reason: "expected true or false".to_owned(),
        }),
    }
}
