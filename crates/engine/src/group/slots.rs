//! Aggregations that are a few doubles a group, so that one loop over a block updates all of them.

use std::sync::Arc;

use aggregates::Fused;
use arrow::{
    array::{ArrayRef, Float64Array, Int64Array},
    buffer::NullBuffer,
};
use functions::Expr;
use model::Value;

use crate::{
    columns::Segment,
    group::general::{BoundAggregate, GroupQuery},
    mask::Docs,
    numeric::{self, Numeric, Scratch},
};

/// One double a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Count,
    /// Of the values of an expression, by its place in [`Layout::exprs`].
    Sum(usize),
    Min(usize),
    Max(usize),
}

/// Where an aggregate finds its state among the slots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    Count(usize),
    Sum(usize),
    Min(usize),
    Max(usize),
    Avg {
        sum: usize,
        count: usize,
    },
    MinMaxRange {
        min: usize,
        max: usize,
    },
    /// The number of values of [`Layout::distinct`], which are a key until the groups are complete.
    Distinct,
}

/// The slots that a query needs, each once.
#[derive(Default)]
pub(crate) struct Layout<'q> {
    pub(crate) exprs: Vec<&'q Expr>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) states: Vec<State>,
    /// The one expression whose distinct values are counted.
    pub(crate) distinct: Option<&'q Expr>,
}

impl<'q> Layout<'q> {
    /// `None` when some aggregate is more than doubles.
    pub(crate) fn new(query: &GroupQuery<'q>) -> Option<Self> {
        if !query.filters.is_empty() {
            return None;
        }
        let mut layout = Self::default();
        for aggregate in &query.aggregates {
            if aggregate.function.fused() == Fused::DistinctCount
                && let [expr] = aggregate.call.args.as_slice()
                && layout.distinct.is_none_or(|known| known == expr)
            {
                layout.distinct = Some(expr);
                layout.states.push(State::Distinct);
                continue;
            }
            let state = layout.state(aggregate, query.context.null_handling)?;
            layout.states.push(state);
        }
        Some(layout)
    }

    fn state(&mut self, aggregate: &BoundAggregate<'q>, null_handling: bool) -> Option<State> {
        let fused = aggregate.function.fused();
        if fused == Fused::Count {
            // With null handling COUNT(x) depends on x.
            if null_handling && !aggregate.call.args.is_empty() {
                return None;
            }
            return Some(State::Count(self.slot(Slot::Count)));
        }
        let [expr] = aggregate.call.args.as_slice() else { return None };
        if expr.ty().multi_value {
            return None;
        }
        let at = self.exprs.iter().position(|known| *known == expr).unwrap_or_else(|| {
            self.exprs.push(expr);
            self.exprs.len() - 1
        });
        Some(match fused {
            Fused::Sum => State::Sum(self.slot(Slot::Sum(at))),
            Fused::Min => State::Min(self.slot(Slot::Min(at))),
            Fused::Max => State::Max(self.slot(Slot::Max(at))),
            Fused::Avg => State::Avg { sum: self.slot(Slot::Sum(at)), count: self.slot(Slot::Count) },
            Fused::MinMaxRange => State::MinMaxRange { min: self.slot(Slot::Min(at)), max: self.slot(Slot::Max(at)) },
            Fused::Count | Fused::DistinctCount | Fused::None => return None,
        })
    }

    /// Adds an aggregate if all segments can compute it; leaves no trace of one that some segment cannot.
    pub(crate) fn try_state(
        &mut self,
        aggregate: &BoundAggregate<'q>,
        null_handling: bool,
        segments: &[Segment<'_>],
    ) -> Option<State> {
        let (exprs, slots) = (self.exprs.len(), self.slots.len());
        let state = self.state(aggregate, null_handling);
        let computable = self.exprs[exprs..]
            .iter()
            .all(|expr| segments.iter().all(|segment| numeric::compile(segment, expr).is_some()));
        if state.is_none() || !computable {
            self.exprs.truncate(exprs);
            self.slots.truncate(slots);
            return None;
        }
        state
    }

    /// Adds all docs of a segment to one group by its statistics alone. False, and nothing added, when they do not
    /// tell.
    pub(crate) fn add_statistics(&self, segment: &Segment<'_>, group: &mut [f64]) -> bool {
        let known: Option<Vec<f64>> = self.slots.iter().map(|slot| self.statistic(segment, *slot)).collect();
        let Some(known) = known else { return false };
        for ((slot, cell), value) in self.slots.iter().zip(group).zip(known) {
            slot.merge(cell, value);
        }
        true
    }

    fn statistic(&self, segment: &Segment<'_>, slot: Slot) -> Option<f64> {
        let at = match slot {
            Slot::Count => return Some(f64::from(segment.num_docs)),
            Slot::Sum(at) | Slot::Min(at) | Slot::Max(at) => at,
        };
        let Expr::Column { name, .. } = self.exprs[at] else { return None };
        let column = segment.column(name)?;
        if column.ty().multi_value || segment.null_handling && column.nulls().is_some_and(|nulls| !nulls.is_empty()) {
            return None;
        }
        if let Slot::Sum(_) = slot {
            let entries = column.dictionary()?.numbers();
            let counts = column.counts_per_id()?;
            let entries = numeric::doubles(entries)?;
            return Some(entries.iter().zip(counts).map(|(v, &n)| v * f64::from(n)).sum());
        }
        let (min, max) = column.min_max()?;
        match if let Slot::Min(_) = slot { min } else { max } {
            Value::Int(v) => Some(f64::from(v)),
            Value::Long(v) | Value::Timestamp(v) => Some(v as f64),
            Value::Float(v) => Some(f64::from(v)).filter(|v| !v.is_nan()),
            Value::Double(v) => Some(v).filter(|v| !v.is_nan()),
            Value::Boolean(v) => Some(f64::from(u8::from(v))),
            _ => None,
        }
    }

    fn slot(&mut self, slot: Slot) -> usize {
        self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    pub(crate) fn width(&self) -> usize {
        self.slots.len()
    }

    /// What the slots of a group hold before its first row.
    pub(crate) fn start(&self) -> Vec<f64> {
        self.slots.iter().map(|slot| slot.start()).collect()
    }

    /// The expressions for one segment; `None` when one of them needs more than arithmetic there.
    pub(crate) fn compile<'s>(&self, segment: &'s Segment<'s>) -> Option<Vec<Numeric<'s>>> {
        self.exprs.iter().map(|expr| numeric::compile(segment, expr)).collect()
    }

    /// State columns of every aggregate, from groups' slots end to end; none for distinct counts. `seen` is false for
    /// groups without rows.
    pub(crate) fn states(&self, groups: &[f64], rows: usize, seen: bool, null_handling: bool) -> Vec<Vec<ArrayRef>> {
        let width = self.width();
        let column = |slot: usize| groups.iter().skip(slot).step_by(width.max(1)).take(rows);
        let nulls = |absent: bool| absent.then(|| NullBuffer::new_null(rows));
        let reals = |slot: usize, absent: bool| -> ArrayRef {
            Arc::new(Float64Array::new(column(slot).copied().collect(), nulls(absent)))
        };
        let counts = |slot: usize| -> ArrayRef { Arc::new(column(slot).map(|&v| v as i64).collect::<Int64Array>()) };
        self.states
            .iter()
            .map(|state| match *state {
                State::Count(slot) => vec![counts(slot)],
                State::Sum(slot) => vec![reals(slot, !seen && null_handling)],
                State::Min(slot) | State::Max(slot) => vec![reals(slot, !seen)],
                State::Avg { sum, count } => vec![reals(sum, false), counts(count)],
                State::MinMaxRange { min, max } => vec![reals(min, !seen), reals(max, !seen)],
                State::Distinct => Vec::new(),
            })
            .collect()
    }

    /// The final value of an aggregate of one group, where the slots tell: for choosing candidates.
    pub(crate) fn value(&self, aggregate: usize, slots: &[f64]) -> Option<f64> {
        Some(match self.states[aggregate] {
            State::Count(slot) | State::Sum(slot) | State::Min(slot) | State::Max(slot) => slots[slot],
            State::Avg { sum, count } => slots[sum] / slots[count],
            State::MinMaxRange { min, max } => slots[max] - slots[min],
            State::Distinct => return None,
        })
    }
}

impl Slot {
    pub(crate) fn start(self) -> f64 {
        match self {
            Self::Count | Self::Sum(_) => 0.0,
            Self::Min(_) => f64::INFINITY,
            Self::Max(_) => f64::NEG_INFINITY,
        }
    }

    /// Adds another state of the same slot.
    #[inline]
    pub(crate) fn merge(self, into: &mut f64, from: f64) {
        match self {
            Self::Count | Self::Sum(_) => *into += from,
            Self::Min(_) => *into = smaller(*into, from),
            Self::Max(_) => *into = larger(*into, from),
        }
    }
}

/// NaN never wins, as in the accumulators of MIN and MAX.
#[inline]
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

#[inline]
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// Values of a block, a buffer an expression.
pub(crate) struct BlockValues<'s> {
    sources: Vec<Numeric<'s>>,
    pub(crate) values: Vec<Vec<f64>>,
    scratch: Scratch,
}

impl<'s> BlockValues<'s> {
    pub(crate) fn new(sources: Vec<Numeric<'s>>) -> Self {
        let values = sources.iter().map(|_| Vec::new()).collect();
        Self { sources, values, scratch: Scratch::default() }
    }

    pub(crate) fn read(&mut self, docs: &Docs<'_>) {
        for (source, out) in self.sources.iter().zip(&mut self.values) {
            source.read(docs, out, &mut self.scratch);
        }
    }
}

/// Adds a block's rows to the groups `groups[row]`, whose slots lie end to end in `table`.
pub(crate) fn scatter(slots: &[Slot], values: &[Vec<f64>], groups: &[u32], table: &mut [f64]) {
    match slots {
        [] => {}
        [Slot::Count] => groups.iter().for_each(|&g| table[g as usize] += 1.0),
        [Slot::Sum(a)] => {
            for (&g, &v) in groups.iter().zip(&values[*a]) {
                table[g as usize] += v;
            }
        }
        [Slot::Sum(a), Slot::Count] => {
            for (&g, &v) in groups.iter().zip(&values[*a]) {
                let at = g as usize * 2;
                let row = &mut table[at..at + 2];
                row[0] += v;
                row[1] += 1.0;
            }
        }
        [Slot::Sum(a), Slot::Sum(b)] => {
            for ((&g, &v), &w) in groups.iter().zip(&values[*a]).zip(&values[*b]) {
                let at = g as usize * 2;
                let row = &mut table[at..at + 2];
                row[0] += v;
                row[1] += w;
            }
        }
        [Slot::Sum(a), Slot::Sum(b), Slot::Sum(c)] => {
            for (((&g, &v), &w), &x) in groups.iter().zip(&values[*a]).zip(&values[*b]).zip(&values[*c]) {
                let at = g as usize * 3;
                let row = &mut table[at..at + 3];
                row[0] += v;
                row[1] += w;
                row[2] += x;
            }
        }
        _ => {
            let width = slots.len();
            for (k, slot) in slots.iter().enumerate() {
                match *slot {
                    Slot::Count => groups.iter().for_each(|&g| table[g as usize * width + k] += 1.0),
                    Slot::Sum(a) => {
                        let rows = groups.iter().zip(&values[a]);
                        rows.for_each(|(&g, &v)| table[g as usize * width + k] += v);
                    }
                    Slot::Min(a) => {
                        for (&g, &v) in groups.iter().zip(&values[a]) {
                            let cell = &mut table[g as usize * width + k];
                            *cell = smaller(*cell, v);
                        }
                    }
                    Slot::Max(a) => {
                        for (&g, &v) in groups.iter().zip(&values[a]) {
                            let cell = &mut table[g as usize * width + k];
                            *cell = larger(*cell, v);
                        }
                    }
                }
            }
        }
    }
}

/// Adds a block whose rows all belong to one group. Reads the block's values itself.
pub(crate) fn add_all(slots: &[Slot], block: &mut BlockValues<'_>, docs: &Docs<'_>, group: &mut [f64]) {
    let mut have: u64 = 0;
    for (slot, cell) in slots.iter().zip(group) {
        let at = match *slot {
            Slot::Count => {
                *cell += docs.len() as f64;
                continue;
            }
            Slot::Sum(at) => {
                if let Some(sum) = block.sources[at].sum_range(docs) {
                    *cell += sum;
                    continue;
                }
                at
            }
            Slot::Min(at) | Slot::Max(at) => at,
        };
        if at >= 64 || have & (1 << at) == 0 {
            block.sources[at].read(docs, &mut block.values[at], &mut block.scratch);
            have |= 1u64.checked_shl(at as u32).unwrap_or(0);
        }
        let values = block.values[at].iter().copied();
        *cell = match slot {
            Slot::Min(_) => values.fold(*cell, smaller),
            Slot::Max(_) => values.fold(*cell, larger),
            _ => *cell + numeric::sum(&block.values[at]),
        };
    }
}
