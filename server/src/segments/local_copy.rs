//! The copy of the assignment on disk: with it a server that starts while the controller is down loads its segments
//! and answers.
//!
//! `assignment.json` is a whole assignment; `assignment.journal` holds what has changed since, one JSON document a
//! line. A small change costs one line, however much is assigned; when the journal has outgrown the whole, the whole is
//! written anew. Both carry a generation, so that a journal is never read over another whole than its own.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::assignment::{Assignment, TableAssignment, TableChange};
use crate::error::Error;

const FORMAT: u32 = 1;
/// A journal is not replaced before it has this length.
const MIN_COMPACTION_BYTES: u64 = 1 << 20;

/// One change of the assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Put(String, TableAssignment),
    Change(String, TableChange),
    Remove(String),
}

impl Change {
    fn apply(self, assignment: &mut Assignment) {
        match self {
            Self::Put(name, table) => {
                assignment.insert(name, table);
            }
            Self::Change(name, change) => {
                if let Some(table) = assignment.get_mut(&name) {
                    table.apply(&change);
                }
            }
            Self::Remove(name) => {
                assignment.remove(&name);
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Whole<T> {
    format: u32,
    /// Copies before journals have none.
    #[serde(default)]
    generation: u64,
    tables: T,
}

#[derive(Serialize, Deserialize)]
struct JournalHead {
    format: u32,
    generation: u64,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    whole_bytes: u64,
    /// Open for appending; none before the first whole copy of this process.
    journal: Option<File>,
    journal_bytes: u64,
}

/// Handles of the two files. Clones are the same copy.
#[derive(Clone, Debug)]
pub struct LocalCopy {
    whole: PathBuf,
    journal: PathBuf,
    state: Arc<Mutex<State>>,
}

impl LocalCopy {
    pub fn new(data_dir: &Path) -> Self {
        let (whole, journal) = (data_dir.join("assignment.json"), data_dir.join("assignment.journal"));
        Self { whole, journal, state: Arc::default() }
    }

    /// `None` when there is no copy. A damaged copy is an error; the caller goes on without it, since the controller
    /// sends everything again. What a crash cut off at the end of the journal was never reported as loaded.
    pub fn load(&self) -> Result<Option<Assignment>, Error> {
        let bytes = match fs::read(&self.whole) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::file("read", &self.whole, source)),
        };
        let damaged = |reason: String| Error::LocalCopy { path: self.whole.clone(), reason };
        let whole: Whole<Assignment> = serde_json::from_slice(&bytes).map_err(|source| damaged(source.to_string()))?;
        if whole.format != FORMAT {
            return Err(damaged(format!("its format is {}, this version reads {FORMAT}", whole.format)));
        }
        self.state.lock().generation = whole.generation;
        let mut tables = whole.tables;
        let journal = match fs::read(&self.journal) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(tables)),
            Err(source) => return Err(Error::file("read", &self.journal, source)),
        };
        let mut lines = journal.split(|byte| *byte == b'\n');
        let head = lines.next().and_then(|line| serde_json::from_slice::<JournalHead>(line).ok());
        if head.is_none_or(|head| head.format != FORMAT || head.generation != whole.generation) {
            return Ok(Some(tables));
        }
        for line in lines {
            let Ok(change) = serde_json::from_slice::<Change>(line) else { break };
            change.apply(&mut tables);
        }
        Ok(Some(tables))
    }

    /// Whether the next changes have to be stored by [`LocalCopy::store`].
    pub fn wants_whole(&self) -> bool {
        let state = self.state.lock();
        state.journal.is_none() || state.journal_bytes > state.whole_bytes.max(MIN_COMPACTION_BYTES)
    }

    /// Adds changes. They are on disk when it returns. After an error the next write has to be a whole one.
    pub fn append(&self, changes: &[Change]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut lines, change)
                .map_err(|source| Error::LocalCopy { path: self.journal.clone(), reason: source.to_string() })?;
            lines.push(b'\n');
        }
        let mut state = self.state.lock();
        let Some(journal) = state.journal.as_mut() else {
            return Err(Error::LocalCopy { path: self.journal.clone(), reason: "it is not open".to_owned() });
        };
        let written = journal.write_all(&lines).and_then(|()| journal.sync_data());
        if let Err(source) = written {
            state.journal = None;
            return Err(Error::file("write", &self.journal, source));
        }
        state.journal_bytes += lines.len() as u64;
        Ok(())
    }

    /// Replaces the copy in one step: after a crash the old or the new one is there, whole.
    pub fn store(&self, assignment: &Assignment) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.journal = None;
        let generation = state.generation + 1;
        let whole = Whole { format: FORMAT, generation, tables: assignment };
        let bytes = serde_json::to_vec(&whole)
            .map_err(|source| Error::LocalCopy { path: self.whole.clone(), reason: source.to_string() })?;
        replace(&self.whole, &bytes)?;
        state.generation = generation;
        state.whole_bytes = bytes.len() as u64;
        let head = serde_json::to_vec(&JournalHead { format: FORMAT, generation })
            .map_err(|source| Error::LocalCopy { path: self.journal.clone(), reason: source.to_string() })?;
        replace(&self.journal, &[head.as_slice(), b"\n"].concat())?;
        let opened = OpenOptions::new().append(true).open(&self.journal);
        state.journal = Some(opened.map_err(|source| Error::file("open", &self.journal, source))?);
        state.journal_bytes = 0;
        Ok(())
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let write = |path: &Path| -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write(&temporary).map_err(|source| Error::file("write", &temporary, source))?;
    fs::rename(&temporary, path).map_err(|source| Error::file("replace", path, source))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::assignment::{Target, Wanted};
    use super::*;

    fn wanted(crc: &str) -> Arc<Wanted> {
        Arc::new(Wanted { target: Target::Online, crc: crc.to_owned(), metadata_json: "{}".to_owned() })
    }

    fn table(segments: &[&str]) -> TableAssignment {
        TableAssignment {
            version: 3,
            enabled: true,
            config_json: "{}".to_owned(),
            schema_json: "{}".to_owned(),
            segments: segments.iter().map(|name| ((*name).to_owned(), wanted("17"))).collect(),
        }
    }

    #[test]
    fn copy_comes_back_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let copy = LocalCopy::new(dir.path());
        assert_eq!(copy.load().unwrap(), None);
        let assignment = Assignment::from([("t_OFFLINE".to_owned(), table(&["s"]))]);
        copy.store(&assignment).unwrap();
        copy.store(&assignment).unwrap();
        assert_eq!(LocalCopy::new(dir.path()).load().unwrap(), Some(assignment));
        fs::write(dir.path().join("assignment.json"), "{\"format\":1,").unwrap();
        assert!(copy.load().is_err());
        fs::write(dir.path().join("assignment.json"), "{\"format\":9,\"tables\":{}}").unwrap();
        assert!(copy.load().unwrap_err().to_string().contains("format"));
    }

    #[test]
    fn changes_are_lines_of_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let copy = LocalCopy::new(dir.path());
        assert!(copy.wants_whole() && copy.append(&[]).is_err());
        let mut assignment = Assignment::from([("t_OFFLINE".to_owned(), table(&["a", "b"]))]);
        copy.store(&assignment).unwrap();
        assert!(!copy.wants_whole());
        let change = TableChange {
            version: 4,
            put: BTreeMap::from([("c".to_owned(), wanted("18"))]),
            removed: vec!["a".to_owned()],
        };
        copy.append(&[
            Change::Change("t_OFFLINE".to_owned(), change.clone()),
            Change::Put("u_OFFLINE".to_owned(), table(&["x"])),
            Change::Put("v_OFFLINE".to_owned(), table(&["y"])),
        ])
        .unwrap();
        copy.append(&[Change::Remove("v_OFFLINE".to_owned())]).unwrap();
        assignment.get_mut("t_OFFLINE").unwrap().apply(&change);
        assignment.insert("u_OFFLINE".to_owned(), table(&["x"]));
        let read = || LocalCopy::new(dir.path()).load().unwrap().unwrap();
        assert_eq!(read(), assignment);
        assert_eq!(read()["t_OFFLINE"].segments.keys().collect::<Vec<_>>(), ["b", "c"]);

        // A line that a crash cut off is left out.
        let journal = dir.path().join("assignment.journal");
        let mut cut = fs::read(&journal).unwrap();
        cut.truncate(cut.len() - 5);
        fs::write(&journal, &cut).unwrap();
        assert!(read().contains_key("v_OFFLINE"));

        // The journal of another whole is none.
        let other = LocalCopy::new(dir.path());
        other.load().unwrap();
        other.store(&assignment).unwrap();
        fs::write(&journal, &cut).unwrap();
        assert_eq!(read(), assignment);
    }
}
