//! The rows of an answer, in columns.

use arrow::array::ArrayRef;
use model::{ColumnType, DataType, Value};

use crate::error::Error;

/// `resultTable`: headers, types and one Arrow array a column, each `num_rows` long and of Arrow type
/// `types[i].arrow()`.
#[derive(Clone, Debug)]
pub struct ResultTable {
    pub names: Vec<String>,
    pub types: Vec<ColumnType>,
    pub columns: Vec<ArrayRef>,
    pub num_rows: usize,
}

impl ResultTable {
    /// A table from rows of values, each as long as `types`.
    pub fn from_rows(names: Vec<String>, types: Vec<ColumnType>, rows: &[Vec<Value>]) -> Result<Self, Error> {
        let columns = types
            .iter()
            .enumerate()
            .map(|(i, &ty)| {
                let cells: Vec<Value> = rows.iter().map(|row| row.get(i).cloned().unwrap_or(Value::Null)).collect();
                functions::arrays::from_values(ty, &cells).map_err(Error::Execution)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { names, types, columns, num_rows: rows.len() })
    }

    /// A table without rows.
    pub fn empty(names: Vec<String>, types: Vec<ColumnType>) -> Self {
        let columns = types.iter().map(|ty| arrow::array::new_empty_array(&ty.arrow())).collect();
        Self { names, types, columns, num_rows: 0 }
    }

    /// The rows of EXPLAIN: operator, its id, its parent's id.
    pub fn explain(rows: &[(String, i32, i32)]) -> Result<Self, Error> {
        let names = ["Operator", "Operator_Id", "Parent_Id"].map(str::to_owned).to_vec();
        let types = vec![DataType::String.sv(), DataType::Int.sv(), DataType::Int.sv()];
        let rows: Vec<Vec<Value>> = rows
            .iter()
            .map(|(operator, id, parent)| vec![Value::String(operator.clone()), Value::Int(*id), Value::Int(*parent)])
            .collect();
        Self::from_rows(names, types, &rows)
    }

    /// `{"columnNames":[…],"columnDataTypes":[…]}`
    pub fn schema_json(&self) -> String {
        let mut out = String::new();
        super::json::push_schema(&mut out, self);
        out
    }

    /// The rows as `[…],[…]`, and for each row where it ends in that text; a comma is between them.
    pub fn rows_json(&self) -> (String, Vec<u64>) {
        let (mut out, mut ends) = (String::new(), Vec::with_capacity(self.num_rows));
        super::json::push_rows(&mut out, self, |end| ends.push(end as u64));
        (out, ends)
    }

    /// The cell as a value; NULL outside of the table.
    pub fn value(&self, row: usize, column: usize) -> Value {
        match (self.columns.get(column), self.types.get(column)) {
            (Some(array), Some(&ty)) => functions::arrays::value_at(array.as_ref(), ty, row),
            _ => Value::Null,
        }
    }
}
