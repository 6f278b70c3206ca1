//! Questions about NULL and truth that never give NULL themselves; COALESCE and NULLIF.

use std::{cmp::Ordering, sync::Arc};

use arrow::array::{Array, AsArray, BooleanArray};
use model::{ColumnType, DataType};

use super::{Family, case, comparison, logic};
use crate::{
    arrays, call, convert,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::Vector,
};

pub static FUNCTIONS: Family = &[
    &Test { name: "isnull", truth: false, test: |v| v.is_none() },
    &Test { name: "isnotnull", truth: false, test: |v| v.is_some() },
    &Test { name: "istrue", truth: true, test: |v| v == Some(true) },
    &Test { name: "isnottrue", truth: true, test: |v| v != Some(true) },
    &Test { name: "isfalse", truth: true, test: |v| v == Some(false) },
    &Test { name: "isnotfalse", truth: true, test: |v| v != Some(false) },
    &Distinct { name: "isdistinctfrom", distinct: true },
    &Distinct { name: "isnotdistinctfrom", distinct: false },
    &Coalesce,
    &NullIf,
];

/// A test of one value: of its being there, or (`truth`) of its being true.
struct Test {
    name: &'static str,
    truth: bool,
    test: fn(Option<bool>) -> bool,
}

impl ScalarFunction for Test {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.len() == 1 {
            return Ok(DataType::Boolean.sv());
        }
        Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()))
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let arg = args.first().ok_or("an argument is missing")?;
            let result: BooleanArray = if self.truth {
                logic::booleans(arg, rows)?.iter().map(|v| Some((self.test)(v))).collect()
            } else {
                let array = arrays::expand(arg, rows)?;
                let nulls = array.logical_nulls();
                let valid = |row| nulls.as_ref().is_none_or(|n| n.is_valid(row));
                (0..rows).map(|row| Some((self.test)(valid(row).then_some(true)))).collect()
            };
            Ok(Vector::array(DataType::Boolean.sv(), Arc::new(result)))
        })
    }
}

/// Inequality in which NULL equals NULL.
struct Distinct {
    name: &'static str,
    distinct: bool,
}

impl ScalarFunction for Distinct {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.len() == 2 {
            return Ok(DataType::Boolean.sv());
        }
        Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()))
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let [a, b] = args else { return Err("two arguments are needed".to_owned()) };
            let equal = comparison::compare(a, b, rows, Ordering::is_eq, false)?;
            let (x, y) = (arrays::expand(a, rows)?, arrays::expand(b, rows)?);
            let (x, y) = (x.logical_nulls(), y.logical_nulls());
            let null = |nulls: &Option<arrow::buffer::NullBuffer>, row| nulls.as_ref().is_some_and(|n| n.is_null(row));
            let result: BooleanArray = equal
                .as_boolean()
                .iter()
                .enumerate()
                .map(|(row, equal)| {
                    let same = equal.unwrap_or_else(|| null(&x, row) && null(&y, row));
                    Some(same != self.distinct)
                })
                .collect();
            Ok(Vector::array(DataType::Boolean.sv(), Arc::new(result)))
        })
    }
}

/// The first value that is not NULL.
struct Coalesce;

impl ScalarFunction for Coalesce {
    fn name(&self) -> &'static str {
        "coalesce"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.is_empty() {
            return Err(Error::no_signature("coalesce", &[]));
        }
        case::common_type("coalesce", args)
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(case::argument).collect();
        let ty = self.return_type(&types)?;
        call::once_if_constant("coalesce", true, args, rows, |rows| {
            let columns = args.iter().map(|a| case::branch(a, ty)).collect::<Result<Vec<_>, _>>()?;
            let choice = |row: usize| columns.iter().position(|c| c.is_valid(row)).unwrap_or(0);
            let picks: Vec<_> = (0..rows).map(|row| (choice(row), row)).collect();
            case::assemble(&columns, &picks, ty)
        })
    }
}

/// `nullif(a, b)`: NULL when both are equal, else `a`.
struct NullIf;

impl ScalarFunction for NullIf {
    fn name(&self) -> &'static str {
        "nullif"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [a, _] => Ok(a.ty),
            _ => Err(Error::no_signature("nullif", &args.iter().map(|a| a.ty).collect::<Vec<_>>())),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("nullif", true, args, rows, |rows| {
            let [a, b] = args else { return Err("two arguments are needed".to_owned()) };
            let equal = comparison::compare(a, b, rows, Ordering::is_eq, false)?;
            let array = convert::to_column(a, a.ty)?;
            let array = if array.len() == rows { array } else { arrays::expand(a, rows)? };
            let result = arrow::compute::nullif(array.as_ref(), equal.as_boolean()).map_err(|e| e.to_string())?;
            Ok(Vector::array(a.ty, result))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn nulls() {
        check(&[
            ("isnull(null)", "BOOLEAN true"),
            ("is_not_null('x')", "BOOLEAN true"),
            ("istrue(null)", "BOOLEAN false"),
            ("isnottrue(null)", "BOOLEAN true"),
            ("isfalse(0)", "BOOLEAN true"),
            ("isnotfalse(null)", "BOOLEAN true"),
            ("isdistinctfrom(null, null)", "BOOLEAN false"),
            ("isdistinctfrom(null, 1)", "BOOLEAN true"),
            ("isnotdistinctfrom(1, 1.0)", "BOOLEAN true"),
            ("coalesce(null, null, 3)", "INT 3"),
            ("coalesce(null, 2, 3.5)", "DOUBLE 2.0"),
            ("coalesce('a', 2)", "STRING a"),
            ("coalesce(null, null)", "UNKNOWN null"),
            ("nullif(1, 1)", "INT null"),
            ("nullif('a', 'b')", "STRING a"),
            ("nullif(null, 'b')", "UNKNOWN null"),
        ]);
    }
}
