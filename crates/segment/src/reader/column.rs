//! A column of a committed segment.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, ListArray},
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::{DataType as ArrowType, Field},
};
use model::{ColumnType, FieldRole, Value};
use roaring::RoaringBitmap;

use super::{BloomFilter, ColumnReader, Dictionary, Forward, Ids, InvertedIndex, RangeIndex};
use crate::{
    ColumnMetadata, Result,
    format::{Container, Kind},
    index::{
        bloom::BloomReader,
        dictionary::DictionaryReader,
        forward::{ForwardStore, IdStore, RawValues},
        inverted::InvertedReader,
        null,
        range::RangeReader,
        sorted::Runs,
    },
};

/// One column inside a mapped segment.
pub struct Column {
    meta: ColumnMetadata,
    dictionary: Option<DictionaryReader>,
    forward: Arc<ForwardStore>,
    nulls: Option<RoaringBitmap>,
    counts: Option<ScalarBuffer<u32>>,
    inverted: Option<InvertedReader>,
    range: Option<RangeReader>,
    bloom: Option<BloomReader>,
    min_max: Option<(Value, Value)>,
}

impl Column {
    pub(crate) fn open(container: &Container, index: u32, meta: &ColumnMetadata, num_docs: u32) -> Result<Self> {
        let dictionary = meta.has_dictionary.then(|| DictionaryReader::open(container, index, meta)).transpose()?;
        let forward = Arc::new(ForwardStore::open(container, index, meta, num_docs)?);
        let counts = match container.section(index, Kind::Counts) {
            Some(section) if meta.has_dictionary => {
                let counts = section.numbers::<u32>(u64::from(meta.cardinality))?;
                if counts.iter().map(|&c| u64::from(c)).sum::<u64>() != meta.total_entries {
                    return Err(section.damaged("the counts do not add up to the entries"));
                }
                Some(counts)
            }
            _ => None,
        };
        let inverted = if meta.has_dictionary {
            let store = Arc::clone(&forward);
            InvertedReader::open(container, index, meta.cardinality, num_docs, move |id| scan(&store, id))?
        } else {
            None
        };
        let min_max = match &dictionary {
            Some(d) if d.len() > 0 => Some((d.value(0), d.value(d.len() - 1))),
            _ => meta.min_max(),
        };
        Ok(Self {
            dictionary,
            forward,
            nulls: null::reader::open(container, index, meta, num_docs)?,
            counts,
            inverted,
            range: RangeReader::open(container, index, meta.has_dictionary, num_docs)?,
            bloom: BloomReader::open(container, index, meta.data_type)?,
            min_max,
            meta: meta.clone(),
        })
    }

    pub fn metadata(&self) -> &ColumnMetadata {
        &self.meta
    }

    /// Decodes what opening left encoded; the error names the part.
    pub(crate) fn verify(&self) -> Result<(), (Kind, String)> {
        self.forward.verify().map_err(|e| (Kind::Chunks, e))?;
        self.inverted.as_ref().map_or(Ok(()), InvertedReader::verify).map_err(|e| (Kind::Inverted, e))?;
        self.range.as_ref().map_or(Ok(()), RangeReader::verify).map_err(|e| (Kind::Range, e))
    }

    pub(crate) fn dictionary_reader(&self) -> Option<&DictionaryReader> {
        self.dictionary.as_ref()
    }

    pub(crate) fn store(&self) -> &ForwardStore {
        &self.forward
    }

    /// The values of entry positions, in a single flat array.
    fn entries(&self, positions: impl ExactSizeIterator<Item = u32> + Clone) -> ArrayRef {
        let data_type = self.meta.data_type;
        match (&*self.forward, &self.dictionary) {
            (ForwardStore::Ids(ids) | ForwardStore::MultiIds { ids, .. }, Some(dictionary)) => {
                let len = positions.len();
                match ids {
                    IdStore::U8(ids) => dictionary.gather(len, positions.map(|p| u32::from(ids[p as usize]))),
                    IdStore::U16(ids) => dictionary.gather(len, positions.map(|p| u32::from(ids[p as usize]))),
                    IdStore::U32(ids) => dictionary.gather(len, positions.map(|p| ids[p as usize])),
                }
            }
            (ForwardStore::Sorted(starts), Some(dictionary)) => {
                let len = positions.len();
                let mut runs = Runs::new(starts);
                let ids: Vec<u32> = positions.map(|doc| runs.id(doc)).collect();
                dictionary.gather(len, ids.into_iter())
            }
            (ForwardStore::Raw(values) | ForwardStore::MultiRaw { values, .. }, _) => {
                values.gather(data_type, positions)
            }
            // Opening requires a dictionary for ids.
            (_, None) => arrow::array::new_empty_array(&data_type.arrow()),
        }
    }

    fn list(&self, offsets: Vec<i32>, values: ArrayRef) -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        Arc::new(ListArray::new(item, OffsetBuffer::new(ScalarBuffer::from(offsets)), values, None))
    }

    fn offsets(&self) -> Option<&[u32]> {
        match &*self.forward {
            ForwardStore::MultiIds { offsets, .. } | ForwardStore::MultiRaw { offsets, .. } => Some(offsets),
            _ => None,
        }
    }
}

/// The docs of `id`, found without an index.
fn scan(store: &ForwardStore, id: u32) -> RoaringBitmap {
    let matching = |ids: Ids<'_>, range: Range<usize>| range.into_iter().any(|at| ids.get(at) == id);
    match store.as_forward() {
        Forward::Ids(ids) => (0..ids.len() as u32).filter(|&doc| ids.get(doc as usize) == id).collect(),
        Forward::Sorted { starts } => {
            let mut docs = RoaringBitmap::new();
            docs.insert_range(starts[id as usize]..starts[id as usize + 1]);
            docs
        }
        Forward::MultiIds { offsets, ids } => (0..offsets.len() as u32 - 1)
            .filter(|&d| matching(ids, offsets[d as usize] as usize..offsets[d as usize + 1] as usize))
            .collect(),
        _ => RoaringBitmap::new(),
    }
}

impl ColumnReader for Column {
    fn ty(&self) -> ColumnType {
        self.meta.column_type()
    }

    fn role(&self) -> FieldRole {
        self.meta.role
    }

    fn cardinality(&self) -> u32 {
        self.meta.cardinality
    }

    fn min_max(&self) -> Option<(Value, Value)> {
        self.min_max.clone()
    }

    fn is_sorted(&self) -> bool {
        self.meta.sorted
    }

    fn total_entries(&self) -> u64 {
        self.meta.total_entries
    }

    fn max_entries_per_doc(&self) -> u32 {
        self.meta.max_entries_per_doc
    }

    fn nulls(&self) -> Option<&RoaringBitmap> {
        self.nulls.as_ref()
    }

    fn dictionary(&self) -> Option<&dyn Dictionary> {
        self.dictionary.as_ref().map(|d| d as &dyn Dictionary)
    }

    fn forward(&self) -> Forward<'_> {
        self.forward.as_forward()
    }

    fn counts_per_id(&self) -> Option<&[u32]> {
        self.counts.as_deref()
    }

    fn inverted(&self) -> Option<&dyn InvertedIndex> {
        self.inverted.as_ref().map(|i| i as &dyn InvertedIndex)
    }

    fn range(&self) -> Option<&dyn RangeIndex> {
        self.range.as_ref().map(|r| r as &dyn RangeIndex)
    }

    fn bloom(&self) -> Option<&dyn BloomFilter> {
        self.bloom.as_ref().map(|b| b as &dyn BloomFilter)
    }

    fn partitions(&self) -> Option<(&str, u32, &[u32])> {
        let p = self.meta.partitions.as_ref()?;
        Some((&p.function, p.num_partitions, &p.partitions))
    }

    fn values(&self, docs: &[u32]) -> ArrayRef {
        let Some(offsets) = self.offsets() else { return self.entries(docs.iter().copied()) };
        let mut ends = Vec::with_capacity(docs.len() + 1);
        let mut positions = Vec::new();
        ends.push(0i32);
        for &doc in docs {
            positions.extend(offsets[doc as usize]..offsets[doc as usize + 1]);
            ends.push(i32::try_from(positions.len()).expect("callers ask for less than 2^31 entries at once"));
        }
        self.list(ends, self.entries(positions.iter().copied()))
    }

    fn values_range(&self, docs: Range<u32>) -> ArrayRef {
        let Some(offsets) = self.offsets() else {
            return match &*self.forward {
                ForwardStore::Raw(values) => values.slice(self.meta.data_type, docs),
                _ => self.entries(docs),
            };
        };
        let bounds = &offsets[docs.start as usize..=docs.end as usize];
        let (first, last) = (bounds[0], bounds[bounds.len() - 1]);
        assert!(last - first <= i32::MAX as u32, "callers ask for less than 2^31 entries at once");
        let ends = bounds.iter().map(|&offset| (offset - first) as i32).collect();
        let values = match &*self.forward {
            ForwardStore::MultiRaw { values, .. } => values.slice(self.meta.data_type, first..last),
            _ => self.entries(first..last),
        };
        self.list(ends, values)
    }
}

/// The Arrow type of a column's values, for tests and exporters.
pub fn arrow_type(meta: &ColumnMetadata) -> ArrowType {
    meta.column_type().arrow()
}

impl Column {
    /// Raw values of a column without dictionary.
    pub(crate) fn raw_values(&self) -> Option<&RawValues> {
        match &*self.forward {
            ForwardStore::Raw(values) | ForwardStore::MultiRaw { values, .. } => Some(values),
            _ => None,
        }
    }
}
