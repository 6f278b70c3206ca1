//! Numbers of a block as doubles: columns, and `+ - * /` over them, without arrays in between.

use functions::Expr;
use model::Value;
use segment::reader::{Forward, Ids, Numbers};

use crate::{
    columns::{Segment, id_at, span},
    mask::Docs,
};

/// An expression compiled for one segment.
pub(crate) enum Numeric<'s> {
    Constant(f64),
    I32(&'s [i32]),
    I64(&'s [i64]),
    F32(&'s [f32]),
    F64(&'s [f64]),
    /// Dictionary entries, read through ids.
    Dictionary {
        ids: Ids<'s>,
        entries: Numbers<'s>,
    },
    Sorted {
        starts: &'s [u32],
        entries: Numbers<'s>,
    },
    Binary(Operator, Box<Numeric<'s>>, Box<Numeric<'s>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
}

/// Buffers for the inner nodes of an expression.
#[derive(Default)]
pub(crate) struct Scratch {
    free: Vec<Vec<f64>>,
}

/// `None` for whatever needs more than arithmetic over single values without NULLs.
pub(crate) fn compile<'s>(segment: &'s Segment<'s>, expr: &Expr) -> Option<Numeric<'s>> {
    match expr {
        Expr::Literal(value) => Some(Numeric::Constant(match value {
            Value::Int(v) => f64::from(*v),
            Value::Long(v) => *v as f64,
            Value::Float(v) => f64::from(*v),
            Value::Double(v) => *v,
            _ => return None,
        })),
        Expr::Column { name, .. } => column(segment, name),
        Expr::Call { function, args, ty } => {
            if ty.data_type != model::DataType::Double {
                return None;
            }
            let operator = match function.as_str() {
                "plus" | "add" => Operator::Plus,
                "minus" | "sub" => Operator::Minus,
                "times" | "mult" => Operator::Times,
                "divide" | "div" => Operator::Divide,
                _ => return None,
            };
            let [left, right] = args.as_slice() else { return None };
            if !is_number(left) || !is_number(right) {
                return None;
            }
            let (left, right) = (compile(segment, left)?, compile(segment, right)?);
            Some(Numeric::Binary(operator, Box::new(left), Box::new(right)))
        }
        Expr::Input { .. } => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    use model::DataType::{Double, Float, Int, Long};
    let ty = expr.ty();
    !ty.multi_value && matches!(ty.data_type, Int | Long | Float | Double)
}

fn column<'s>(segment: &'s Segment<'s>, name: &str) -> Option<Numeric<'s>> {
    let column = segment.column(name)?;
    if column.ty().multi_value || segment.null_handling && column.nulls().is_some_and(|nulls| !nulls.is_empty()) {
        return None;
    }
    let entries = || {
        let numbers = column.dictionary()?.numbers();
        (!matches!(numbers, Numbers::None)).then_some(numbers)
    };
    match column.forward() {
        Forward::I32(values) => Some(Numeric::I32(values)),
        Forward::I64(values) => Some(Numeric::I64(values)),
        Forward::F32(values) => Some(Numeric::F32(values)),
        Forward::F64(values) => Some(Numeric::F64(values)),
        Forward::Ids(ids) => Some(Numeric::Dictionary { ids, entries: entries()? }),
        Forward::Sorted { starts } => Some(Numeric::Sorted { starts, entries: entries()? }),
        Forward::MultiIds { .. } | Forward::Var => None,
    }
}

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
            Self::Sorted { starts, entries } => {
                out.clear();
                let mut run = 0..0;
                let mut value = 0.0;
                for row in 0..docs.len() {
                    let doc = docs.get(row);
                    if !run.contains(&doc) {
                        let id = id_at(starts, doc) as usize;
                        run = starts[id]..starts[id + 1];
                        value = entry(*entries, id);
                    }
                    out.push(value);
                }
            }
            Self::Binary(operator, left, right) => {
                left.read(docs, out, scratch);
                let mut other = scratch.free.pop().unwrap_or_default();
                right.read(docs, &mut other, scratch);
                let pairs = out.iter_mut().zip(&other);
                match operator {
                    Operator::Plus => pairs.for_each(|(a, b)| *a += b),
                    Operator::Minus => pairs.for_each(|(a, b)| *a -= b),
                    Operator::Times => pairs.for_each(|(a, b)| *a *= b),
                    Operator::Divide => pairs.for_each(|(a, b)| *a /= b),
                }
                scratch.free.push(other);
            }
        }
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
