//! Indexes, encodings and columns change without the source data.

use model::{DataType, FieldSpec, IndexingConfig, Schema, Value};
use segment::{ImmutableSegment, SegmentReader, reload};

use crate::support::{all_indexes, batches, build, schema};

#[test]
fn indexes_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let data = batches(&schema, 2_000, 60);
    let mut bare = IndexingConfig { null_handling_enabled: true, ..IndexingConfig::default() };
    let plain = build(dir.path(), "plain", &schema, bare.clone(), &data);
    let full = build(dir.path(), "full", &schema, all_indexes(), &data);
    let open = |path| ImmutableSegment::open_verified(path).unwrap();
    let (plain_segment, full_segment) = (open(&plain.file), open(&full.file));
    assert!(!reload::needs_reload(&plain_segment, &schema, &bare));
    assert!(reload::reload(&plain_segment, &dir.path().join("same"), &schema, &bare).unwrap().is_none());
    assert!(!dir.path().join("same").exists());

    let added = reload::reload(&plain_segment, &dir.path().join("added"), &schema, &all_indexes()).unwrap().unwrap();
    assert_eq!(added.crc, plain.crc);
    assert_eq!(added.metadata.columns, full.metadata.columns);
    assert_eq!(added.size_bytes.div_ceil(64), full.size_bytes.div_ceil(64));
    assert!(!reload::needs_reload(&open(&added.file), &schema, &all_indexes()));

    let dropped = reload::reload(&full_segment, &dir.path().join("dropped"), &schema, &bare).unwrap().unwrap();
    assert_eq!(dropped.metadata.columns, plain.metadata.columns);

    bare.bloom.insert("sv_LONG".to_owned(), model::BloomConfig { fpp: 0.001, max_size_bytes: 0 });
    let larger = reload::reload(&full_segment, &dir.path().join("bloom"), &schema, &bare).unwrap().unwrap();
    let size = |built: &segment::BuiltSegment| built.metadata.column("sv_LONG").unwrap().index_sizes["bloom_filter"];
    assert!(size(&larger) > size(&full));
}

#[test]
fn dictionaries_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let data = batches(&schema, 1_000, 40);
    let with = IndexingConfig { null_handling_enabled: true, ..IndexingConfig::default() };
    let mut without = with.clone();
    without.no_dictionary = schema.fields.iter().map(|f| f.name.clone()).collect();
    let first = build(dir.path(), "first", &schema, with, &data);
    let segment = ImmutableSegment::open_verified(&first.file).unwrap();
    let raw = reload::reload(&segment, &dir.path().join("raw"), &schema, &without).unwrap().unwrap();
    let raw = ImmutableSegment::open_verified(&raw.file).unwrap();
    let back = reload::reload(&raw, &dir.path().join("back"), &schema, &all_indexes()).unwrap().unwrap();
    let back = ImmutableSegment::open_verified(&back.file).unwrap();
    for field in &schema.fields {
        let [a, b, c] = [&segment, &raw, &back].map(|s| s.column(&field.name).unwrap());
        assert!(b.dictionary().is_none(), "{}", field.name);
        assert_eq!(c.dictionary().is_none(), field.data_type == DataType::Map, "{}", field.name);
        assert_eq!(&a.values_range(0..1000), &b.values_range(0..1000), "{}", field.name);
        assert_eq!(&a.values_range(0..1000), &c.values_range(0..1000), "{}", field.name);
        assert_eq!(a.nulls(), b.nulls());
        assert_eq!(a.nulls(), c.nulls());
    }
}

#[test]
fn columns_are_added() {
    let dir = tempfile::tempdir().unwrap();
    let before = schema();
    let built = build(dir.path(), "s", &before, IndexingConfig::default(), &batches(&before, 500, 9));
    let segment = ImmutableSegment::open_verified(&built.file).unwrap();
    let mut fields = before.fields.clone();
    fields.push(FieldSpec::metric("clicks", DataType::Long));
    let mut colours = FieldSpec::dimension("colours", DataType::String).multi();
    colours.default_null_value = Value::String("none".to_owned());
    fields.push(colours);
    let after = Schema::new("everything", fields);
    let config = IndexingConfig { inverted: ["colours".to_owned()].into(), ..IndexingConfig::default() };
    assert!(reload::needs_reload(&segment, &after, &config));
    let grown = reload::reload(&segment, &dir.path().join("grown"), &after, &config).unwrap().unwrap();
    let grown = ImmutableSegment::open_verified(&grown.file).unwrap();
    let clicks = grown.column("clicks").unwrap();
    assert_eq!(clicks.min_max(), Some((Value::Long(0), Value::Long(0))));
    let colours = grown.column("colours").unwrap();
    assert_eq!(colours.dictionary().unwrap().value(0), Value::String("none".to_owned()));
    assert_eq!(colours.inverted().unwrap().docs(0).len(), 500);
    assert!(grown.metadata().column("colours").unwrap().auto_generated);
    // A column that the schema lost stays.
    let same = IndexingConfig::default();
    assert!(!reload::needs_reload(&grown, &before, &same));
    assert_eq!(
        &grown.column("sv_INT").unwrap().values_range(0..500),
        &segment.column("sv_INT").unwrap().values_range(0..500)
    );
}
