//! Ids of a key's values that are the same in all segments of a query.
//!
//! Where every segment has the same dictionary the dict ids serve; else the sorted dictionaries are merged once and
//! the merge is kept, by their fingerprints, for later queries. Results of expressions are interned.

use std::{collections::VecDeque, sync::Arc};

use arrow::array::ArrayRef;
use functions::Expr;
use model::{ColumnType, DataType, Value};
use parking_lot::Mutex;
use segment::reader::{ColumnReader, Dictionary, Forward, Numbers};

use crate::{
    columns::{Segment, is_deterministic, single_column},
    error::Result,
    group::interner::Interner,
    values,
};

/// Bytes of merged maps that the engine keeps.
const CACHE_BYTES: usize = 256 << 20;
/// An expression is evaluated per entry of dictionaries that are so many times smaller than the docs.
const MIN_DOCS_PER_ENTRY: u64 = 2;
/// Entries of dictionaries that are looked at however few docs match.
const CHEAP_ENTRIES: u64 = 4_096;

/// One key over all segments.
pub(crate) struct GlobalKey {
    /// Ids are below this; the last is NULL's when `null` is set.
    pub(crate) cardinality: u32,
    pub(crate) null: Option<u32>,
    /// Per segment, dict id to global id; `None` where they are equal.
    pub(crate) maps: Vec<Option<Arc<Vec<u32>>>>,
    values: Values,
    /// Greater ids mean greater values.
    pub(crate) ordered: bool,
    /// Dict ids with the same id here are neighbours.
    pub(crate) steps: bool,
}

enum Values {
    /// The first segment's dictionary.
    Dictionary,
    /// Segment and dict id of an occurrence of each value.
    Merged(Arc<Merged>),
    Interned(Box<Interner>),
}

/// The union of several sorted dictionaries.
pub(crate) struct Merged {
    maps: Vec<Arc<Vec<u32>>>,
    /// Place in the list of dictionaries and id there, a global id each.
    origins: Vec<(u32, u32)>,
}

impl Merged {
    fn bytes(&self) -> usize {
        self.maps.iter().map(|map| map.len() * 4).sum::<usize>() + self.origins.len() * 8
    }
}

/// Merges of dictionaries, by their fingerprints; the oldest go first.
#[derive(Default)]
pub(crate) struct IdMapCache {
    entries: Mutex<VecDeque<(Vec<u64>, Arc<Merged>)>>,
}

impl IdMapCache {
    fn get(&self, fingerprints: &[u64], make: impl FnOnce() -> Merged) -> Arc<Merged> {
        {
            let mut entries = self.entries.lock();
            if let Some(at) = entries.iter().position(|(known, _)| known == fingerprints)
                && let Some(entry) = entries.remove(at)
            {
                let merged = Arc::clone(&entry.1);
                entries.push_back(entry);
                return merged;
            }
        }
        let merged = Arc::new(make());
        let mut entries = self.entries.lock();
        entries.push_back((fingerprints.to_vec(), Arc::clone(&merged)));
        let mut bytes: usize = entries.iter().map(|(_, merged)| merged.bytes()).sum();
        while bytes > CACHE_BYTES && entries.len() > 1 {
            if let Some((_, dropped)) = entries.pop_front() {
                bytes -= dropped.bytes();
            }
        }
        merged
    }
}

/// The dictionary column behind a key in one segment, single-value and sorted.
fn dictionary_column<'s>(segment: &'s Segment<'s>, name: &str) -> Option<(&'s dyn ColumnReader, &'s dyn Dictionary)> {
    let column = segment.column(name)?;
    let dictionary = column.dictionary()?;
    let readable = matches!(column.forward(), Forward::Ids(_) | Forward::Sorted { .. });
    (readable && !column.ty().multi_value && !segment.reader.is_mutable()).then_some((column, dictionary))
}

/// The column whose ids stand for the key: itself, or the one that an expression depends on.
pub(crate) fn key_column(key: &Expr) -> Option<String> {
    match key {
        Expr::Column { name, ty } if !ty.multi_value => Some(name.clone()),
        Expr::Call { ty, .. } if !ty.multi_value && is_deterministic(key) => single_column(key),
        _ => None,
    }
}

impl GlobalKey {
    pub(crate) fn is_null(&self, id: u32) -> bool {
        self.null == Some(id)
    }

    /// `None` when the key has no ids in some segment, or too many for the at most `docs` docs that match.
    pub(crate) fn new(
        segments: &[Segment<'_>],
        key: &Expr,
        context: functions::Context,
        docs: u64,
        cache: &IdMapCache,
    ) -> Result<Option<Self>> {
        let Some(name) = key_column(key) else { return Ok(None) };
        let mut columns = Vec::with_capacity(segments.len());
        for segment in segments {
            let Some(column) = dictionary_column(segment, &name) else { return Ok(None) };
            columns.push(column);
        }
        let has_nulls = segments.iter().zip(&columns).any(|(segment, (column, _))| {
            segment.null_handling && column.nulls().is_some_and(|nulls| !nulls.is_empty())
        });
        if !matches!(key, Expr::Column { .. }) {
            return if has_nulls { Ok(None) } else { Self::of_expression(&columns, key, context, docs) };
        }
        let dictionaries: Vec<&dyn Dictionary> = columns.iter().map(|(_, dictionary)| *dictionary).collect();
        let entries: u64 = dictionaries.iter().map(|dictionary| u64::from(dictionary.len())).sum();
        if entries > docs.max(CHEAP_ENTRIES) {
            return Ok(None);
        }
        // Decimals are ordered by value, which their bytes do not show.
        let mergeable = key.ty().data_type != DataType::BigDecimal;
        Ok(Self::of_dictionaries(&dictionaries, has_nulls, mergeable, cache))
    }

    fn of_dictionaries(
        dictionaries: &[&dyn Dictionary],
        has_nulls: bool,
        mergeable: bool,
        cache: &IdMapCache,
    ) -> Option<Self> {
        let first = dictionaries.first()?;
        let prints: Vec<u64> = dictionaries.iter().map(|dictionary| dictionary.fingerprint()).collect();
        let equal = dictionaries.iter().zip(&prints).all(|(d, print)| *print == prints[0] && d.len() == first.len());
        let (values, maps, cardinality, ordered) = if equal {
            (Values::Dictionary, vec![None; dictionaries.len()], first.len(), first.is_sorted())
        } else {
            if !mergeable || !dictionaries.iter().all(|dictionary| dictionary.is_sorted()) {
                return None;
            }
            let merged = cache.get(&prints, || merge(dictionaries));
            let maps =
                merged.maps.iter().map(|map| (map.len() != merged.origins.len()).then(|| Arc::clone(map))).collect();
            let cardinality = merged.origins.len() as u32;
            (Values::Merged(merged), maps, cardinality, true)
        };
        let null = has_nulls.then_some(cardinality);
        Some(Self { cardinality: cardinality + u32::from(has_nulls), null, maps, values, ordered, steps: ordered })
    }

    fn of_expression(
        columns: &[(&dyn ColumnReader, &dyn Dictionary)],
        key: &Expr,
        context: functions::Context,
        docs: u64,
    ) -> Result<Option<Self>> {
        let mut interner = Interner::new(key.ty().data_type);
        let mut maps = Vec::with_capacity(columns.len());
        let steps = is_step(key) && columns.iter().all(|(_, dictionary)| dictionary.is_sorted());
        let entries: u64 = columns.iter().map(|(_, dictionary)| u64::from(dictionary.len())).sum();
        if !steps && entries > (docs / MIN_DOCS_PER_ENTRY).max(CHEAP_ENTRIES) {
            return Ok(None);
        }
        for (column, dictionary) in columns {
            let map = if steps {
                step_map(key, column.ty(), *dictionary, context, &mut interner)
            } else {
                values::over_dictionary(key, *dictionary, column.ty(), context).map(|results| {
                    let mut map = Vec::with_capacity(results.len());
                    interner.rows(results.as_ref(), &mut map);
                    map
                })
            };
            // An entry that no row of the answer holds may fail; the general path evaluates only the rows.
            let Ok(map) = map else { return Ok(None) };
            maps.push(Some(Arc::new(map)));
        }
        let cardinality = interner.len();
        let values = Values::Interned(Box::new(interner));
        Ok(Some(Self { cardinality, null: None, maps, values, ordered: false, steps }))
    }

    /// The values of some ids.
    pub(crate) fn take(&self, segments: &[Segment<'_>], key: &Expr, ids: &[u32]) -> Result<ArrayRef> {
        if let Values::Interned(interner) = &self.values {
            return Ok(interner.take(ids));
        }
        let Some(name) = key_column(key) else { return Ok(arrow::array::new_null_array(&key.ty().arrow(), ids.len())) };
        let dictionary = |segment: usize| segments.get(segment).and_then(|s| s.column(&name)?.dictionary());
        let real: Vec<u32> = ids.iter().copied().filter(|&id| Some(id) != self.null).collect();
        let found: ArrayRef = match &self.values {
            Values::Merged(merged) => {
                // By segment, then back into the order asked for.
                let mut by_segment: Vec<Vec<u32>> = vec![Vec::new(); segments.len()];
                let mut places = Vec::with_capacity(real.len());
                for &id in &real {
                    let (segment, local) = merged.origins[id as usize];
                    let list = &mut by_segment[segment as usize];
                    places.push((segment as usize, list.len()));
                    list.push(local);
                }
                let arrays: Vec<ArrayRef> = by_segment
                    .iter()
                    .enumerate()
                    .map(|(segment, ids)| dictionary(segment).map(|d| d.take(ids)))
                    .map(|array| array.unwrap_or_else(|| arrow::array::new_empty_array(&key.ty().arrow())))
                    .collect();
                let arrays: Vec<&dyn arrow::array::Array> = arrays.iter().map(AsRef::as_ref).collect();
                arrow::compute::interleave(&arrays, &places)?
            }
            _ => match dictionary(0) {
                Some(dictionary) => dictionary.take(&real),
                None => arrow::array::new_empty_array(&key.ty().arrow()),
            },
        };
        if real.len() == ids.len() {
            return Ok(found);
        }
        let mut next = 0u32;
        let picks: arrow::array::UInt32Array = ids
            .iter()
            .map(|&id| {
                (Some(id) != self.null).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        Ok(arrow::compute::take(found.as_ref(), &picks, None)?)
    }
}

/// Whether an expression never falls (or never rises) while its column rises, so that equal results lie side by side.
fn is_step(expr: &Expr) -> bool {
    let Expr::Call { function, args, .. } = expr else { return false };
    let mut inner = args.iter().filter(|arg| !matches!(arg, Expr::Literal(_)));
    let (Some(argument), None) = (inner.next(), inner.next()) else { return false };
    let epoch = |at: usize| matches!(args.get(at), Some(Expr::Literal(Value::String(text))) if text.contains("EPOCH"));
    let rises = match function.as_str() {
        "datetrunc" | "year" | "timeconvert" | "floor" | "ceil" | "toepochseconds" | "toepochminutes"
        | "toepochhours" | "toepochdays" => true,
        "datetimeconvert" => epoch(1) && epoch(2),
        "plus" | "minus" | "times" => args.len() == 2,
        "divide" => matches!(args.as_slice(), [_, Expr::Literal(_)]),
        _ => false,
    };
    rises && (matches!(argument, Expr::Column { .. }) || is_step(argument))
}

/// Dict id to result id of an expression that [`is_step`], from a few entries of the dictionary: where both ends of a
/// run agree, all between do.
fn step_map(
    key: &Expr,
    ty: ColumnType,
    dictionary: &dyn Dictionary,
    context: functions::Context,
    interner: &mut Interner,
) -> Result<Vec<u32>> {
    let len = dictionary.len();
    let mut map = vec![0u32; len as usize];
    let mut results = |ids: &[u32]| -> Result<Vec<u32>> {
        let results = values::over_entries(key, dictionary.take(ids), ty, context)?;
        let mut out = Vec::with_capacity(ids.len());
        interner.rows(results.as_ref(), &mut out);
        Ok(out)
    };
    let Some(last) = len.checked_sub(1) else { return Ok(map) };
    let ends = results(&[0, last])?;
    // Runs whose ends are known, with the results there.
    let mut open = vec![(0, ends[0], last, ends[1])];
    while !open.is_empty() {
        let mut split = Vec::new();
        for (from, low, to, high) in open {
            map[from as usize] = low;
            map[to as usize] = high;
            if low == high {
                map[from as usize..=to as usize].fill(low);
            } else if to - from > 1 {
                split.push((from, low, to, high));
            }
        }
        let middles: Vec<u32> = split.iter().map(|(from, _, to, _)| from + (to - from) / 2).collect();
        let found = if middles.is_empty() { Vec::new() } else { results(&middles)? };
        open = Vec::with_capacity(split.len() * 2);
        for (((from, low, to, high), middle), value) in split.into_iter().zip(middles).zip(found) {
            open.push((from, low, middle, value));
            open.push((middle, value, to, high));
        }
    }
    Ok(map)
}

/// K-way merge of sorted dictionaries.
fn merge(dictionaries: &[&dyn Dictionary]) -> Merged {
    match dictionaries[0].numbers() {
        Numbers::I32(_) => merge_by(dictionaries, |d, id| match d.numbers() {
            Numbers::I32(v) => v[id as usize],
            _ => 0,
        }),
        Numbers::I64(_) => merge_by(dictionaries, |d, id| match d.numbers() {
            Numbers::I64(v) => v[id as usize],
            _ => 0,
        }),
        Numbers::F32(_) => merge_by(dictionaries, |d, id| match d.numbers() {
            Numbers::F32(v) => crate::sort::real_key(f64::from(v[id as usize])),
            _ => 0,
        }),
        Numbers::F64(_) => merge_by(dictionaries, |d, id| match d.numbers() {
            Numbers::F64(v) => crate::sort::real_key(v[id as usize]),
            _ => 0,
        }),
        Numbers::None => merge_by(dictionaries, |d, id| d.bytes(id)),
    }
}

fn merge_by<'d, K: Ord>(dictionaries: &[&'d dyn Dictionary], key: impl Fn(&'d dyn Dictionary, u32) -> K) -> Merged {
    use std::{cmp::Reverse, collections::BinaryHeap};
    let mut heap = BinaryHeap::with_capacity(dictionaries.len());
    for (at, dictionary) in dictionaries.iter().enumerate() {
        if !dictionary.is_empty() {
            heap.push(Reverse((key(*dictionary, 0), at as u32, 0u32)));
        }
    }
    let mut maps: Vec<Vec<u32>> = dictionaries.iter().map(|d| Vec::with_capacity(d.len() as usize)).collect();
    let mut origins: Vec<(u32, u32)> = Vec::new();
    let mut last: Option<K> = None;
    while let Some(mut top) = heap.peek_mut() {
        let (at, id) = (top.0.1, top.0.2);
        let dictionary = dictionaries[at as usize];
        let current = if id + 1 < dictionary.len() {
            let next = Reverse((key(dictionary, id + 1), at, id + 1));
            std::mem::replace(&mut *top, next).0.0
        } else {
            std::collections::binary_heap::PeekMut::pop(top).0.0
        };
        if last.as_ref() != Some(&current) {
            origins.push((at, id));
            last = Some(current);
        }
        maps[at as usize].push(origins.len() as u32 - 1);
    }
    Merged { maps: maps.into_iter().map(Arc::new).collect(), origins }
}
