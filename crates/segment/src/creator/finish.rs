//! Turns a column's collected values into sections.

use model::DataType;

use super::{
    column::{ColumnBuilder, RawNumbers, RawVar, Store},
    keys,
    sink::{Part, SectionSink},
    spill::{BLOCK, IdSpill},
};
use crate::{
    ColumnMetadata, Error, Result,
    format::{Kind, as_bytes},
    index::{
        bloom,
        derived::{self, Section},
        dictionary::{
            config::{Choice, pays},
            creator::{NumberDictionary, Order, VarDictionary, var_value},
        },
        forward::{config::id_width, creator::IdWriter},
        scan::{Entries, Scan},
        sorted,
    },
    metadata::Partitions,
};

/// Up to this many ids the footer counts the entries of each.
pub(crate) const MAX_COUNTED: u32 = 1 << 16;

/// A column ready to be put into a container.
pub(crate) struct FinishedColumn {
    pub(crate) metadata: ColumnMetadata,
    /// Ordered by kind.
    pub(crate) sections: Vec<(Kind, Part)>,
}

impl FinishedColumn {
    pub(crate) fn new(mut metadata: ColumnMetadata, kept: Vec<(Kind, Part)>, built: Vec<Section>) -> Self {
        let mut sections = kept;
        sections.extend(built.into_iter().map(|(kind, sink)| (kind, Part::Built(sink))));
        sections.sort_by_key(|(kind, _)| *kind);
        metadata.index_sizes.clear();
        for (kind, part) in &sections {
            *metadata.index_sizes.entry(size_name(*kind).to_owned()).or_default() += part.len();
        }
        Self { metadata, sections }
    }
}

/// The id under which size reports count a section.
pub(crate) fn size_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Dictionary | Kind::DictionaryOffsets => "dictionary",
        Kind::Nulls => "nullvalue_vector",
        Kind::Inverted => "inverted_index",
        Kind::Range => "range_index",
        Kind::Bloom => "bloom_filter",
        Kind::Json => "json_index",
        Kind::Text => "text_index",
        Kind::Fst => "fst_index",
        Kind::Ifst => "ifst_index",
        Kind::H3 => "h3_index",
        Kind::Vector => "vector_index",
        Kind::Forward | Kind::ForwardOffsets | Kind::ChunkDirectory | Kind::Chunks | Kind::Sorted | Kind::Counts => {
            "forward_index"
        }
    }
}

impl ColumnBuilder {
    /// Writes all sections of the column.
    pub(crate) fn finish(mut self) -> Result<FinishedColumn> {
        let metric = self.field.role == model::FieldRole::Metric;
        if self.plan.dictionary == Choice::Automatic {
            let keep = match &self.store {
                Store::Numbers { dictionary, .. } => {
                    dictionary.ascending() && !self.field.multi_value
                        || pays(dictionary.len(), self.entries, None, metric)
                }
                Store::Var { dictionary, .. } => {
                    pays(dictionary.len(), self.entries, Some(dictionary.total_bytes()), metric)
                }
                _ => true,
            };
            let cardinality = match &self.store {
                Store::Numbers { dictionary, .. } => dictionary.len(),
                Store::Var { dictionary, .. } => dictionary.len(),
                _ => 0,
            };
            if !keep {
                self.make_raw(cardinality)?;
            }
        }
        if self.entries > u64::from(u32::MAX) {
            let what = format!("column '{}' has {} entries", self.field.name, self.entries);
            return Err(Error::TooLarge { segment: String::new(), what });
        }
        let mut meta = self.metadata();
        let mut sections = Vec::new();
        if let Some((nulls, bytes)) = std::mem::replace(&mut self.nulls, super::NullVector::new(false)).finish() {
            meta.num_nulls = nulls.len() as u32;
            sections.push((Kind::Nulls, SectionSink::of(&self.work_dir, &bytes)?));
        }
        if let Some(lengths) = &mut self.lengths {
            sections.push((Kind::ForwardOffsets, offsets(&self.work_dir, lengths)?));
        }
        let store = std::mem::replace(&mut self.store, Store::RawNumbers(RawNumbers::empty(&self.work_dir)));
        match store {
            Store::Numbers { dictionary, ids } => self.finish_numbers(dictionary, ids, &mut meta, &mut sections)?,
            Store::Var { dictionary, ids } => self.finish_var(dictionary, ids, &mut meta, &mut sections)?,
            Store::RawNumbers(raw) => self.finish_raw_numbers(raw, &mut meta, &mut sections)?,
            Store::RawVar(raw) => finish_raw_var(raw, &self.work_dir, &mut meta, &mut sections)?,
        }
        attach_bloom(&mut meta, &mut sections)?;
        Ok(FinishedColumn::new(meta, Vec::new(), sections))
    }

    fn finish_numbers(
        &mut self,
        mut dictionary: NumberDictionary,
        ids: IdSpill,
        meta: &mut ColumnMetadata,
        sections: &mut Vec<Section>,
    ) -> Result<()> {
        let data_type = self.field.data_type;
        let order = dictionary.order();
        let len = dictionary.len();
        if len > 0 {
            let edge = |id| keys::value(data_type, dictionary.key(order.temporary(id)));
            meta.set_min_max(&edge(0), &edge(len - 1));
        }
        let mut entries = SectionSink::new(&self.work_dir);
        dictionary.write(data_type.stored(), &order, &mut entries)?;
        sections.push((Kind::Dictionary, entries));
        self.partitions(meta, len, |id| keys::value(data_type, dictionary.key(id)));
        derived::build_bloom(
            &self.plan,
            &mut |insert| {
                (0..len).for_each(|id| insert(bloom::hash_key(dictionary.key(id))));
                Ok(())
            },
            &self.work_dir,
            sections,
        )?;
        let ascending = dictionary.ascending();
        drop(dictionary);
        self.finish_ids(len, ascending, &order, ids, meta, sections)
    }

    fn finish_var(
        &mut self,
        mut dictionary: VarDictionary,
        ids: IdSpill,
        meta: &mut ColumnMetadata,
        sections: &mut Vec<Section>,
    ) -> Result<()> {
        if dictionary.total_bytes() > i32::MAX as u64 {
            let what = format!("the dictionary of column '{}' has more than 2 GB", self.field.name);
            return Err(Error::TooLarge { segment: String::new(), what });
        }
        let data_type = self.field.data_type;
        let order = dictionary.order();
        let len = dictionary.len();
        if len > 0 {
            let edge = |id| var_value(data_type, dictionary.get(order.temporary(id)));
            meta.set_min_max(&edge(0), &edge(len - 1));
        }
        meta.max_length_bytes = dictionary.longest() as u32;
        let (mut bytes, mut ends) = (SectionSink::new(&self.work_dir), SectionSink::new(&self.work_dir));
        dictionary.write(&order, &mut bytes, &mut ends)?;
        sections.push((Kind::Dictionary, bytes));
        sections.push((Kind::DictionaryOffsets, ends));
        self.partitions(meta, len, |id| var_value(data_type, dictionary.get(id)));
        derived::build_bloom(
            &self.plan,
            &mut |insert| {
                (0..len).for_each(|id| insert(hash_stored(data_type, dictionary.get(id))));
                Ok(())
            },
            &self.work_dir,
            sections,
        )?;
        let ascending = dictionary.ascending();
        drop(dictionary);
        self.finish_ids(len, ascending, &order, ids, meta, sections)
    }

    fn partitions(&self, meta: &mut ColumnMetadata, len: u32, value: impl Fn(u32) -> model::Value) {
        let Some(config) = &self.plan.partition else { return };
        let found = crate::partition::ids(config, (0..len).map(value));
        meta.partitions = found.map(|partitions| Partitions {
            function: config.function.clone(),
            num_partitions: config.num_partitions,
            partitions,
        });
    }

    fn finish_ids(
        &mut self,
        cardinality: u32,
        ascending: bool,
        order: &Order,
        mut ids: IdSpill,
        meta: &mut ColumnMetadata,
        sections: &mut Vec<Section>,
    ) -> Result<()> {
        meta.cardinality = cardinality;
        meta.has_dictionary = true;
        meta.sorted = ascending && !self.field.multi_value;
        let remap = order.remap.as_deref();
        let mut counts = vec![0u32; cardinality as usize];
        if meta.sorted {
            ids.for_each(&mut |piece| {
                piece.iter().for_each(|&id| counts[id as usize] += 1);
                Ok(())
            })?;
            let starts = sorted::creator::starts(&counts);
            sections.push((Kind::Sorted, SectionSink::of(&self.work_dir, as_bytes::<u32>(&starts))?));
        } else {
            let mut sink = SectionSink::new(&self.work_dir);
            sink.reserve(ids.len() * id_width(cardinality) as u64);
            let mut writer = IdWriter::new(cardinality, sink);
            ids.for_each(&mut |piece| writer.write(piece, remap, &mut counts))?;
            sections.push((Kind::Forward, writer.finish()));
            if cardinality <= MAX_COUNTED {
                sections.push((Kind::Counts, SectionSink::of(&self.work_dir, as_bytes::<u32>(&counts))?));
            }
        }
        let mut scan = SpilledIds { ids, remap, lengths: self.lengths.as_mut() };
        derived::build_on_ids(&self.plan, &counts, &mut scan, &self.work_dir, sections)
    }

    fn finish_raw_numbers(
        &mut self,
        mut raw: RawNumbers,
        meta: &mut ColumnMetadata,
        sections: &mut Vec<Section>,
    ) -> Result<()> {
        let data_type = self.field.data_type;
        meta.cardinality = raw.cardinality;
        if self.entries > 0 {
            meta.set_min_max(&keys::value(data_type, raw.min), &keys::value(data_type, raw.max));
        }
        meta.sorted = raw.sorted && !self.field.multi_value;
        let stored = data_type.stored();
        derived::build_bloom(
            &self.plan,
            &mut |insert| {
                raw.sink.for_each(keys::width(stored) * BLOCK, &mut |bytes| {
                    bytes
                        .chunks_exact(keys::width(stored))
                        .for_each(|number| insert(bloom::hash_key(keys::read(stored, number))));
                    Ok(())
                })
            },
            &self.work_dir,
            sections,
        )?;
        let mut scan = SpilledNumbers { sink: &mut raw.sink, stored, lengths: self.lengths.as_mut() };
        derived::build_on_numbers(&self.plan, self.entries, &mut scan, &self.work_dir, sections)?;
        sections.push((Kind::Forward, raw.sink));
        Ok(())
    }
}

fn finish_raw_var(
    raw: RawVar,
    work_dir: &std::path::Path,
    meta: &mut ColumnMetadata,
    sections: &mut Vec<Section>,
) -> Result<()> {
    meta.cardinality = raw.cardinality;
    if let (Some(min), Some(max)) = (&raw.min, &raw.max) {
        meta.set_min_max(&var_value(meta.data_type, min), &var_value(meta.data_type, max));
    }
    meta.max_length_bytes = raw.longest as u32;
    if let Some(builder) = raw.hashes {
        sections.push((Kind::Bloom, SectionSink::of(work_dir, &builder.finish())?));
    }
    let (directory, chunks) = raw.chunks.finish()?;
    sections.push((Kind::ChunkDirectory, SectionSink::of(work_dir, &directory)?));
    sections.push((Kind::Chunks, chunks));
    Ok(())
}

/// Keeps a small bloom filter in the metadata too.
pub(crate) fn attach_bloom(meta: &mut ColumnMetadata, sections: &mut [Section]) -> Result<()> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    meta.bloom = None;
    for (kind, sink) in sections {
        if *kind == Kind::Bloom && sink.len() <= ColumnMetadata::MAX_BLOOM_BYTES as u64 {
            let mut bytes = Vec::new();
            sink.for_each(ColumnMetadata::MAX_BLOOM_BYTES, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            meta.bloom = Some(STANDARD.encode(bytes));
        }
    }
    Ok(())
}

/// The bloom hash of stored bytes.
pub(crate) fn hash_stored(data_type: DataType, bytes: &[u8]) -> u64 {
    if data_type == DataType::BigDecimal {
        let value = var_value(data_type, bytes);
        return bloom::hash_value(data_type, &value).unwrap_or_default();
    }
    bloom::hash_bytes(bytes)
}

fn offsets(work_dir: &std::path::Path, lengths: &mut IdSpill) -> Result<SectionSink> {
    let mut sink = SectionSink::new(work_dir);
    let mut end = 0u32;
    sink.write(&end.to_le_bytes())?;
    let mut ends = Vec::with_capacity(BLOCK);
    lengths.for_each(&mut |piece| {
        ends.clear();
        for len in piece {
            end += len;
            ends.push(end);
        }
        sink.write(as_bytes::<u32>(&ends))
    })?;
    Ok(sink)
}

/// The docs of entries, for a multi-value column read in pieces.
struct DocCursor {
    lengths: Vec<u32>,
    doc: usize,
    left: u32,
}

impl DocCursor {
    fn new(lengths: &mut IdSpill) -> Result<Self> {
        let mut all = Vec::with_capacity(lengths.len() as usize);
        lengths.for_each(&mut |piece| {
            all.extend_from_slice(piece);
            Ok(())
        })?;
        let left = all.first().copied().unwrap_or(0);
        Ok(Self { lengths: all, doc: 0, left })
    }

    fn next(&mut self, entries: usize, docs: &mut Vec<u32>) {
        docs.clear();
        while docs.len() < entries && self.doc < self.lengths.len() {
            if self.left == 0 {
                self.doc += 1;
                self.left = self.lengths.get(self.doc).copied().unwrap_or(0);
                continue;
            }
            docs.push(self.doc as u32);
            self.left -= 1;
        }
    }
}

struct SpilledIds<'a> {
    ids: IdSpill,
    remap: Option<&'a [u32]>,
    lengths: Option<&'a mut IdSpill>,
}

impl Scan<u32> for SpilledIds<'_> {
    fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, u32>) -> Result<()>) -> Result<()> {
        let mut cursor = self.lengths.as_mut().map(|lengths| DocCursor::new(lengths)).transpose()?;
        let (mut docs, mut mapped, mut first_doc) = (Vec::new(), Vec::with_capacity(BLOCK), 0u32);
        let remap = self.remap;
        self.ids.for_each(&mut |piece| {
            let values = match remap {
                None => piece,
                Some(remap) => {
                    mapped.clear();
                    mapped.extend(piece.iter().map(|&id| remap[id as usize]));
                    &mapped
                }
            };
            if let Some(cursor) = &mut cursor {
                cursor.next(values.len(), &mut docs);
                return f(Entries { first_doc: 0, values, docs: Some(&docs) });
            }
            f(Entries { first_doc, values, docs: None })?;
            first_doc += values.len() as u32;
            Ok(())
        })
    }
}

struct SpilledNumbers<'a> {
    sink: &'a mut SectionSink,
    stored: DataType,
    lengths: Option<&'a mut IdSpill>,
}

impl Scan<u64> for SpilledNumbers<'_> {
    fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, u64>) -> Result<()>) -> Result<()> {
        let mut cursor = self.lengths.as_mut().map(|lengths| DocCursor::new(lengths)).transpose()?;
        let (mut docs, mut values, mut first_doc) = (Vec::new(), Vec::with_capacity(BLOCK), 0u32);
        let (stored, width) = (self.stored, keys::width(self.stored));
        self.sink.for_each(width * BLOCK, &mut |bytes| {
            values.clear();
            values.extend(bytes.chunks_exact(width).map(|number| keys::read(stored, number)));
            if let Some(cursor) = &mut cursor {
                cursor.next(values.len(), &mut docs);
                return f(Entries { first_doc: 0, values: &values, docs: Some(&docs) });
            }
            f(Entries { first_doc, values: &values, docs: None })?;
            first_doc += values.len() as u32;
            Ok(())
        })
    }
}
