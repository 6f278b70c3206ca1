//! COUNT.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int64Array},
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use crate::{
    columns::{check_groups, for_rows, longs},
    registry::{Accumulator, AggregateFunction, Call, Error, Fused, Groups},
};

/// `count(*)` has no argument. `count(x)` counts rows that are not NULL with null handling, else all rows.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    if call.args.len() > 1 {
        return Err(call.invalid(format!("expects at most 1 argument, got {}", call.args.len())));
    }
    Ok(Arc::new(Count { name: call.name.to_owned(), skip_nulls: call.null_handling && !call.args.is_empty() }))
}

#[derive(Debug)]
struct Count {
    name: String,
    skip_nulls: bool,
}

impl AggregateFunction for Count {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Long.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Int64]
    }

    fn fused(&self) -> Fused {
        Fused::Count
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Counts { skip_nulls: self.skip_nulls, counts: Vec::new() })
    }
}

struct Counts {
    skip_nulls: bool,
    counts: Vec<i64>,
}

fn invalid(reason: String) -> Error {
    Error::Invalid { function: "count".to_owned(), reason }
}

impl Accumulator for Counts {
    fn resize(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.counts.len()).map_err(invalid)?;
        let nulls = args.first().filter(|_| self.skip_nulls).and_then(|a| a.logical_nulls());
        match groups {
            Groups::One(group) => {
                self.counts[group as usize] += (rows - nulls.as_ref().map_or(0, |n| n.null_count())) as i64;
            }
            Groups::PerRow(_) => for_rows(rows, nulls.as_ref(), groups, |_, group| self.counts[group] += 1),
        }
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let counts = longs(state, 0).map_err(invalid)?;
        check_groups(groups, counts.len(), self.counts.len()).map_err(invalid)?;
        for_rows(counts.len(), counts.nulls(), groups, |row, group| {
            self.counts[group] = self.counts[group].wrapping_add(counts.value(row));
        });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        Ok(Arc::new(Int64Array::from(self.counts.clone())))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<i64>()
    }
}
