//! From the deep store to a mapped segment.
//!
//! On disk: `<dataDir>/segments/<table>/<segment>/<crc>.<generation>.segment`, and `<dataDir>/tmp` for what is not
//! finished. A file gets its name only when it is whole and checked, so whatever a crash leaves is in `tmp`, which is
//! emptied at the start.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use segment::{ImmutableSegment, archive, packed, reload as segment_reload};
use serde::Deserialize;

use super::{
    assignment::Wanted,
    manager::LoadSegment,
    registry::{Loaded, Table, TableInfo},
};
use crate::error::Error;

const SUFFIX: &str = "segment";
/// Attempts to fetch before the segment is reported as ERROR; a later retry starts again.
const FETCH_ATTEMPTS: u32 = 3;
const FIRST_FETCH_PAUSE: Duration = Duration::from_millis(100);

/// Where a packed segment lies: what the controller's record of it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// In the deep store: the quicker way, where this server can open it.
    pub deep_store_uri: Option<String>,
    /// The controller's HTTP, or the deep store.
    pub download_url: Option<String>,
    /// The controller's HTTP where the two above lead elsewhere: it asks the segment's other servers when all else fails.
    pub controller_url: Option<String>,
}

/// Copies segments from where the controller says they are.
#[async_trait]
pub trait FetchSegment: Send + Sync + 'static {
    /// Writes the segment to `to`, a new file: packed, or as an archive. What is left there after an error is not used.
    async fn fetch(&self, source: &Source, to: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Loads segments into `<dataDir>`.
pub struct Loader {
    root: PathBuf,
    temporary: PathBuf,
    fetcher: Arc<dyn FetchSegment>,
    counter: AtomicU64,
}

impl Loader {
    /// Creates the directories and clears what a crash left half done.
    pub fn new(data_dir: &Path, fetcher: Arc<dyn FetchSegment>) -> Result<Self, Error> {
        let (root, temporary) = (data_dir.join("segments"), data_dir.join("tmp"));
        match fs::remove_dir_all(&temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::file("clear", &temporary, source)),
        }
        for dir in [&root, &temporary] {
            fs::create_dir_all(dir).map_err(|source| Error::file("create", dir, source))?;
        }
        Ok(Self { root, temporary, fetcher, counter: AtomicU64::new(0) })
    }

    fn dir(&self, table: &str, segment: &str) -> PathBuf {
        self.root.join(table).join(segment)
    }

    fn temporary_file(&self, kind: &str) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.temporary.join(format!("{number}.{kind}"))
    }

    fn job(&self, table: &Table, segment: &str, wanted: &Wanted) -> Job {
        Job {
            table: Arc::clone(&table.name),
            segment: segment.to_owned(),
            wanted: wanted.clone(),
            dir: self.dir(&table.name, segment),
        }
    }

    async fn fetch(&self, table: &Table, segment: &str, wanted: &Wanted) -> Result<PathBuf, Error> {
        let source: Source = serde_json::from_str(&wanted.metadata_json).map_err(|error| Error::Segment {
            table: table.name.to_string(),
            segment: segment.to_owned(),
            reason: format!("the controller's record of it cannot be read: {error}"),
        })?;
        let mut attempt = 0;
        loop {
            let packed = self.temporary_file("packed");
            let error = match self.fetcher.fetch(&source, &packed).await {
                Ok(()) => return Ok(packed),
                Err(error) => error,
            };
            remove_file(&packed);
            attempt += 1;
            if attempt == FETCH_ATTEMPTS {
                let url = source.deep_store_uri.or(source.download_url).unwrap_or_default();
                let (table, segment) = (table.name.to_string(), segment.to_owned());
                return Err(Error::Fetch { table, segment, url, source: error });
            }
            tokio::time::sleep(FIRST_FETCH_PAUSE * (1 << attempt)).await;
        }
    }
}

#[async_trait]
impl LoadSegment for Loader {
    async fn load(&self, table: &Table, segment: &str, wanted: &Wanted, fresh: bool) -> Result<Loaded, Error> {
        let job = self.job(table, segment, wanted);
        let info = table.info();
        if !fresh {
            let (job, info, spare) = (job.clone(), Arc::clone(&info), self.temporary_file("reloaded"));
            if let Some(loaded) = blocking(move || Ok(job.open_local(&info, &spare))).await? {
                return Ok(loaded);
            }
        }
        let packed = self.fetch(table, segment, wanted).await?;
        let (unpacked, reloaded) = (self.temporary_file("unpacked"), self.temporary_file("reloaded"));
        blocking(move || {
            let installed = job.install(&info, &packed, &unpacked, &reloaded);
            for leftover in [&packed, &unpacked, &reloaded] {
                remove_file(leftover);
            }
            installed
        })
        .await
    }

    async fn reload(&self, table: &Table, segment: &str, loaded: &Loaded) -> Result<Option<Loaded>, Error> {
        let wanted = Wanted {
            target: super::Target::Online,
            crc: loaded.crc.clone(),
            metadata_json: loaded.metadata_json.clone(),
        };
        let job = self.job(table, segment, &wanted);
        let (info, current, spare) = (table.info(), Arc::clone(&loaded.segment), self.temporary_file("reloaded"));
        blocking(move || job.apply_config(&current, &info, &spare)).await
    }

    async fn discard(&self, table: &str, segment: &str, keep: Option<&Loaded>) {
        let dir = self.dir(table, segment);
        let keep = keep.map(|loaded| loaded.file.clone());
        let done = blocking(move || {
            match keep {
                None => {
                    remove_dir(&dir);
                    if let Some(table) = dir.parent() {
                        // Succeeds only when it is empty.
                        let _ = fs::remove_dir(table);
                    }
                }
                Some(keep) => files(&dir).into_iter().filter(|file| *file != keep).for_each(|file| remove_file(&file)),
            }
            Ok(())
        });
        if let Err(error) = done.await {
            tracing::warn!(table, segment, error = error.chain(), "old segment files could not be deleted");
        }
    }

    async fn discard_unknown(&self, keep: BTreeSet<(Arc<str>, Arc<str>)>) {
        let root = self.root.clone();
        let done = blocking(move || {
            for (table, table_dir) in folders(&root) {
                for (segment, dir) in folders(&table_dir) {
                    if !keep.contains(&(Arc::from(table.as_str()), Arc::from(segment.as_str()))) {
                        remove_dir(&dir);
                    }
                }
                let _ = fs::remove_dir(&table_dir);
            }
            Ok(())
        });
        if let Err(error) = done.await {
            tracing::warn!(error = error.chain(), "unassigned segment files could not be deleted");
        }
    }
}

/// One segment's work on disk. Blocks.
#[derive(Clone)]
struct Job {
    table: Arc<str>,
    segment: String,
    wanted: Wanted,
    dir: PathBuf,
}

impl Job {
    /// The newest file of the wanted checksum, opened and checked. A damaged one is deleted.
    fn open_local(&self, info: &TableInfo, spare: &Path) -> Option<Loaded> {
        let (_, file) = newest(&self.dir, &self.wanted.crc)?;
        match self.open(&file) {
            // A reload that did not come to its end is made up for.
            Ok(loaded) => match self.apply_config(&loaded.segment, info, spare) {
                Ok(reloaded) => Some(reloaded.unwrap_or(loaded)),
                Err(error) => {
                    tracing::warn!(error = error.chain(), "a segment is used with the indexes it has");
                    Some(loaded)
                }
            },
            Err(error) => {
                tracing::warn!(error = error.chain(), "a local segment file is refused and fetched again");
                remove_file(&file);
                None
            }
        }
    }

    /// Unpacks, checks, brings the indexes to the table's config, and gives the file its final name.
    fn install(&self, info: &TableInfo, packed: &Path, unpacked: &Path, spare: &Path) -> Result<Loaded, Error> {
        let archived;
        let packed = match archive::is_segment_file(packed) {
            Ok(true) => packed,
            // As whoever pushed it has left it.
            _ => {
                archived = self.open_archive(packed, unpacked)?;
                archived.path()
            }
        };
        packed::unpack(packed, unpacked).map_err(|error| self.failed(error))?;
        // `unpack` has compared every checksum.
        let segment = ImmutableSegment::open(unpacked).map_err(|error| self.failed(error))?;
        self.check(&segment)?;
        if let Some(loaded) = self.apply_config(&segment, info, spare)? {
            return Ok(loaded);
        }
        drop(segment);
        let target = self.next_file();
        move_into_place(unpacked, &target)?;
        let segment = ImmutableSegment::open(&target).map_err(|error| self.failed(error))?;
        Ok(self.loaded(segment, target))
    }

    /// Takes the packed file out of an archive, into a directory beside `spare`.
    fn open_archive(&self, archive: &Path, spare: &Path) -> Result<Extracted, Error> {
        let dir = spare.with_extension("extracted");
        remove_dir(&dir);
        fs::create_dir_all(&dir).map_err(|source| Error::file("create", &dir, source))?;
        let mut extracted = Extracted { packed: PathBuf::new(), dir };
        let found = archive::read(archive, &extracted.dir, &archive::Limits::default());
        let found = found.map_err(|error| self.failed(error))?;
        extracted.packed = found.packed.ok_or_else(|| Error::Damaged {
            table: self.table.to_string(),
            segment: self.segment.clone(),
            reason: "what was fetched is an archive of metadata alone".to_owned(),
        })?;
        Ok(extracted)
    }

    /// Writes the segment anew where the table's config or schema wants other indexes or columns.
    fn apply_config(
        &self,
        segment: &ImmutableSegment,
        info: &TableInfo,
        spare: &Path,
    ) -> Result<Option<Loaded>, Error> {
        let indexing = info.config.indexing();
        let written = segment_reload::reload(segment, spare, &info.schema, indexing);
        if written.map_err(|error| self.failed(error))?.is_none() {
            return Ok(None);
        }
        let target = self.next_file();
        move_into_place(spare, &target)?;
        self.open(&target).map(Some)
    }

    fn open(&self, file: &Path) -> Result<Loaded, Error> {
        let segment = ImmutableSegment::open_verified(file).map_err(|error| self.failed(error))?;
        self.check(&segment)?;
        Ok(self.loaded(segment, file.to_owned()))
    }

    /// The file holds what the controller means.
    fn check(&self, segment: &ImmutableSegment) -> Result<(), Error> {
        let metadata = segment.metadata();
        let wrong = |what: &str, found: &str, expected: &str| Error::Damaged {
            table: self.table.to_string(),
            segment: self.segment.clone(),
            reason: format!("its {what} is {found}, expected {expected}"),
        };
        if metadata.segment_name != self.segment {
            return Err(wrong("name", &metadata.segment_name, &self.segment));
        }
        if !self.wanted.crc.is_empty() && metadata.crc != self.wanted.crc {
            return Err(wrong("checksum", &metadata.crc, &self.wanted.crc));
        }
        Ok(())
    }

    fn loaded(&self, segment: Arc<ImmutableSegment>, file: PathBuf) -> Loaded {
        Loaded::new(segment, file, self.wanted.crc.clone(), self.wanted.metadata_json.clone())
    }

    fn failed(&self, error: segment::Error) -> Error {
        let (table, segment, reason) = (self.table.to_string(), self.segment.clone(), chain(&error));
        if error.is_damage() {
            Error::Damaged { table, segment, reason }
        } else {
            Error::Segment { table, segment, reason }
        }
    }

    /// The file for the next version: behind all that are there.
    fn next_file(&self) -> PathBuf {
        let crc = &self.wanted.crc;
        let generation = newest(&self.dir, crc).map_or(0, |(generation, _)| generation + 1);
        self.dir.join(format!("{crc}.{generation}.{SUFFIX}"))
    }
}

/// A packed file in a directory of its own, which goes with this.
struct Extracted {
    packed: PathBuf,
    dir: PathBuf,
}

impl Extracted {
    fn path(&self) -> &Path {
        &self.packed
    }
}

impl Drop for Extracted {
    fn drop(&mut self) {
        remove_dir(&self.dir);
    }
}

/// The file with the highest generation among those of a checksum.
fn newest(dir: &Path, crc: &str) -> Option<(u64, PathBuf)> {
    let generation = |file: &Path| -> Option<u64> {
        let name = file.file_name()?.to_str()?;
        name.strip_prefix(crc)?.strip_prefix('.')?.strip_suffix(SUFFIX)?.strip_suffix('.')?.parse().ok()
    };
    files(dir).into_iter().filter_map(|file| Some((generation(&file)?, file))).max()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

fn folders(dir: &Path) -> Vec<(String, PathBuf)> {
    let named = files(dir).into_iter().filter(|path| path.is_dir());
    named.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path))).collect()
}

/// Renames within the data directory, and makes sure that both the file and its name survive a crash.
fn move_into_place(from: &Path, to: &Path) -> Result<(), Error> {
    let dir = to.parent().unwrap_or(to);
    fs::create_dir_all(dir).map_err(|source| Error::file("create", dir, source))?;
    let synced = File::open(from).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::file("write", from, source))?;
    fs::rename(from, to).map_err(|source| Error::file("create", to, source))?;
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| Error::file("write", dir, source))
}

fn remove_file(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file could not be deleted");
    }
}

fn remove_dir(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a folder could not be deleted");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Worker(error.to_string()))?
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
