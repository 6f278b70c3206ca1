//! AND, OR, NOT with three-valued logic.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use model::{ColumnType, DataType};

use super::Family;
use crate::{
    arrays, call, convert,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::Vector,
};

pub static FUNCTIONS: Family = &[
    &Connective { name: "and", join: |a, b| arrow::compute::and_kleene(a, b).map_err(|e| e.to_string()) },
    &Connective { name: "or", join: |a, b| arrow::compute::or_kleene(a, b).map_err(|e| e.to_string()) },
    &Not,
];

/// A vector as booleans: numbers are true unless zero, texts when they say so.
pub(crate) fn booleans(vector: &Vector, rows: usize) -> Result<BooleanArray, String> {
    let vector = convert::cast(vector, DataType::Boolean.sv())?;
    let array = arrays::expand(&vector, rows)?;
    array.as_boolean_opt().cloned().ok_or_else(|| "not a BOOLEAN".to_owned())
}

/// A connective over any number of operands from one.
struct Connective {
    name: &'static str,
    join: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, String>,
}

impl ScalarFunction for Connective {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.is_empty() || args.iter().any(|a| a.ty.multi_value) {
            return Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        }
        Ok(DataType::Boolean.sv())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let (first, rest) = args.split_first().ok_or("an argument is missing")?;
            let mut result = booleans(first, rows)?;
            for next in rest {
                result = (self.join)(&result, &booleans(next, rows)?)?;
            }
            Ok(Vector::array(DataType::Boolean.sv(), Arc::new(result)))
        })
    }
}

struct Not;

impl ScalarFunction for Not {
    fn name(&self) -> &'static str {
        "not"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [arg] if !arg.ty.multi_value => Ok(DataType::Boolean.sv()),
            _ => Err(Error::no_signature("not", &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("not", true, args, rows, |rows| {
            let operand = booleans(args.first().ok_or("an argument is missing")?, rows)?;
            let result = arrow::compute::not(&operand).map_err(|e| e.to_string())?;
            Ok(Vector::array(DataType::Boolean.sv(), Arc::new(result)))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn three_valued() {
        check(&[
            ("and(true, false)", "BOOLEAN false"),
            ("and(null, false)", "BOOLEAN false"),
            ("and(null, true)", "BOOLEAN null"),
            ("and(true, 1, 'true')", "BOOLEAN true"),
            ("or(null, true)", "BOOLEAN true"),
            ("or(null, false)", "BOOLEAN null"),
            ("or(false, false, true)", "BOOLEAN true"),
            ("not(true)", "BOOLEAN false"),
            ("not(null)", "BOOLEAN null"),
            ("not(0)", "BOOLEAN true"),
        ]);
    }
}
