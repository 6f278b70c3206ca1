//! What the controller wants this server to hold, and the copy of it on disk.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::error::Error;

const FORMAT: u32 = 1;

/// Wanted state of one segment at this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Target {
    Online,
    Consuming,
    /// Assigned, but to be neither loaded nor queried; its file stays.
    Offline,
}

impl Target {
    /// A state this version does not know is treated as `OFFLINE`.
    pub fn parse(text: &str) -> Self {
        match text {
            "ONLINE" => Self::Online,
            "CONSUMING" => Self::Consuming,
            _ => Self::Offline,
        }
    }
}

/// One assigned segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub target: Target,
    /// Checksum of the committed segment; a new one means a new file.
    pub crc: String,
    /// The controller's record of the segment, as it came.
    pub metadata_json: String,
}

/// One assigned table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAssignment {
    pub version: u64,
    pub enabled: bool,
    pub config_json: String,
    pub schema_json: String,
    pub segments: BTreeMap<String, Wanted>,
}

/// Everything assigned, by table name with type.
pub type Assignment = BTreeMap<String, TableAssignment>;

#[derive(Serialize, Deserialize)]
struct File1 {
    format: u32,
    tables: Assignment,
}

/// The local copy of the assignment: with it a server that starts while the controller is down loads its segments and
/// answers.
#[derive(Clone, Debug)]
pub struct LocalCopy {
    path: PathBuf,
}

impl LocalCopy {
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("assignment.json") }
    }

    /// `None` when there is no copy. A damaged copy is an error; the caller goes on without it, since the controller
    /// sends everything again.
    pub fn load(&self) -> Result<Option<Assignment>, Error> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::file("read", &self.path, source)),
        };
        let file: File1 = serde_json::from_slice(&bytes)
            .map_err(|source| Error::LocalCopy { path: self.path.clone(), reason: source.to_string() })?;
        if file.format != FORMAT {
            let reason = format!("its format is {}, this version reads {FORMAT}", file.format);
            return Err(Error::LocalCopy { path: self.path.clone(), reason });
        }
        Ok(Some(file.tables))
    }

    /// Replaces the copy in one step: after a crash the old or the new one is there, whole.
    pub fn store(&self, assignment: &Assignment) -> Result<(), Error> {
        let temporary = self.path.with_extension("json.tmp");
        let bytes = serde_json::to_vec(&File1 { format: FORMAT, tables: assignment.clone() })
            .map_err(|source| Error::LocalCopy { path: self.path.clone(), reason: source.to_string() })?;
        let write = |path: &Path| -> std::io::Result<()> {
            let mut file = File::create(path)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write(&temporary).map_err(|source| Error::file("write", &temporary, source))?;
        fs::rename(&temporary, &self.path).map_err(|source| Error::file("replace", &self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_comes_back_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let copy = LocalCopy::new(dir.path());
        assert_eq!(copy.load().unwrap(), None);
        let wanted = Wanted { target: Target::Online, crc: "17".to_owned(), metadata_json: "{}".to_owned() };
        let table = TableAssignment {
            version: 3,
            enabled: true,
            config_json: "{}".to_owned(),
            schema_json: "{}".to_owned(),
            segments: BTreeMap::from([("s".to_owned(), wanted)]),
        };
        let assignment = Assignment::from([("t_OFFLINE".to_owned(), table)]);
        copy.store(&assignment).unwrap();
        copy.store(&assignment).unwrap();
        assert_eq!(copy.load().unwrap(), Some(assignment));
        fs::write(dir.path().join("assignment.json"), "{\"format\":1,").unwrap();
        assert!(copy.load().is_err());
        fs::write(dir.path().join("assignment.json"), "{\"format\":9,\"tables\":{}}").unwrap();
        assert!(copy.load().unwrap_err().to_string().contains("format"));
    }
}
