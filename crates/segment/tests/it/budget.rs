//! A small memory budget changes how columns are stored, not what they hold.

use model::IndexingConfig;
use segment::{ImmutableSegment, SegmentCreator, SegmentReader};

use crate::support::{Rng, batch, expected, options, schema};

#[test]
fn values_survive_a_tiny_budget() {
    let dir = tempfile::tempdir().unwrap();
    let schema = schema();
    let mut rng = Rng(5);
    let data: Vec<_> = (0..12).map(|i| batch(&mut rng, &schema, i * 1_500, 1_500, 5_000)).collect();
    let mut indexing = IndexingConfig::default();
    indexing.inverted.insert("sv_STRING".to_owned());
    for threads in [1, 3] {
        let mut options = options(dir.path(), "tiny", &schema, indexing.clone());
        options.memory_budget_bytes = 200_000;
        let mut creator = SegmentCreator::new(options).unwrap().with_threads(threads);
        data.iter().for_each(|b| creator.append(b).unwrap());
        let built = creator.finish().unwrap();
        let segment = ImmutableSegment::open_verified(&built.file).unwrap();
        for field in &schema.fields {
            let column = segment.column(&field.name).unwrap();
            let values = column.values_range(0..built.num_docs);
            assert!(values == expected(&schema, &data, &field.name), "{}", field.name);
        }
        assert!(segment.column("sv_STRING").unwrap().inverted().is_some(), "a configured index is kept");
        assert!(segment.column("sv_JSON").unwrap().dictionary().is_none(), "a large dictionary is given up");
    }
}
