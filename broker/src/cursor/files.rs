//! A kept result on disk: a folder named after the request with three files.
//!
//! `head.json` the answer without rows, its schema and its end of life; `rows.json` the rows, separated by commas;
//! `ends` for each row the little-endian 64-bit offset behind it. The folder appears whole or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Kept;

const UNFINISHED: &str = ".tmp";

#[derive(Serialize, Deserialize)]
struct Head {
    head: Map<String, Value>,
    schema: String,
    num_rows: u64,
    bytes: u64,
    expires_ms: i64,
}

pub(super) fn write(dir: &Path, kept: &Kept, rows: &str, ends: &[u64]) -> io::Result<()> {
    let unfinished = dir.with_extension(&UNFINISHED[1..]);
    fs::create_dir_all(&unfinished)?;
    let head = Head {
        head: kept.head.clone(),
        schema: kept.schema.clone(),
        num_rows: kept.num_rows,
        bytes: kept.bytes,
        expires_ms: kept.expires_ms,
    };
    fs::write(unfinished.join("head.json"), serde_json::to_vec(&head)?)?;
    fs::write(unfinished.join("rows.json"), rows)?;
    let mut file = io::BufWriter::new(File::create(unfinished.join("ends"))?);
    for end in ends {
        file.write_all(&end.to_le_bytes())?;
    }
    file.flush()?;
    fs::rename(&unfinished, dir)
}

/// The text of some rows, `[…],[…]`.
pub(super) fn read(dir: &Path, rows: Range<u64>) -> io::Result<String> {
    if rows.is_empty() {
        return Ok(String::new());
    }
    let mut ends = File::open(dir.join("ends"))?;
    let mut end_of = |row: u64| -> io::Result<u64> {
        let mut bytes = [0; 8];
        ends.seek(SeekFrom::Start(row * 8))?;
        ends.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    };
    // One comma is between a row and the one before.
    let start = if rows.start == 0 { 0 } else { end_of(rows.start - 1)? + 1 };
    let end = end_of(rows.end - 1)?;
    let mut file = File::open(dir.join("rows.json"))?;
    if end < start || end > file.metadata()?.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its files do not fit together"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut text = String::with_capacity((end - start) as usize);
    file.take(end - start).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is there. Folders that were never finished go; what cannot be read is left alone.
pub(super) fn scan(dir: &Path) -> BTreeMap<String, Arc<Kept>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(UNFINISHED) {
            let _ = remove(&entry.path());
            continue;
        }
        let read = fs::read(entry.path().join("head.json"));
        let Some(head) = read.ok().and_then(|text| serde_json::from_slice::<Head>(&text).ok()) else { continue };
        let Head { head, schema, num_rows, bytes, expires_ms } = head;
        found.insert(name, Arc::new(Kept { head, schema, num_rows, bytes, expires_ms }));
    }
    found
}
