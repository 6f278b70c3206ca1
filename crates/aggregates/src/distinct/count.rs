//! DISTINCTCOUNT and what else is computed from the exact set: DISTINCTSUM, DISTINCTAVG, the partitioned count.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int32Array, Int64Array},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use super::{
    hashes::{self, Kind},
    hll_registers::Registers,
    set::DistinctSet,
};
use crate::{
    columns::{
        Number, Scan, check_groups, column, flatten, float_column, for_rows, list_type, lists, longs, scan_numbers,
    },
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Fused, Groups},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Count,
    /// The exact count up to `threshold`, the HyperLogLog estimate above.
    Smart {
        threshold: u32,
        log2m: u32,
    },
    Sum,
    Avg,
}

fn bind(call: &Call<'_>, result: Answer) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    let textual = matches!(arg.data_type.arrow(), ArrowType::Binary)
        || (arg.data_type == DataType::String || arg.data_type == DataType::Json);
    if matches!(result, Answer::Sum | Answer::Avg) && textual {
        return Err(call.invalid(format!("Cannot compute {} for non-numeric type: {}", call.name, arg.data_type)));
    }
    Ok(Arc::new(Distinct {
        name: call.name.to_owned(),
        item: arg.data_type.arrow(),
        result,
        null_handling: call.null_handling,
    }))
}

/// Result INT. Parameters, which only tune memory elsewhere, are accepted.
pub fn count(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, Answer::Count)
}

/// `distinctcountsmarthll(x[, 'threshold=100000;log2m=12'])`.
pub fn smart(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let text = call.literals.first().and_then(literals::text).unwrap_or_default();
    let threshold = literals::parameter(text, "threshold").unwrap_or(100_000.0);
    let log2m = literals::parameter(text, "log2m").unwrap_or(12.0);
    if !(1.0..=24.0).contains(&log2m) {
        return Err(call.invalid("log2m must be a whole number from 1 to 24"));
    }
    // Zero and below mean: never estimate.
    let threshold = if threshold <= 0.0 { u32::MAX } else { threshold as u32 };
    bind(call, Answer::Smart { threshold, log2m: log2m as u32 })
}

pub fn sum(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, Answer::Sum)
}

pub fn avg(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, Answer::Avg)
}

#[derive(Debug)]
struct Distinct {
    name: String,
    item: ArrowType,
    result: Answer,
    null_handling: bool,
}

impl AggregateFunction for Distinct {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        match self.result {
            Answer::Count | Answer::Smart { .. } => DataType::Int,
            Answer::Sum | Answer::Avg => DataType::Double,
        }
        .sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(self.item.clone())]
    }

    fn fused(&self) -> Fused {
        // Whoever fuses the loop also finishes with the number of values.
        if self.result == Answer::Count { Fused::DistinctCount } else { Fused::None }
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sets {
            name: self.name.clone(),
            result: self.result,
            null_handling: self.null_handling,
            set: DistinctSet::new(self.item.clone()),
        })
    }
}

struct Sets {
    name: String,
    result: Answer,
    null_handling: bool,
    set: DistinctSet,
}

impl Sets {
    fn smart_counts(&self, threshold: u32, log2m: u32) -> Result<ArrayRef, Error> {
        let counts = self.set.counts();
        let mut results: Vec<i32> = counts.iter().map(|c| *c as i32).collect();
        let large: Vec<Option<Registers>> =
            counts.iter().map(|c| (*c > threshold).then(|| Registers::new(log2m))).collect();
        if large.iter().any(Option::is_some) {
            let mut large = large;
            let ids: Vec<u32> = (counts.iter().enumerate())
                .flat_map(|(group, count)| std::iter::repeat_n(group as u32, *count as usize))
                .collect();
            hashes::for_hashes(self.set.values().as_ref(), Groups::PerRow(&ids), Kind::Murmur, |group, hash| {
                if let Some(registers) = &mut large[group] {
                    registers.offer(hash);
                }
            })
            .map_err(|e| self.invalid(e))?;
            for (result, registers) in results.iter_mut().zip(&large) {
                if let Some(registers) = registers {
                    *result = registers.cardinality() as i32;
                }
            }
        }
        Ok(Arc::new(Int32Array::from(results)))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

/// Adds up the numbers of each group.
struct Total {
    sums: Vec<f64>,
    groups: Vec<u32>,
}

impl Scan for Total {
    fn scan<T: Number>(&mut self, values: &[T], _nulls: Option<&NullBuffer>) {
        values.iter().zip(&self.groups).for_each(|(value, group)| self.sums[*group as usize] += value.f64());
    }
}

impl Accumulator for Sets {
    fn resize(&mut self, groups: usize) {
        self.set.resize(groups);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.set.groups()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?;
        self.set.add(array.as_ref(), groups).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let list = lists(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, list.len(), self.set.groups()).map_err(|e| self.invalid(e))?;
        let (values, ids) = flatten(list, groups);
        self.set.add(values.as_ref(), Groups::PerRow(&ids)).map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![self.set.lists().map_err(|e| self.invalid(e))?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let counts = self.set.counts();
        if self.result == Answer::Count {
            return Ok(Arc::new(Int32Array::from_iter_values(counts.iter().map(|c| *c as i32))));
        }
        if let Answer::Smart { threshold, log2m } = self.result {
            return self.smart_counts(threshold, log2m);
        }
        let ids =
            counts.iter().enumerate().flat_map(|(group, count)| std::iter::repeat_n(group as u32, *count as usize));
        let mut total = Total { sums: vec![0.0; counts.len()], groups: ids.collect() };
        scan_numbers(self.set.values().as_ref(), &mut total).map_err(|e| self.invalid(e))?;
        let average = self.result == Answer::Avg;
        let empty = match (self.null_handling, average) {
            (true, _) => None,
            (false, true) => Some(f64::NAN),
            (false, false) => Some(0.0),
        };
        Ok(float_column(total.sums.iter().zip(counts).map(|(sum, count)| match count {
            0 => empty,
            count if average => Some(sum / f64::from(*count)),
            _ => Some(*sum),
        })))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.set.memory_bytes()
    }
}

/// `segmentpartitioneddistinctcount`: no value is in two segments, so counts of partial states are added up.
pub fn partitioned(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    Ok(Arc::new(Partitioned { name: call.name.to_owned(), item: arg.data_type.arrow() }))
}

#[derive(Debug)]
struct Partitioned {
    name: String,
    item: ArrowType,
}

impl AggregateFunction for Partitioned {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Long.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Int64]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        let set = DistinctSet::new(self.item.clone());
        Box::new(PartitionedCounts { name: self.name.clone(), set, merged: Vec::new() })
    }
}

struct PartitionedCounts {
    name: String,
    set: DistinctSet,
    merged: Vec<i64>,
}

impl PartitionedCounts {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl Accumulator for PartitionedCounts {
    fn resize(&mut self, groups: usize) {
        self.set.resize(groups);
        self.merged.resize(groups.max(self.merged.len()), 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.set.groups()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?;
        self.set.add(array.as_ref(), groups).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let counts = longs(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, counts.len(), self.merged.len()).map_err(|e| self.invalid(e))?;
        for_rows(counts.len(), counts.nulls(), groups, |row, group| {
            self.merged[group] = self.merged[group].wrapping_add(counts.value(row));
        });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let own = self.set.counts().iter().map(|c| i64::from(*c));
        Ok(Arc::new(Int64Array::from_iter_values(own.zip(&self.merged).map(|(own, merged)| own.wrapping_add(*merged)))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.set.memory_bytes() + self.merged.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use model::DataType;

    use crate::testing::{check, finish, int_column};

    #[test]
    fn numbers_and_texts() {
        let ints = [int_column(&[Some(1), Some(2), None, Some(1)])];
        let ty = [DataType::Int.sv()];
        check("distinctcount", &ty, &[], &ints, ("2", "2"));
        check("distinctsum", &ty, &[], &ints, ("3.0", "3.0"));
        check("distinctavg", &ty, &[], &ints, ("1.5", "1.5"));
        check("segmentpartitioneddistinctcount", &ty, &[], &ints, ("2", "2"));
        check("distinctcountsmarthll", &ty, &[], &ints, ("2", "2"));
        let few = [model::Value::String("threshold=10;log2m=12".into())];
        let many = [int_column(&(0..1000).map(Some).collect::<Vec<_>>())];
        let estimate: i32 = finish("distinctcountsmarthll", &ty, &few, &many, None).parse().unwrap();
        assert!((950..=1050).contains(&estimate), "{estimate}");
        let none = [int_column(&[])];
        check("distinctcount", &ty, &[], &none, ("0", "0"));
        check("distinctsum", &ty, &[], &none, ("0.0", "null"));
        check("distinctavg", &ty, &[], &none, ("NaN", "null"));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some(""), Some("a"), None, Some("ü")]));
        assert_eq!(finish("distinctcount", &[DataType::String.sv()], &[], std::slice::from_ref(&texts), None), "3");
        assert_eq!(finish("distinctcount", &[DataType::String.sv()], &[], &[texts], Some(&[0, 1, 1, 0, 0])), "2,2");
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, -f64::NAN, 0.0, -0.0]));
        assert_eq!(finish("distinctcount", &[DataType::Double.sv()], &[], &[floats], None), "3");
        assert!(crate::resolve("distinctsum", &[DataType::String.sv()], &[], false).is_err());
        // A fused loop would answer with the count.
        for (name, fused) in [("distinctcount", crate::Fused::DistinctCount), ("distinctsum", crate::Fused::None)] {
            assert_eq!(crate::resolve(name, &ty, &[], false).unwrap().fused(), fused);
        }
    }
}
