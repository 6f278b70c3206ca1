//! The MV form of an aggregation: the same over every element of every row.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::DataType as ArrowType,
};
use model::ColumnType;

use crate::columns::flatten;
use crate::registry::{Accumulator, AggregateFunction, Call, Error, Groups};

/// Wraps `inner`, which is bound to the element types of `args`. One argument is flattened, so there must be one.
pub fn wrap(
    call: &Call<'_>,
    args: &[ColumnType],
    inner: Arc<dyn AggregateFunction>,
) -> Result<Arc<dyn AggregateFunction>, Error> {
    if args.len() != 1 {
        return Err(call.invalid("a multi-value argument must be the only one"));
    }
    Ok(Arc::new(MultiValue { inner }))
}

#[derive(Debug)]
struct MultiValue {
    inner: Arc<dyn AggregateFunction>,
}

impl AggregateFunction for MultiValue {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn result_type(&self) -> ColumnType {
        self.inner.result_type()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        self.inner.state_types()
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Flattened { name: self.inner.name().to_owned(), inner: self.inner.accumulator() })
    }
}

struct Flattened {
    name: String,
    inner: Box<dyn Accumulator>,
}

impl Accumulator for Flattened {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        let invalid = |reason: String| Error::Invalid { function: self.name.clone(), reason };
        let Some(list) = args.first().and_then(|a| a.as_list_opt::<i32>()) else {
            return Err(invalid("the argument is not a multi-value column".to_owned()));
        };
        if list.len() < rows {
            return Err(invalid(format!("{} values for {rows} rows", list.len())));
        }
        let list = list.slice(0, rows);
        // Rows of one group need no group ids, unless a null row spans elements.
        if let (Groups::One(_), 0) = (groups, list.null_count()) {
            let offsets = list.value_offsets();
            let (start, end) = (offsets[0] as usize, offsets[rows] as usize);
            return self.inner.update(&[list.values().slice(start, end - start)], end - start, groups);
        }
        if let Groups::PerRow(ids) = groups
            && ids.len() < rows
        {
            return Err(invalid(format!("{} group ids for {rows} rows", ids.len())));
        }
        let (elements, ids) = flatten(&list, groups);
        self.inner.update(&[elements], ids.len(), Groups::PerRow(&ids))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        self.inner.merge(state, groups)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        self.inner.state()
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        self.inner.finish()
    }

    fn memory_bytes(&self) -> usize {
        self.inner.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, ListArray},
        datatypes::Int32Type,
    };
    use model::DataType;

    use crate::testing::finish;

    #[test]
    fn every_element_counts() {
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), Some(2)]),
            None,
            Some(vec![]),
            Some(vec![Some(5)]),
        ]));
        let ty = [DataType::Int.mv()];
        for (name, one, grouped) in [
            ("summv", "8.0", "3.0,5.0"),
            ("sum", "8.0", "3.0,5.0"),
            ("countmv", "3", "2,1"),
            ("maxmv", "5.0", "2.0,5.0"),
        ] {
            assert_eq!(finish(name, &ty, &[], std::slice::from_ref(&list), None), one, "{name}");
            assert_eq!(finish(name, &ty, &[], std::slice::from_ref(&list), Some(&[0, 0, 1, 1])), grouped, "{name}");
        }
        assert!(crate::resolve("summv", &[DataType::Int.sv()], &[], false).is_err());
    }
}
