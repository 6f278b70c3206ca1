//! Loops over a block, compiled twice so that machines with AVX2 use it.

use segment::reader::{Ids, Numbers};

use super::{Numeric, Operator, Scratch};
use crate::{
    columns::{id_at, span},
    mask::Docs,
};

/// A dictionary's numbers as doubles; `None` for texts and the like.
pub(crate) fn doubles(numbers: Numbers<'_>) -> Option<Vec<f64>> {
    Some(match numbers {
        Numbers::I32(v) => v.iter().map(|&v| f64::from(v)).collect(),
        Numbers::I64(v) => v.iter().map(|&v| v as f64).collect(),
        Numbers::F32(v) => v.iter().map(|&v| f64::from(v)).collect(),
        Numbers::F64(v) => v.to_vec(),
        Numbers::None => return None,
    })
}

impl Numeric<'_> {
    /// The values of a block, into `out`; what it held is lost.
    pub(crate) fn read(&self, docs: &Docs<'_>, out: &mut Vec<f64>, scratch: &mut Scratch) {
        match self {
            Self::Constant(value) => {
                out.clear();
                out.resize(docs.len(), *value);
            }
            Self::I32(values) => gather(values, docs, out, f64::from),
            Self::I64(values) => gather(values, docs, out, |v| v as f64),
            Self::F32(values) => gather(values, docs, out, f64::from),
            Self::F64(values) => gather(values, docs, out, |v| v),
            Self::Dictionary { ids, entries } => match *entries {
                Numbers::I32(entries) => through(*ids, docs, out, |id| f64::from(entries[id])),
                Numbers::I64(entries) => through(*ids, docs, out, |id| entries[id] as f64),
                Numbers::F32(entries) => through(*ids, docs, out, |id| f64::from(entries[id])),
                Numbers::F64(entries) => through(*ids, docs, out, |id| entries[id]),
                Numbers::None => out.clear(),
            },
            Self::Table { ids, entries } => through(*ids, docs, out, |id| entries[id]),
            Self::Sorted { starts, entries } => sorted(starts, docs, out, |id| entry(*entries, id)),
            Self::SortedTable { starts, entries } => sorted(starts, docs, out, |id| entries[id]),
            Self::Binary(operator, left, right) => {
                left.read(docs, out, scratch);
                let mut other = scratch.free.pop().unwrap_or_default();
                right.read(docs, &mut other, scratch);
                operator.apply(out, &other);
                scratch.free.push(other);
            }
            Self::Not(inner) => {
                inner.read(docs, out, scratch);
                out.iter_mut().for_each(|value| *value = 1.0 - *value);
            }
            Self::Select(parts) => {
                let [when, then, otherwise] = parts.as_ref();
                when.read(docs, out, scratch);
                let mut yes = scratch.free.pop().unwrap_or_default();
                let mut no = scratch.free.pop().unwrap_or_default();
                then.read(docs, &mut yes, scratch);
                otherwise.read(docs, &mut no, scratch);
                for (value, (yes, no)) in out.iter_mut().zip(yes.iter().zip(&no)) {
                    *value = if *value != 0.0 { *yes } else { *no };
                }
                scratch.free.push(yes);
                scratch.free.push(no);
            }
        }
    }
}

impl Operator {
    /// `left[i] = left[i] op right[i]`. NaN compares as the greatest number and equal to itself.
    fn apply(self, left: &mut [f64], right: &[f64]) {
        #[inline(always)]
        fn each(left: &mut [f64], right: &[f64], f: impl Fn(f64, f64) -> f64) {
            for (a, b) in left.iter_mut().zip(right) {
                *a = f(*a, *b);
            }
        }
        fn test(holds: bool) -> f64 {
            f64::from(u8::from(holds))
        }
        let equal = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        let less = |a: f64, b: f64| a < b || b.is_nan() && !a.is_nan();
        match self {
            Self::Plus => each(left, right, |a, b| a + b),
            Self::Minus => each(left, right, |a, b| a - b),
            Self::Times => each(left, right, |a, b| a * b),
            Self::Divide => each(left, right, |a, b| a / b),
            Self::Equal => each(left, right, |a, b| test(equal(a, b))),
            Self::NotEqual => each(left, right, |a, b| test(!equal(a, b))),
            Self::Less => each(left, right, |a, b| test(less(a, b))),
            Self::LessOrEqual => each(left, right, |a, b| test(!less(b, a))),
            Self::Greater => each(left, right, |a, b| test(less(b, a))),
            Self::GreaterOrEqual => each(left, right, |a, b| test(!less(a, b))),
            Self::And => each(left, right, |a, b| a * b),
            Self::Or => each(left, right, f64::max),
        }
    }
}

fn sorted(starts: &[u32], docs: &Docs<'_>, out: &mut Vec<f64>, value_of: impl Fn(usize) -> f64) {
    out.clear();
    let mut run = 0..0;
    let mut value = 0.0;
    for row in 0..docs.len() {
        let doc = docs.get(row);
        if !run.contains(&doc) {
            let id = id_at(starts, doc) as usize;
            run = starts[id]..starts[id + 1];
            value = value_of(id);
        }
        out.push(value);
    }
}

fn entry(entries: Numbers<'_>, id: usize) -> f64 {
    match entries {
        Numbers::I32(v) => f64::from(v[id]),
        Numbers::I64(v) => v[id] as f64,
        Numbers::F32(v) => f64::from(v[id]),
        Numbers::F64(v) => v[id],
        Numbers::None => 0.0,
    }
}

/// Values behind ids of any width.
#[inline]
fn through(ids: Ids<'_>, docs: &Docs<'_>, out: &mut Vec<f64>, value: impl Fn(usize) -> f64) {
    match ids {
        Ids::U8(ids) => gather(ids, docs, out, |id| value(usize::from(id))),
        Ids::U16(ids) => gather(ids, docs, out, |id| value(usize::from(id))),
        Ids::U32(ids) => gather(ids, docs, out, |id| value(id as usize)),
    }
}

#[inline(always)]
fn gather_body<T: Copy>(values: &[T], docs: &Docs<'_>, out: &mut Vec<f64>, convert: impl Fn(T) -> f64) {
    // What is there already is overwritten, so only growth costs something.
    out.resize(docs.len(), 0.0);
    let out = out.as_mut_slice();
    match docs {
        Docs::Range(range) => {
            let values = &values[span(range)];
            for i in 0..out.len().min(values.len()) {
                out[i] = convert(values[i]);
            }
        }
        Docs::List(list) => {
            for i in 0..out.len().min(list.len()) {
                out[i] = convert(values[list[i] as usize]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn gather_avx2<T: Copy>(values: &[T], docs: &Docs<'_>, out: &mut Vec<f64>, convert: impl Fn(T) -> f64) {
    gather_body(values, docs, out, convert);
}

#[inline]
fn gather<T: Copy>(values: &[T], docs: &Docs<'_>, out: &mut Vec<f64>, convert: impl Fn(T) -> f64) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the features that the function needs were found on this machine.
        return unsafe { gather_avx2(values, docs, out, convert) };
    }
    gather_body(values, docs, out, convert);
}

impl Numeric<'_> {
    /// The sum of a range of docs without writing the values down, where the form allows it.
    pub(crate) fn sum_range(&self, docs: &Docs<'_>) -> Option<f64> {
        let Docs::Range(range) = docs else { return None };
        let range = span(range);
        Some(match self {
            // At most 2^12 values of 32 bits: the sum is exact.
            Self::I32(values) => sum_of(&values[range], i64::from) as f64,
            Self::F64(values) => sum(&values[range]),
            Self::Dictionary { ids: Ids::U8(ids), entries: Numbers::I32(entries) } => {
                sum_of(&ids[range], |id| i64::from(entries[usize::from(id)])) as f64
            }
            Self::Dictionary { ids: Ids::U16(ids), entries: Numbers::I32(entries) } => {
                sum_of(&ids[range], |id| i64::from(entries[usize::from(id)])) as f64
            }
            Self::Dictionary { ids: Ids::U32(ids), entries: Numbers::I32(entries) } => {
                sum_of(&ids[range], |id| i64::from(entries[id as usize])) as f64
            }
            _ => return None,
        })
    }
}

fn sum_of<T: Copy>(values: &[T], convert: impl Fn(T) -> i64) -> i64 {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the features that the function needs were found on this machine.
        return unsafe { sum_of_avx2(values, convert) };
    }
    sum_of_body(values, convert)
}

#[inline(always)]
fn sum_of_body<T: Copy>(values: &[T], convert: impl Fn(T) -> i64) -> i64 {
    let mut total = 0i64;
    for &value in values {
        total += convert(value);
    }
    total
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn sum_of_avx2<T: Copy>(values: &[T], convert: impl Fn(T) -> i64) -> i64 {
    sum_of_body(values, convert)
}

/// The sum of a block, in eight lanes.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + chunks.remainder().iter().sum::<f64>()
}
