//! ARRAYAGG and LISTAGG.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, StringArray},
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType, Value};

use crate::{
    cells::{Cell, build},
    columns::{check_groups, column, flatten, for_rows, list_column, list_type, lists},
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

/// Values are distinct when the parameter says `true`.
fn is_distinct(literal: Option<&Value>) -> bool {
    match literal {
        Some(Value::Boolean(distinct)) => *distinct,
        Some(other) => literals::text(other).is_some_and(|t| t.eq_ignore_ascii_case("true")),
        None => false,
    }
}

/// `arrayagg(x, 'TYPE'[, distinct])`.
pub fn array(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    call.arguments::<1>()?;
    let name = call.literals.first().and_then(literals::text).map(str::to_ascii_uppercase);
    let ty = match name.as_deref() {
        Some("BOOLEAN") => DataType::Boolean,
        Some("INT" | "INTEGER") => DataType::Int,
        Some("LONG" | "BIGINT") => DataType::Long,
        Some("TIMESTAMP") => DataType::Timestamp,
        Some("FLOAT") => DataType::Float,
        Some("DOUBLE") => DataType::Double,
        Some("STRING" | "VARCHAR") => DataType::String,
        _ => {
            return Err(
                call.invalid("expects a type BOOLEAN, INT, LONG, TIMESTAMP, FLOAT, DOUBLE or STRING after the column")
            );
        }
    };
    let distinct = is_distinct(call.literals.get(1));
    Ok(Arc::new(Collected {
        name: call.name.to_owned(),
        item: ty,
        separator: None,
        distinct,
        null_handling: call.null_handling,
    }))
}

/// `listagg(x, 'separator'[, distinct])`.
pub fn list(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    call.arguments::<1>()?;
    let separator = call.literals.first().map_or(Some(""), literals::text);
    let separator = separator.ok_or_else(|| call.invalid("the separator must be a text"))?.to_owned();
    let distinct = is_distinct(call.literals.get(1));
    Ok(Arc::new(Collected {
        name: call.name.to_owned(),
        item: DataType::String,
        separator: Some(separator),
        distinct,
        null_handling: call.null_handling,
    }))
}

#[derive(Clone, Debug)]
struct Collected {
    name: String,
    item: DataType,
    /// For LISTAGG.
    separator: Option<String>,
    distinct: bool,
    null_handling: bool,
}

impl AggregateFunction for Collected {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        if self.separator.is_some() { DataType::String.sv() } else { self.item.mv() }
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(self.item.arrow())]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Values { of: self.clone(), values: Vec::new(), seen: Vec::new(), held: 0 })
    }
}

struct Values {
    of: Collected,
    values: Vec<Vec<Cell>>,
    /// Only filled for distinct values.
    seen: Vec<HashSet<Cell>>,
    /// Bytes of all values held.
    held: usize,
}

impl Values {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.of.name.clone(), reason }
    }

    fn add(&mut self, array: &dyn Array, groups: Groups<'_>) {
        let nulls = array.logical_nulls();
        let (values, seen, distinct, held) = (&mut self.values, &mut self.seen, self.of.distinct, &mut self.held);
        for_rows(array.len(), nulls.as_ref(), groups, |row, group| {
            let Some(cell) = Cell::read(array, row) else { return };
            if !distinct || seen[group].insert(cell.clone()) {
                *held += size_of::<Cell>() + cell.outside_bytes();
                values[group].push(cell);
            }
        });
    }

    fn items(&self) -> ArrayRef {
        let cells: Vec<_> = self.values.iter().flatten().cloned().map(Some).collect();
        build(&self.of.item.arrow(), cells.into_iter())
    }
}

impl Accumulator for Values {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.values.len());
        self.values.resize_with(groups, Vec::new);
        self.seen.resize_with(groups, HashSet::new);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.values.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        self.add(array.as_ref(), groups);
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let list = lists(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, list.len(), self.values.len()).map_err(|e| self.invalid(e))?;
        if list.value_type() != self.of.item.arrow() {
            return Err(self.invalid(format!(
                "state lists hold {} instead of {}",
                list.value_type(),
                self.of.item.arrow()
            )));
        }
        let (items, ids) = flatten(list, groups);
        self.add(items.as_ref(), Groups::PerRow(&ids));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![list_column(self.items(), self.values.iter().map(Vec::len)).map_err(|e| self.invalid(e))?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let missing = |values: &Vec<Cell>| self.of.null_handling && values.is_empty();
        if let Some(separator) = &self.of.separator {
            let mut texts = Vec::with_capacity(self.values.len());
            for values in &self.values {
                let parts = build(&ArrowType::Utf8, values.iter().cloned().map(Some).collect::<Vec<_>>().into_iter());
                let parts = arrow::array::AsArray::as_string::<i32>(parts.as_ref());
                let joined: Vec<&str> = parts.iter().flatten().collect();
                texts.push((!missing(values)).then(|| joined.join(separator)));
            }
            let total: usize = texts.iter().flatten().map(String::len).sum();
            if total > i32::MAX as usize {
                return Err(self.invalid("the result is longer than 2 GB".to_owned()));
            }
            return Ok(Arc::new(texts.into_iter().collect::<StringArray>()));
        }
        let lists = list_column(self.items(), self.values.iter().map(Vec::len)).map_err(|e| self.invalid(e))?;
        let empty: arrow::array::BooleanArray = self.values.iter().map(|values| Some(missing(values))).collect();
        arrow::compute::nullif(lists.as_ref(), &empty).map_err(|e| self.invalid(e.to_string()))
    }

    fn memory_bytes(&self) -> usize {
        let groups = self.values.capacity() * size_of::<(Vec<Cell>, HashSet<Cell>)>();
        size_of::<Self>() + groups + self.held * (1 + usize::from(self.of.distinct))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn collected() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&[Some(3), None, Some(1), Some(3)])];
        let text = |t: &str| Value::String(t.into());
        check("array_agg", &ty, &[text("INT")], &column, ("[3, 1, 3]", "[3, 1, 3]"));
        check("arrayagg", &ty, &[text("DOUBLE"), Value::Boolean(true)], &column, ("[3.0, 1.0]", "[3.0, 1.0]"));
        check("arrayagg", &ty, &[text("INT")], &[int_column(&[])], ("[]", "null"));
        check("listagg", &ty, &[text(";")], &column, ("3;1;3", "3;1;3"));
        check("listagg", &ty, &[text(";")], &[int_column(&[])], ("", "null"));
        assert_eq!(finish("listagg", &ty, &[text(","), text("true")], &column, None), "3,1");
        assert!(crate::resolve("arrayagg", &ty, &[], false).is_err());
    }
}
