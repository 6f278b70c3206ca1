//! Damaged files are errors that name the section, never a panic.

use std::path::Path;

use model::IndexingConfig;
use segment::{Error, ImmutableSegment, SegmentReader, packed};

use crate::support::{all_indexes, batches, build, schema};

/// Reads everything that can be read.
fn exercise(segment: &ImmutableSegment) {
    let docs = segment.num_docs();
    for name in segment.column_names() {
        let column = segment.column(name).unwrap();
        column.values_range(0..docs);
        column.values(&[docs - 1, 0]);
        if let Some(dictionary) = column.dictionary() {
            dictionary.all();
            dictionary.fingerprint();
            for id in 0..dictionary.len() {
                let value = dictionary.value(id);
                dictionary.id_of(&value);
                dictionary.rank(&value, true);
                column.inverted().map(|index| index.docs(id));
                column.bloom().map(|bloom| bloom.might_contain(&value));
            }
        }
        column.range().map(|range| range.docs(None, None));
    }
}

fn small_file(dir: &Path) -> Vec<u8> {
    let keep = ["sv_INT", "mv_STRING", "sv_BYTES", "mv_LONG", "day", "sv_MAP", "sv_DOUBLE"];
    let fields = schema().fields.into_iter().filter(|f| keep.contains(&f.name.as_str())).collect();
    let schema = model::Schema::new("small", fields);
    let mut indexing = all_indexes();
    indexing.no_dictionary.insert("sv_DOUBLE".to_owned());
    indexing.no_dictionary.insert("mv_LONG".to_owned());
    indexing.inverted.remove("mv_LONG");
    indexing.inverted.remove("sv_DOUBLE");
    let built = build(dir, "small", &schema, indexing, &batches(&schema, 24, 4));
    std::fs::read(built.file).unwrap()
}

#[test]
fn every_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let good = small_file(dir.path());
    let path = dir.path().join("bad");
    let mut found_at_opening = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bad).unwrap();
        let error = match ImmutableSegment::open(&path) {
            Ok(segment) => {
                exercise(&segment);
                segment.verify().expect_err(&format!("byte {at} of {}", good.len()))
            }
            Err(error) => {
                found_at_opening += 1;
                error
            }
        };
        assert!(error.is_damage(), "byte {at}: {error}");
    }
    assert!(found_at_opening > 500);
}

#[test]
fn every_cut_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let good = small_file(dir.path());
    let path = dir.path().join("cut");
    for len in (0..good.len()).step_by(7).chain(good.len() - 40..good.len()) {
        std::fs::write(&path, &good[..len]).unwrap();
        let error = ImmutableSegment::open(&path).err().unwrap();
        assert!(matches!(error, Error::Damaged { .. }), "{len} bytes: {error}");
    }
    std::fs::write(&path, [&good[..], &good[..]].concat()).unwrap();
    assert!(ImmutableSegment::open(&path).and_then(|s| s.verify()).is_err());
}

/// Bytes changed and all checksums made right again: what a hostile upload looks like.
#[test]
fn right_checksums_do_not_help() {
    let dir = tempfile::tempdir().unwrap();
    let good = small_file(dir.path());
    let path = dir.path().join("forged");
    let footer = u64::from_le_bytes(good[good.len() - 32..good.len() - 24].try_into().unwrap()) as usize;
    for at in (64..good.len() - 32).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= if at % 2 == 0 { 0xff } else { 0x01 };
        forge(&mut bad, footer);
        std::fs::write(&path, &bad).unwrap();
        if let Ok(segment) = ImmutableSegment::open_verified(&path) {
            exercise(&segment);
        }
    }
}

/// Writes the checksums that the bytes now have.
fn forge(file: &mut [u8], footer: usize) {
    let sections = u32::from_le_bytes(file[footer..footer + 4].try_into().unwrap()) as usize;
    let end = file.len() - 32;
    for i in 0..sections {
        let entry = footer + 4 + i * 40;
        if entry + 40 > end {
            break;
        }
        let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        let (offset, len) = (word(entry + 8), word(entry + 16));
        if let Some(bytes) = offset.checked_add(len).and_then(|to| file.get(offset..to)) {
            let crc = crc32fast::hash(bytes).to_le_bytes();
            file[entry + 32..entry + 36].copy_from_slice(&crc);
        }
    }
    let crc = crc32fast::hash(&file[footer..end]).to_le_bytes();
    file[end + 16..end + 20].copy_from_slice(&crc);
}

#[test]
fn damaged_packed_files_are_found() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hot"), small_file(dir.path())).unwrap();
    let (packed_path, bad, out) = (dir.path().join("packed"), dir.path().join("bad"), dir.path().join("out"));
    packed::pack(&dir.path().join("hot"), &packed_path).unwrap();
    let good = std::fs::read(&packed_path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&bad, &bytes).unwrap();
        let error = packed::unpack(&bad, &out).err().unwrap();
        assert!(error.is_damage(), "byte {at}: {error}");
        assert!(!out.exists());
    }
    let footer = u64::from_le_bytes(good[good.len() - 32..good.len() - 24].try_into().unwrap()) as usize;
    for at in (64..good.len() - 32).step_by(5) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        forge(&mut bytes, footer);
        std::fs::write(&bad, &bytes).unwrap();
        if packed::unpack(&bad, &out).is_ok() {
            exercise(&ImmutableSegment::open_verified(&out).unwrap());
        }
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn errors_name_the_section() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let built = build(dir.path(), "s", &schema, IndexingConfig::default(), &batches(&schema, 20, 5));
    let mut bytes = std::fs::read(&built.file).unwrap();
    bytes[64] ^= 1;
    std::fs::write(&built.file, &bytes).unwrap();
    let error = ImmutableSegment::open_verified(&built.file).err().unwrap().to_string();
    assert!(error.contains("damaged in its dictionary of column 'sv_INT': the checksum does not match"), "{error}");
}
