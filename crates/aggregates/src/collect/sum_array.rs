//! SUMARRAYLONG and SUMARRAYDOUBLE: sums of multi-values, element by element.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Float64Array, Int64Array},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use crate::{
    columns::{Number, Scan, check_groups, list_column, list_type, lists, scan_numbers, try_for_rows},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

pub fn long(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Long)
}

pub fn double(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Double)
}

fn bind(call: &Call<'_>, item: DataType) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if !arg.multi_value || !arg.data_type.is_numeric() {
        return Err(call.invalid(format!("expects a multi-value column of numbers, got {arg}")));
    }
    Ok(Arc::new(SumArray { name: call.name.to_owned(), item }))
}

#[derive(Clone, Debug)]
struct SumArray {
    name: String,
    item: DataType,
}

impl AggregateFunction for SumArray {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        self.item.mv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(self.item.arrow())]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sums { of: self.clone(), sums: Vec::new(), held: 0 })
    }
}

struct Sums {
    of: SumArray,
    sums: Vec<Vec<f64>>,
    /// Elements held by all groups.
    held: usize,
}

/// Adds to the front of the sums, growing them.
struct Add<'a>(&'a mut Vec<f64>);

impl Scan for Add<'_> {
    fn scan<T: Number>(&mut self, values: &[T], _nulls: Option<&NullBuffer>) {
        self.0.resize(self.0.len().max(values.len()), 0.0);
        self.0.iter_mut().zip(values).for_each(|(sum, value)| *sum += value.f64());
    }
}

impl Sums {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.of.name.clone(), reason }
    }
}

impl Accumulator for Sums {
    fn resize(&mut self, groups: usize) {
        self.sums.resize_with(groups.max(self.sums.len()), Vec::new);
    }

    fn update(&mut self, args: &[ArrayRef], _rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        let list = lists(args, 0).map_err(|e| self.invalid(e))?.clone();
        check_groups(groups, list.len(), self.sums.len()).map_err(|e| self.invalid(e))?;
        let (sums, held) = (&mut self.sums, &mut self.held);
        try_for_rows(list.len(), list.nulls(), groups, |row, group| {
            let before = sums[group].len();
            scan_numbers(list.value(row).as_ref(), &mut Add(&mut sums[group]))?;
            *held += sums[group].len() - before;
            Ok(())
        })
        .map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        self.update(state, 0, groups)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let items = self.sums.iter().flatten().copied();
        let items: ArrayRef = match self.of.item {
            DataType::Long => Arc::new(Int64Array::from_iter_values(items.map(|v| v as i64))),
            _ => Arc::new(Float64Array::from_iter_values(items)),
        };
        let lists = list_column(items, self.sums.iter().map(Vec::len)).map_err(|e| self.invalid(e))?;
        let empty: arrow::array::BooleanArray = self.sums.iter().map(|sums| Some(sums.is_empty())).collect();
        arrow::compute::nullif(lists.as_ref(), &empty).map_err(|e| self.invalid(e.to_string()))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.sums.capacity() * size_of::<Vec<f64>>() + self.held * size_of::<f64>() * 3 / 2
    }
}

#[cfg(test)]
mod tests {
    use arrow::{array::ListArray, datatypes::Int32Type};

    use super::*;
    use crate::testing::check;

    #[test]
    fn element_by_element() {
        let rows = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![Some(10), Some(20), Some(30)])];
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows));
        let ty = [DataType::Int.mv()];
        check("sumarraylong", &ty, &[], std::slice::from_ref(&list), ("[11, 22, 30]", "[11, 22, 30]"));
        check("sumarraydouble", &ty, &[], &[list.slice(0, 0)], ("null", "null"));
    }
}
