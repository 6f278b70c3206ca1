//! A folder with a table, its data and a job.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use ingest::Progress;
use jobs::{Error, Event, JobSpec, Options, Summary};
use segment::{ImmutableSegment, SegmentMetadata, SegmentReader as _};

pub const SCHEMA: &str = r#"{
  "schemaName": "orders",
  "dimensionFieldSpecs": [{"name": "id", "dataType": "INT"}, {"name": "name", "dataType": "STRING"}],
  "dateTimeFieldSpecs": [{"name": "day", "dataType": "INT", "format": "EPOCH|DAYS", "granularity": "1:DAYS"}]
}"#;
pub const TABLE: &str = r#"{
  "tableName": "orders", "tableType": "OFFLINE",
  "segmentsConfig": {"replication": 1, "timeColumnName": "day"},
  "tenants": {}, "tableIndexConfig": {}, "metadata": {}
}"#;

pub struct Place {
    root: tempfile::TempDir,
    pub events: Arc<Mutex<Vec<Event>>>,
}

impl Place {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("schema.json"), SCHEMA).unwrap();
        fs::write(root.path().join("table.json"), TABLE).unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        Self { root, events: Arc::default() }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        let to = self.path(below);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, content).unwrap();
    }

    /// A spec that builds segments of `in/` in `out/`, with further lines.
    pub fn spec(&self, kind: &str, format: &str, more: &str) -> JobSpec {
        let root = self.root.path().display();
        let text = format!(
            "jobType: {kind}\ninputDirURI: '{root}/in'\noutputDirURI: 'file://{root}/out'\nrecordReaderSpec:\n  \
             dataFormat: {format}\ntableSpec:\n  tableName: orders\n  schemaURI: '{root}/schema.json'\n  \
             tableConfigURI: '{root}/table.json'\n{more}"
        );
        JobSpec::parse(&text, "job.yaml").unwrap()
    }

    pub async fn run(&self, spec: &JobSpec) -> Result<Summary, Error> {
        let events = Arc::clone(&self.events);
        let options = Options {
            now_ms: 1_700_000_000_000,
            threads: 2,
            work_dir: self.path("work"),
            progress: Arc::new(Progress::default()),
            observer: Arc::new(move |event| events.lock().unwrap().push(event)),
            cancel: Arc::new(AtomicBool::new(false)),
        };
        let ended = jobs::run(spec, &options).await;
        assert_eq!(files(&self.path("work")), Vec::<String>::new(), "something was left in the work directory");
        ended
    }

    /// All files of the output, ordered.
    pub fn output(&self) -> Vec<String> {
        files(&self.path("out"))
    }

    /// The segment in an archive of the output, and one of its columns.
    pub fn segment(&self, archive: &str) -> (SegmentMetadata, Arc<ImmutableSegment>) {
        let dir = tempfile::tempdir().unwrap();
        let from = self.path("out").join(archive);
        let found = segment::archive::read(&from, dir.path(), &Default::default()).unwrap();
        let hot = dir.path().join("hot");
        segment::packed::unpack(&found.packed.unwrap(), &hot).unwrap();
        let segment = ImmutableSegment::open_verified(&hot).unwrap();
        assert_eq!(segment.name(), found.metadata.segment_name);
        (found.metadata, segment)
    }
}

pub fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
