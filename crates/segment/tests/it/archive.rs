//! Archives as users carry them, and archives that nobody should take.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use model::IndexingConfig;
use segment::archive::{self, BatchEntry, Limits};
use segment::{Error, packed};
use tempfile::TempDir;

use crate::support::{batches, build, schema};

/// A packed segment file called `name`.
fn packed_segment(dir: &Path, name: &str) -> PathBuf {
    let schema = schema();
    let built = build(dir, name, &schema, IndexingConfig::default(), &batches(&schema, 300, 20));
    let small = dir.join(format!("{name}.packed"));
    packed::pack(&built.file, &small).unwrap();
    small
}

/// A tar of entries that a well-behaved program would not write.
#[derive(Default)]
struct Forged(Vec<u8>);

impl Forged {
    fn entry(mut self, kind: tar::EntryType, path: &str, link: &str, body: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, body: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, path, "", body)
    }

    fn write(mut self, to: &Path) -> PathBuf {
        self.0.resize(self.0.len() + 1024, 0);
        let mut gz = GzEncoder::new(std::fs::File::create(to).unwrap(), Compression::best());
        gz.write_all(&self.0).unwrap();
        gz.finish().unwrap();
        to.to_owned()
    }
}

/// Why an archive is refused. Nothing but the directory that was given is written to.
fn refusal(forged: Forged, limits: &Limits) -> String {
    let outer = TempDir::new().unwrap();
    let dir = outer.path().join("work");
    std::fs::create_dir(&dir).unwrap();
    let from = forged.write(&outer.path().join("x.tar.gz"));
    let reason = match archive::read(&from, &dir, limits) {
        Err(Error::Archive { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    };
    let left: Vec<_> = std::fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    reason
}

#[test]
fn archives_come_back_whole() {
    let dir = TempDir::new().unwrap();
    let long = "a".repeat(180);
    for name in ["s 1", long.as_str()] {
        let small = packed_segment(dir.path(), name);
        let to = dir.path().join("out.tar.gz");
        let written = archive::write(&small, &to).unwrap();
        assert_eq!(written.segment_name, name);
        let work = TempDir::new().unwrap();
        let found = archive::read(&to, work.path(), &Limits::default()).unwrap();
        assert!(found.metadata.size_bytes > 0);
        assert_eq!((&found.metadata.crc, &found.metadata.columns), (&written.crc, &written.columns));
        assert!(std::fs::read(found.packed.unwrap()).unwrap() == std::fs::read(&small).unwrap());
        // The packed file by itself, and the hot file, are taken as well.
        let alone = archive::read(&small, work.path(), &Limits::default()).unwrap();
        assert_eq!(alone.packed.as_deref(), Some(small.as_path()));
        let hot = TempDir::new().unwrap();
        let unpacked = packed::unpack(&small, &hot.path().join("hot")).unwrap();
        let from_hot = archive::read(&unpacked.file, hot.path(), &Limits::default()).unwrap();
        assert!(std::fs::read(from_hot.packed.unwrap()).unwrap() == std::fs::read(&small).unwrap());
    }
}

#[test]
fn other_programs_read_and_write_them() {
    let dir = TempDir::new().unwrap();
    let small = packed_segment(dir.path(), "s");
    let to = dir.path().join("s.tar.gz");
    archive::write(&small, &to).unwrap();
    let run = |args: &[&str]| {
        let done = std::process::Command::new("tar").args(args).current_dir(dir.path()).output();
        done.map(|done| assert!(done.status.success(), "{done:?}")).is_ok()
    };
    if !run(&["xzf", "s.tar.gz"]) {
        println!("skipped: there is no tar program");
        return;
    }
    assert!(std::fs::read(dir.path().join("s/segment.cuvee")).unwrap() == std::fs::read(&small).unwrap());
    for format in ["gnu", "pax", "ustar"] {
        run(&["czf", "again.tar.gz", "--format", format, "./s"]);
        let work = TempDir::new().unwrap();
        let found = archive::read(&dir.path().join("again.tar.gz"), work.path(), &Limits::default()).unwrap();
        assert_eq!(found.metadata.segment_name, "s", "{format}");
    }
}

#[test]
fn metadata_travels_alone() {
    let dir = TempDir::new().unwrap();
    let small = packed_segment(dir.path(), "s");
    let to = dir.path().join("m.tar.gz");
    let written = archive::write_metadata(&small, &to).unwrap();
    let found = archive::read(&to, dir.path(), &Limits::default()).unwrap();
    assert!(found.packed.is_none());
    assert_eq!(found.metadata, written);

    let batch = dir.path().join("batch.tar.gz");
    let entry = |uri: &str| BatchEntry { metadata: written.clone(), download_uri: uri.to_owned() };
    archive::write_metadata_batch(&[entry("http://h/s.tar.gz")], &batch).unwrap();
    let back = archive::read_metadata_batch(&batch, &Limits::default()).unwrap();
    assert_eq!((back.len(), back[0].download_uri.as_str()), (1, "http://h/s.tar.gz"));
    assert_eq!(back[0].metadata, written);
    assert!(archive::write_metadata_batch(&[entry("http://h/\n")], &batch).is_err());
    let refused = archive::read_metadata_batch(&to, &Limits::default()).unwrap_err().to_string();
    assert!(refused.contains("batch of metadata"), "{refused}");
}

#[test]
fn paths_that_lead_out_are_refused() {
    let limits = Limits::default();
    for path in ["../evil", "s/../../evil", "/tmp/evil", "s\\..\\evil", "s/\u{1b}[2J"] {
        let reason = refusal(Forged::default().file(path, b"x"), &limits);
        assert!(reason.contains("leads out of its directory"), "{path}: {reason}");
    }
    for (kind, what) in [
        (tar::EntryType::Symlink, "symbolic link"),
        (tar::EntryType::Link, "hard link"),
        (tar::EntryType::Char, "device"),
        (tar::EntryType::Block, "device"),
        (tar::EntryType::Fifo, "pipe"),
    ] {
        let reason = refusal(Forged::default().entry(kind, "s/segment.cuvee", "/etc/passwd", b""), &limits);
        assert!(reason.contains(what), "{reason}");
    }
    // The same in long names and extended headers.
    let long = Forged::default()
        .entry(tar::EntryType::GNULongName, "././@LongLink", "", b"../../evil\0")
        .file("s/metadata.json", b"{}");
    assert!(refusal(long, &limits).contains("leads out"));
    for (record, reason) in [("path=../evil", "leads out"), ("size=9999999999", "8 GiB"), ("linkpath=/x", "link")] {
        let line = format!(" {record}\n");
        let body = format!("{}{line}", line.len() + 2);
        let pax = Forged::default()
            .entry(tar::EntryType::XHeader, "PaxHeaders/s", "", body.as_bytes())
            .file("s/metadata.json", b"{}");
        let told = refusal(pax, &limits);
        assert!(told.contains(reason), "{record}: {told}");
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0u8; 1 << 20];
    let mut forged = Forged::default();
    for n in 0..3 {
        forged = forged.file(&format!("s/x{n}"), &zeros);
    }
    let small = Limits { max_bytes: 1 << 20, ..Limits::default() };
    assert!(refusal(forged, &small).contains("more than 1048576 bytes"));
    // Beyond 64 MiB the ratio is looked at.
    let many = vec![0u8; 70 << 20];
    let reason = refusal(Forged::default().file("s/x", &many), &Limits::default());
    assert!(reason.contains("unpacks to more than 200 bytes"), "{reason}");
    let mut crowd = Forged::default();
    for n in 0..200 {
        crowd = crowd.file(&format!("s/x{n}"), b"");
    }
    assert!(refusal(crowd, &Limits::default()).contains("more than 64 entries"));
    // What the file announces inside counts, too.
    let dir = TempDir::new().unwrap();
    let file = packed_segment(dir.path(), "s");
    let tiny = Limits { max_bytes: 100, ..Limits::default() };
    let told = archive::read(&file, dir.path(), &tiny).unwrap_err().to_string();
    assert!(told.contains("its segment unpacks to"), "{told}");
}

#[test]
fn what_is_no_segment_is_refused_with_advice() {
    let dir = TempDir::new().unwrap();
    let small = packed_segment(dir.path(), "s");
    let bytes = std::fs::read(&small).unwrap();
    let limits = Limits::default();
    let pinot = Forged::default()
        .file("s/v3/columns.psf", b"x")
        .file("s/v3/index_map", b"x")
        .file("s/v3/metadata.properties", b"segment.name = s")
        .file("s/v3/creation.meta", b"x");
    assert!(refusal(pinot, &limits).contains("ConvertPinotSegment"));
    for (forged, reason) in [
        (Forged::default().file("other/segment.cuvee", &bytes), "its directory is called \"other\""),
        (Forged::default().file("s/a/segment.cuvee", &bytes), "expected one directory"),
        (Forged::default().file("segment.cuvee", &bytes), "expected one directory"),
        (Forged::default().file("s/segment.cuvee", &bytes).file("t/metadata.json", b"{}"), "more than one directory"),
        (Forged::default().file("s/segment.cuvee", &bytes).file("s/segment.cuvee", &bytes), "twice"),
        (Forged::default().file("s/segment.cuvee", &bytes[..bytes.len() / 2]), "damaged in its trailer"),
        (Forged::default().file("s/readme", b"x"), "neither"),
        (Forged::default().file("s/metadata.json", b"{"), "metadata.json cannot be read"),
        (Forged::default(), "holds no files"),
    ] {
        let told = refusal(forged, &limits);
        assert!(told.contains(reason), "{told}");
    }
    // One flipped byte in a section.
    let mut flipped = bytes.clone();
    flipped[200] ^= 1;
    assert!(refusal(Forged::default().file("s/segment.cuvee", &flipped), &limits).contains("damaged"));
    // Cut off, and no archive at all.
    let to = dir.path().join("s.tar.gz");
    archive::write(&small, &to).unwrap();
    let whole = std::fs::read(&to).unwrap();
    for (content, reason) in [
        (&whole[..whole.len() / 2], "cut off"),
        (&b"title,year\nHeat,1995\n"[..], "no segment archive"),
        (&b""[..], "empty"),
        (&b"PK\x03\x04aaaaaaaaaaaaaaaa"[..], "no segment archive"),
    ] {
        std::fs::write(&to, content).unwrap();
        let work = TempDir::new().unwrap();
        let told = archive::read(&to, work.path(), &limits).unwrap_err().to_string();
        assert!(told.contains(reason), "{told}");
    }
}
