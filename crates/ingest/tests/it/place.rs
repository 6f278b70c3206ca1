//! Directories and a helper to load a file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use functions::arrays::value_at;
use ingest::{
    Error,
    batch::{BatchJob, BatchReport, ingest_file},
};
use model::{Schema, TableConfig, render};
use segment::{ImmutableSegment, SegmentReader as _};
use serde_json::Value as Json;

/// The folder with shared data, or `None` and a message.
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("CUVEE_SHARED").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("passed over: no shared data at {}, set CUVEE_SHARED", folder.display());
    None
}

pub struct Place {
    pub root: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        fs::create_dir(root.path().join("out")).unwrap();
        Self { root }
    }

    pub fn load(
        &self,
        schema: &Json,
        table: &Json,
        config: &[(&str, &str)],
        content: &[u8],
    ) -> Result<BatchReport, Error> {
        let path = |name| self.root.path().join(name);
        fs::write(path("in"), content).unwrap();
        let config: BTreeMap<_, _> = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let schema = Arc::new(Schema::from_json(schema).unwrap());
        let table = Arc::new(TableConfig::from_json(table).unwrap());
        let dirs = (path("work"), path("out"));
        ingest_file(&BatchJob::from_config_map(&config, path("in"), "data", schema, table, dirs, 1_700_000_000_000)?)
    }
}

/// One column of a segment as texts.
pub fn column(report: &BatchReport, name: &str) -> Vec<String> {
    let segment = ImmutableSegment::open(&report.segment.file).unwrap();
    let column = segment.column(name).unwrap();
    let values = column.values_range(0..segment.num_docs());
    (0..segment.num_docs() as usize).map(|r| render::to_text(&value_at(values.as_ref(), column.ty(), r))).collect()
}

pub fn read_json(path: PathBuf) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
