//! The ids of group keys, block by block.

use arrow::array::{Array, AsArray};
use functions::Expr;
use roaring::RoaringBitmap;
use segment::reader::{ColumnReader, Dictionary, Forward, Ids};

use crate::{
    columns::{Segment, read_ids},
    error::Result,
    group::interner::Interner,
    mask::Docs,
    values,
};

const UNSET: u32 = u32::MAX;

/// Reads one key of one segment. A dictionary's values are interned when first met, so each costs one look-up a
/// segment however many rows hold it.
pub(crate) struct KeyReader<'s> {
    expr: &'s Expr,
    source: Source<'s>,
    /// Dict id to interned id.
    known: Vec<u32>,
    nulls: Option<&'s RoaringBitmap>,
    scratch: Vec<u32>,
}

enum Source<'s> {
    Dictionary { column: &'s dyn ColumnReader, dictionary: &'s dyn Dictionary },
    MultiIds { dictionary: &'s dyn Dictionary, offsets: &'s [u32], ids: Ids<'s> },
    Values,
}

/// Key ids of a block: one a row, or several (`ends[row]` closes each row's run).
pub(crate) struct KeyBlock {
    pub(crate) ids: Vec<u32>,
    pub(crate) ends: Option<Vec<u32>>,
}

impl<'s> KeyReader<'s> {
    pub(crate) fn new(segment: &'s Segment<'s>, expr: &'s Expr) -> Self {
        let mut source = Source::Values;
        let mut nulls = None;
        let mut known = Vec::new();
        if let Expr::Column { name, .. } = expr
            && let Some(column) = segment.column(name)
        {
            nulls = if segment.null_handling { column.nulls() } else { None };
            if let Some(dictionary) = column.dictionary() {
                known = vec![UNSET; dictionary.len() as usize];
                source = match column.forward() {
                    Forward::MultiIds { offsets, ids } => Source::MultiIds { dictionary, offsets, ids },
                    _ => Source::Dictionary { column, dictionary },
                };
            }
        }
        Self { expr, source, known, nulls, scratch: Vec::new() }
    }

    pub(crate) fn read(
        &mut self,
        segment: &Segment<'_>,
        docs: &Docs<'_>,
        context: functions::Context,
        interner: &mut Interner,
    ) -> Result<KeyBlock> {
        match self.source {
            Source::Dictionary { column, dictionary } => {
                let mut ids = std::mem::take(&mut self.scratch);
                read_ids(column.forward(), docs, &mut ids);
                for (row, id) in ids.iter_mut().enumerate() {
                    if self.nulls.is_some_and(|nulls| nulls.contains(docs.get(row))) {
                        *id = interner.null();
                        continue;
                    }
                    *id = resolve(&mut self.known, dictionary, *id, interner);
                }
                Ok(KeyBlock { ids, ends: None })
            }
            Source::MultiIds { dictionary, offsets, ids } => {
                let mut out = Vec::with_capacity(docs.len() * 2);
                let mut ends = Vec::with_capacity(docs.len());
                for row in 0..docs.len() {
                    let doc = docs.get(row);
                    if self.nulls.is_some_and(|nulls| nulls.contains(doc)) {
                        out.push(interner.null());
                    } else {
                        for at in offsets[doc as usize]..offsets[doc as usize + 1] {
                            out.push(resolve(&mut self.known, dictionary, ids.get(at as usize), interner));
                        }
                    }
                    ends.push(out.len() as u32);
                }
                Ok(KeyBlock { ids: out, ends: Some(ends) })
            }
            Source::Values => {
                let values = values::evaluate(segment, self.expr, docs, context)?;
                let mut ids = std::mem::take(&mut self.scratch);
                ids.clear();
                let Some(lists) = values.as_list_opt::<i32>() else {
                    interner.rows(values.as_ref(), &mut ids);
                    return Ok(KeyBlock { ids, ends: None });
                };
                let mut ends = Vec::with_capacity(docs.len());
                for row in 0..lists.len() {
                    if lists.is_null(row) {
                        ids.push(interner.null());
                    } else {
                        interner.rows(lists.value(row).as_ref(), &mut ids);
                    }
                    ends.push(ids.len() as u32);
                }
                Ok(KeyBlock { ids, ends: Some(ends) })
            }
        }
    }

    /// Takes a block's buffer back for the next one.
    pub(crate) fn recycle(&mut self, ids: Vec<u32>) {
        self.scratch = ids;
    }
}

#[inline]
fn resolve(known: &mut Vec<u32>, dictionary: &dyn Dictionary, id: u32, interner: &mut Interner) -> u32 {
    let at = id as usize;
    if at >= known.len() {
        // A consuming segment's dictionary may have grown since.
        known.resize(at + 1, UNSET);
    }
    if known[at] == UNSET {
        known[at] = interner.dictionary_entry(dictionary, id);
    }
    known[at]
}

/// Rows of a block after its multi-value keys have been exploded: the source row of each, and one id column a key.
pub(crate) fn explode(blocks: Vec<KeyBlock>, rows: usize) -> (Option<Vec<u32>>, Vec<Vec<u32>>) {
    if blocks.iter().all(|block| block.ends.is_none()) {
        return (None, blocks.into_iter().map(|block| block.ids).collect());
    }
    let mut picks = Vec::new();
    let mut columns: Vec<Vec<u32>> = blocks.iter().map(|_| Vec::new()).collect();
    let mut at = vec![0usize; blocks.len()];
    for row in 0..rows {
        let runs: Vec<&[u32]> = blocks
            .iter()
            .map(|block| match &block.ends {
                None => &block.ids[row..=row],
                Some(ends) => {
                    let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                    &block.ids[start..ends[row] as usize]
                }
            })
            .collect();
        if runs.iter().any(|run| run.is_empty()) {
            continue;
        }
        at.fill(0);
        'combinations: loop {
            picks.push(row as u32);
            for (key, column) in columns.iter_mut().enumerate() {
                column.push(runs[key][at[key]]);
            }
            for key in (0..at.len()).rev() {
                at[key] += 1;
                if at[key] < runs[key].len() {
                    continue 'combinations;
                }
                at[key] = 0;
            }
            break;
        }
    }
    (Some(picks), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_multi_value_keys_explode_into_their_product() {
        let single = KeyBlock { ids: vec![7, 8, 9], ends: None };
        let a = KeyBlock { ids: vec![1, 2, 3], ends: Some(vec![2, 2, 3]) };
        let b = KeyBlock { ids: vec![4, 5, 6, 6], ends: Some(vec![2, 3, 4]) };
        let (picks, columns) = explode(vec![single, a, b], 3);
        assert_eq!(picks.unwrap(), [0, 0, 0, 0, 2]);
        assert_eq!(columns, [vec![7, 7, 7, 7, 9], vec![1, 1, 2, 2, 3], vec![4, 5, 4, 5, 6]]);
    }
}
