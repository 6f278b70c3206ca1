//! The first rows of a segment in an order, chosen on integers: dict ids and raw numbers are mapped so that their
//! integer order is the order asked for, and only rows that beat the worst row kept so far are looked at twice.

use functions::Expr;
use query::OrderBy;
use roaring::RoaringBitmap;
use segment::reader::Forward;

use crate::{
    columns::{Segment, read_ids, span},
    mask::Docs,
    sort::real_key,
};

/// Rows beyond the wanted ones that are gathered before the worst are dropped.
const SLACK: usize = 8_192;

/// Reads the order-by expressions of one segment as one integer a row; smaller comes first.
pub(crate) struct OrderReader<'s> {
    parts: Vec<Part<'s>>,
    ids: Vec<u32>,
    column: Vec<u64>,
}

struct Part<'s> {
    source: Forward<'s>,
    bits: u32,
    descending: bool,
    nulls: Option<(&'s RoaringBitmap, bool)>,
}

impl<'s> OrderReader<'s> {
    /// `None` when some expression has no such integers, or together they are too wide.
    pub(crate) fn new(segment: &'s Segment<'s>, order_by: &[OrderBy]) -> Option<Self> {
        let mut parts = Vec::with_capacity(order_by.len());
        let mut width = 0;
        for by in order_by {
            let Expr::Column { name, .. } = &by.expr else { return None };
            let column = segment.column(name)?;
            if column.ty().multi_value {
                return None;
            }
            let bits = match column.forward() {
                Forward::Ids(_) | Forward::Sorted { .. } if column.dictionary()?.is_sorted() => 32,
                Forward::I32(_) | Forward::F32(_) => 32,
                Forward::I64(_) | Forward::F64(_) => 64,
                _ => return None,
            };
            let nulls = if segment.null_handling { column.nulls().filter(|nulls| !nulls.is_empty()) } else { None };
            width += bits + u32::from(nulls.is_some());
            parts.push(Part {
                source: column.forward(),
                bits,
                descending: !by.ascending,
                nulls: nulls.map(|nulls| (nulls, by.nulls_first)),
            });
        }
        (width <= u128::BITS).then_some(Self { parts, ids: Vec::new(), column: Vec::new() })
    }

    /// Bits below the first expression's.
    pub(crate) fn bits_after_first(&self) -> u32 {
        self.parts.iter().skip(1).map(|part| part.bits + u32::from(part.nulls.is_some())).sum()
    }

    pub(crate) fn read(&mut self, docs: &Docs<'_>, out: &mut Vec<u128>) {
        out.clear();
        out.resize(docs.len(), 0);
        for part in &self.parts {
            part.read(docs, &mut self.ids, &mut self.column);
            let bits = part.bits;
            match part.nulls {
                None => {
                    for (key, own) in out.iter_mut().zip(&self.column) {
                        *key = (*key << bits) | u128::from(*own);
                    }
                }
                Some((nulls, first)) => {
                    for (row, (key, own)) in out.iter_mut().zip(&self.column).enumerate() {
                        let null = nulls.contains(docs.get(row));
                        let own = if null { 0 } else { u128::from(*own) };
                        *key = (((*key << 1) | u128::from(null != first)) << bits) | own;
                    }
                }
            }
        }
    }
}

impl Part<'_> {
    fn read(&self, docs: &Docs<'_>, ids: &mut Vec<u32>, out: &mut Vec<u64>) {
        out.clear();
        let each = |index: &dyn Fn(usize) -> u64, out: &mut Vec<u64>| match docs {
            Docs::Range(range) => out.extend(span(range).map(index)),
            Docs::List(list) => out.extend(list.iter().map(|&doc| index(doc as usize))),
        };
        let flip32 = |v: i32| u64::from(v as u32 ^ 0x8000_0000);
        let flip64 = |v: i64| v as u64 ^ (1 << 63);
        match self.source {
            Forward::I32(values) => each(&|i| flip32(values[i]), out),
            Forward::I64(values) => each(&|i| flip64(values[i]), out),
            Forward::F32(values) => each(&|i| flip32(float_key(values[i])), out),
            Forward::F64(values) => each(&|i| flip64(real_key(values[i])), out),
            forward => {
                read_ids(forward, docs, ids);
                out.extend(ids.iter().map(|&id| u64::from(id)));
            }
        }
        if self.descending {
            let mask = if self.bits == 64 { u64::MAX } else { (1 << self.bits) - 1 };
            out.iter_mut().for_each(|key| *key = !*key & mask);
        }
    }
}

/// As [`real_key`] for floats.
fn float_key(value: f32) -> i32 {
    let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() } as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// The best rows so far.
pub(crate) struct Best {
    wanted: usize,
    rows: Vec<(u128, u32)>,
    /// Rows from here on cannot be among the wanted: as many better ones, or equal ones with smaller docs, are known.
    bound: Option<u128>,
}

impl Best {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, rows: Vec::new(), bound: None }
    }

    pub(crate) fn add(&mut self, docs: &Docs<'_>, keys: &[u128]) {
        let bound = self.bound.unwrap_or(u128::MAX);
        let open = self.bound.is_none();
        for (row, &key) in keys.iter().enumerate() {
            if key < bound || open {
                self.rows.push((key, docs.get(row)));
            }
        }
        if self.rows.len() >= self.wanted.saturating_add(SLACK) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.wanted == 0 {
            self.rows.clear();
        } else if self.rows.len() > self.wanted {
            self.rows.select_nth_unstable(self.wanted - 1);
            self.rows.truncate(self.wanted);
        }
        if self.rows.len() == self.wanted {
            self.bound = self.rows.iter().map(|(key, _)| *key).max();
        }
    }

    /// Whether a row with this key, or any greater one, is certainly not wanted.
    pub(crate) fn excludes(&mut self, key: u128, shift: u32) -> bool {
        if self.rows.len() < self.wanted {
            return false;
        }
        self.shrink();
        let upper = |key: u128| key.checked_shr(shift).unwrap_or(0);
        self.bound.is_some_and(|bound| upper(key) > upper(bound))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(u128, u32)>()
    }

    /// The docs of the wanted rows, in order.
    pub(crate) fn finish(mut self) -> Vec<u32> {
        self.shrink();
        self.rows.sort_unstable();
        self.rows.into_iter().map(|(_, doc)| doc).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_survive_any_number_of_blocks() {
        let keys: Vec<u128> = (0..100_000u128).map(|i| i.wrapping_mul(48_271) % 65_537).collect();
        let mut want: Vec<(u128, u32)> = keys.iter().enumerate().map(|(doc, key)| (*key, doc as u32)).collect();
        want.sort_unstable();
        for wanted in [0, 1, 100, 20_000] {
            let mut best = Best::new(wanted);
            for (block, keys) in keys.chunks(4_096).enumerate() {
                let start = block as u32 * 4_096;
                best.add(&Docs::Range(start..start + keys.len() as u32), keys);
            }
            assert_eq!(best.finish(), want[..wanted].iter().map(|(_, doc)| *doc).collect::<Vec<_>>());
        }
    }
}
