//! Files of every format version stay readable. With `CUVEE_WRITE_GOLDEN=1` the file of the current version is written
//! anew, which is right only before that version is released.

use std::path::Path;

use segment::{ImmutableSegment, SegmentReader, packed};

use crate::support::{all_indexes, batches, build, expected, schema};

const ROWS: usize = 60;

#[test]
fn version_1() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (hot, small) = (golden.join("v1.hot"), golden.join("v1.packed"));
    let schema = schema();
    let data = batches(&schema, ROWS, 7);
    let dir = tempfile::tempdir().unwrap();
    let mut indexing = all_indexes();
    for name in ["sv_DOUBLE", "mv_LONG", "sv_BYTES"] {
        indexing.no_dictionary.insert(name.to_owned());
        indexing.inverted.remove(name);
        indexing.range.remove(name);
    }
    if std::env::var_os("CUVEE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(&golden).unwrap();
        let built = build(dir.path(), "golden", &schema, indexing.clone(), &data);
        packed::pack(&built.file, &small).unwrap();
        std::fs::copy(&built.file, &hot).unwrap();
    }
    let unpacked = packed::unpack(&small, &dir.path().join("unpacked")).unwrap();
    for file in [&hot, &unpacked.file] {
        let segment = ImmutableSegment::open_verified(file).unwrap();
        assert_eq!(segment.name(), "golden");
        assert_eq!(segment.num_docs() as usize, ROWS);
        assert_eq!(segment.time_range(), Some((0, 19_000)));
        assert_eq!(segment.metadata().crc, unpacked.crc);
        for field in &schema.fields {
            let column = segment.column(&field.name).unwrap();
            assert_eq!(column.ty(), field.column_type());
            let values = column.values_range(0..ROWS as u32);
            assert_eq!(&values, &expected(&schema, &data, &field.name), "{}", field.name);
            let inverted = indexing.inverted.contains(&field.name) && column.dictionary().is_some();
            assert_eq!(column.inverted().is_some(), inverted, "{}", field.name);
        }
        assert!(segment.column("sv_INT").unwrap().nulls().is_some());
    }
}
