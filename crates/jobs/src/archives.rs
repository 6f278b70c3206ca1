//! Segments in directories: what `CreateSegment` leaves and `UploadSegment` takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use segment::{
    ImmutableSegment,
    archive::{self, METADATA_FILE, SEGMENT_FILE},
    packed,
};

use crate::{Error, create::ARCHIVE_END, place::local_path};

/// A segment that was put into a directory of its own.
#[derive(Clone, Debug)]
pub struct Placed {
    pub segment: String,
    pub dir: PathBuf,
    /// Length of the segment once it is loaded; 0 when it was not verified.
    pub size_bytes: u64,
}

/// Takes an archive (a local path or URI) apart into `<out>/<segment>/`, replacing what is there. With `verify` the
/// segment is loaded and its checksums are compared. Blocks.
pub fn unpack(archive_uri: &str, out: &Path, verify: bool) -> Result<Placed, Error> {
    let invalid = |reason: &str| Error::Value {
        what: "segment archive",
        value: archive_uri.to_owned(),
        reason: reason.to_owned(),
    };
    let file = local_path(archive_uri)?.ok_or_else(|| invalid("it is not a local file"))?;
    let work = tempfile::Builder::new().prefix(".segment-").tempdir_in(out).map_err(Error::io("write in", out))?;
    let pack = Error::pack(archive_uri);
    let found = archive::read(&file, work.path(), &Default::default()).map_err(pack)?;
    let packed_file = found.packed.ok_or_else(|| invalid("it holds metadata alone"))?;
    let mut size_bytes = 0;
    if verify {
        let hot = work.path().join("hot");
        packed::unpack(&packed_file, &hot).map_err(pack)?;
        size_bytes = ImmutableSegment::open_verified(&hot).map_err(pack)?.size_bytes();
    }
    let segment = found.metadata.segment_name.clone();
    let dir = out.join(&segment);
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(Error::io("replace", &dir))?;
    }
    fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
    let to = dir.join(SEGMENT_FILE);
    fs::rename(&packed_file, &to).map_err(Error::io("write", &to))?;
    let metadata = dir.join(METADATA_FILE);
    let json = serde_json::to_vec_pretty(&found.metadata).unwrap_or_default();
    fs::write(&metadata, json).map_err(Error::io("write", &metadata))?;
    Ok(Placed { segment, dir, size_bytes })
}

/// An archive that can be uploaded.
#[derive(Clone, Debug)]
pub struct Archive {
    pub segment: String,
    /// The table that it was built for, where that is known.
    pub table: Option<String>,
    pub file: PathBuf,
    /// What the user knows it by.
    pub shown: PathBuf,
}

/// The segments of a directory, in order of their names: archives as they are, directories as archives that are made
/// in `work`. Other files are an error. Blocks.
pub fn collect(dir: &Path, work: &Path) -> Result<Vec<Archive>, Error> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        entries.push(entry.map_err(Error::io("list", dir))?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let invalid = |reason: String| Error::Value { what: "segment", value: path.display().to_string(), reason };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            let segment_file = path.join(SEGMENT_FILE);
            if !segment_file.is_file() {
                return Err(invalid(format!(
                    "the directory has no {SEGMENT_FILE}; CreateSegment makes such directories"
                )));
            }
            let file = work.join(format!("{name}{ARCHIVE_END}"));
            let pack = Error::pack(&name);
            let metadata = archive::write(&segment_file, &file).map_err(pack)?;
            let (segment, table) = (metadata.segment_name, Some(metadata.table_name));
            found.push(Archive { segment, table, shown: file.clone(), file });
            continue;
        }
        let Some(segment) = name.strip_suffix(ARCHIVE_END).or_else(|| name.strip_suffix(".tgz")) else {
            return Err(invalid("it is neither a .tar.gz nor a directory of a segment".to_owned()));
        };
        if name.ends_with(crate::create::METADATA_END) {
            continue;
        }
        found.push(Archive { segment: segment.to_owned(), table: None, file: path.clone(), shown: path });
    }
    Ok(found)
}
