//! The deep store's form holds the same.

use model::IndexingConfig;
use segment::{ImmutableSegment, packed};

use crate::support::{all_indexes, batches, build, schema};

#[test]
fn unpacking_gives_the_same_bytes() {
    let schema = schema();
    let raw = IndexingConfig {
        no_dictionary: schema.fields.iter().map(|f| f.name.clone()).collect(),
        range: ["sv_INT".to_owned()].into(),
        ..IndexingConfig::default()
    };
    for (indexing, rows, distinct) in [
        (IndexingConfig::default(), 0, 5),
        (all_indexes(), 900, 30),
        (all_indexes(), 12_000, 11_000),
        (raw, 1_500, 400),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let built = build(dir.path(), "s", &schema, indexing, &batches(&schema, rows, distinct));
        let (small, back) = (dir.path().join("small"), dir.path().join("back"));
        let len = packed::pack(&built.file, &small).unwrap();
        assert_eq!(len, std::fs::metadata(&small).unwrap().len());
        let again = packed::unpack(&small, &back).unwrap();
        assert_eq!((again.crc, again.num_docs, &again.metadata), (built.crc, built.num_docs, &built.metadata));
        assert!(std::fs::read(&back).unwrap() == std::fs::read(&built.file).unwrap(), "{rows} rows");
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 3);
        if rows > 10_000 {
            assert!(len * 2 < built.size_bytes, "{len} of {} bytes", built.size_bytes);
        }
    }
}

#[test]
fn forms_are_not_mixed_up() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let built = build(dir.path(), "s", &schema, IndexingConfig::default(), &batches(&schema, 10, 3));
    let small = dir.path().join("small");
    packed::pack(&built.file, &small).unwrap();
    let message = |e: segment::Error| e.to_string();
    assert!(ImmutableSegment::open(&small).err().map(message).unwrap().contains("packed form, expected hot form"));
    assert!(packed::unpack(&built.file, &small).err().map(message).unwrap().contains("hot form, expected packed form"));
}
