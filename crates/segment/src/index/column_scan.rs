//! Reads a column of a committed segment front to back, to build an index on it.

use model::{DataType, Value};

use super::{
    bloom,
    forward::{ForwardStore, IdStore, RawValues},
    scan::{Entries, Scan},
    sorted::Runs,
};
use crate::{
    ColumnReader, Dictionary, Result,
    creator::{finish::hash_stored, keys},
    reader::{Column, Numbers},
};

const BLOCK: usize = 1 << 16;

/// Dict ids of a column.
pub(crate) struct ColumnIds<'a> {
    pub(crate) column: &'a Column,
    pub(crate) num_docs: u32,
}

impl Scan<u32> for ColumnIds<'_> {
    fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, u32>) -> Result<()>) -> Result<()> {
        match self.column.store() {
            ForwardStore::Ids(ids) => blocks(None, self.num_docs, |at| id(ids, at), f),
            ForwardStore::MultiIds { offsets, ids } => {
                let total = offsets.last().copied().unwrap_or(0);
                blocks(Some(offsets), total, |at| id(ids, at), f)
            }
            ForwardStore::Sorted(starts) => {
                let mut runs = Runs::new(starts);
                blocks(None, self.num_docs, |doc| runs.id(doc), f)
            }
            ForwardStore::Raw(_) | ForwardStore::MultiRaw { .. } => Ok(()),
        }
    }
}

/// Raw numbers of a column, as ordered keys.
pub(crate) struct ColumnNumbers<'a> {
    pub(crate) column: &'a Column,
}

impl Scan<u64> for ColumnNumbers<'_> {
    fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, u64>) -> Result<()>) -> Result<()> {
        let (offsets, values) = match self.column.store() {
            ForwardStore::Raw(values) => (None, values),
            ForwardStore::MultiRaw { offsets, values } => (Some(&offsets[..]), values),
            _ => return Ok(()),
        };
        let total = self.column.total_entries() as u32;
        match values {
            RawValues::I32(v) => blocks(offsets, total, |at| keys::of_i64(i64::from(v[at as usize])), f),
            RawValues::I64(v) => blocks(offsets, total, |at| keys::of_i64(v[at as usize]), f),
            RawValues::F32(v) => blocks(offsets, total, |at| keys::of_f64(f64::from(v[at as usize])), f),
            RawValues::F64(v) => blocks(offsets, total, |at| keys::of_f64(v[at as usize]), f),
            RawValues::Var(_) => Ok(()),
        }
    }
}

fn id(ids: &IdStore, at: u32) -> u32 {
    ids.as_ids().get(at as usize)
}

/// Hands out `total` entries in blocks; `offsets` are those of a multi-value column.
fn blocks<T: Copy>(
    offsets: Option<&[u32]>,
    total: u32,
    mut value: impl FnMut(u32) -> T,
    f: &mut dyn FnMut(Entries<'_, T>) -> Result<()>,
) -> Result<()> {
    let mut values = Vec::with_capacity(BLOCK);
    let mut docs = Vec::new();
    let mut doc = 0u32;
    for first in (0..total).step_by(BLOCK) {
        let end = total.min(first.saturating_add(BLOCK as u32));
        values.clear();
        values.extend((first..end).map(&mut value));
        let Some(offsets) = offsets else {
            f(Entries { first_doc: first, values: &values, docs: None })?;
            continue;
        };
        docs.clear();
        for entry in first..end {
            while offsets[doc as usize + 1] <= entry {
                doc += 1;
            }
            docs.push(doc);
        }
        f(Entries { first_doc: 0, values: &values, docs: Some(&docs) })?;
    }
    Ok(())
}

/// Entries per id.
pub(crate) fn counts(column: &Column, num_docs: u32) -> Result<Vec<u32>> {
    if let Some(counts) = column.counts_per_id() {
        return Ok(counts.to_vec());
    }
    if let ForwardStore::Sorted(starts) = column.store() {
        return Ok(starts.windows(2).map(|w| w[1] - w[0]).collect());
    }
    let mut counts = vec![0u32; column.cardinality() as usize];
    ColumnIds { column, num_docs }.scan(&mut |entries| {
        entries.values.iter().for_each(|&id| counts[id as usize] += 1);
        Ok(())
    })?;
    Ok(counts)
}

/// Calls `insert` with the bloom hash of each value, repeated or not.
pub(crate) fn hashes(column: &Column, insert: &mut dyn FnMut(u64)) -> Result<()> {
    let data_type = column.ty().data_type;
    let Some(dictionary) = column.dictionary_reader() else { return raw_hashes(column, data_type, insert) };
    let number = |value: Value| keys::of_value(&value).map(bloom::hash_key);
    for id in 0..dictionary.len() {
        match dictionary.numbers() {
            Numbers::None => insert(hash_stored(data_type, dictionary.bytes(id))),
            _ => number(dictionary.value(id)).into_iter().for_each(&mut *insert),
        }
    }
    Ok(())
}

fn raw_hashes(column: &Column, data_type: DataType, insert: &mut dyn FnMut(u64)) -> Result<()> {
    let Some(RawValues::Var(chunks)) = column.raw_values() else {
        return ColumnNumbers { column }.scan(&mut |entries| {
            entries.values.iter().for_each(|&key| insert(bloom::hash_key(key)));
            Ok(())
        });
    };
    let total = column.total_entries() as u32;
    for first in (0..total).step_by(BLOCK) {
        let end = total.min(first.saturating_add(BLOCK as u32));
        // Chunks were decoded once when the file arrived; a chunk that changed since then has no hashes.
        let Ok((offsets, values)) = chunks.gather(first..end) else { continue };
        offsets.windows(2).for_each(|w| insert(hash_stored(data_type, &values[w[0] as usize..w[1] as usize])));
    }
    Ok(())
}
