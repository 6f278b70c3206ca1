//! `= <> < <= > >=`, BETWEEN and IN over values of any types.
//!
//! Numbers compare by value across types, a text is read as the other side's type (a text that cannot be read compares
//! as false), texts compare by UTF-16 code units. A multi-value matches when any element does; `notequals` and
//! `notin` when all do.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray},
    buffer::{BooleanBuffer, NullBuffer},
    datatypes::Float64Type,
};
use model::{ColumnType, DataType, Value};

use super::Family;
use crate::{
    arrays, call, comparable, convert,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[
    &Comparison { name: "equals", test: Ordering::is_eq, all_elements: false },
    &Comparison { name: "notequals", test: Ordering::is_ne, all_elements: true },
    &Comparison { name: "lessthan", test: Ordering::is_lt, all_elements: false },
    &Comparison { name: "lessthanorequal", test: Ordering::is_le, all_elements: false },
    &Comparison { name: "greaterthan", test: Ordering::is_gt, all_elements: false },
    &Comparison { name: "greaterthanorequal", test: Ordering::is_ge, all_elements: false },
    &Between,
    &In { name: "in", negated: false },
    &In { name: "notin", negated: true },
];

fn boolean(values: impl ExactSizeIterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

fn boolean_vector(array: ArrayRef) -> Vector {
    Vector::array(DataType::Boolean.sv(), array)
}

struct Comparison {
    name: &'static str,
    test: fn(Ordering) -> bool,
    all_elements: bool,
}

impl ScalarFunction for Comparison {
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
        let [a, b] = args else {
            return Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        };
        call::once_if_constant(self.name, true, args, rows, |rows| {
            compare(a, b, rows, self.test, self.all_elements).map(boolean_vector)
        })
    }
}

fn is_text(ty: ColumnType) -> bool {
    !ty.multi_value && matches!(ty.data_type, DataType::String | DataType::Json)
}

fn is_float_like(ty: ColumnType) -> bool {
    !ty.multi_value && matches!(ty.data_type, DataType::Float | DataType::Double | DataType::Int)
}

/// One boolean a row; null where an operand is.
pub(crate) fn compare(
    a: &Vector,
    b: &Vector,
    rows: usize,
    test: fn(Ordering) -> bool,
    all_elements: bool,
) -> Result<ArrayRef, String> {
    let step = |v: &Vector| usize::from(matches!(v.data, Data::Array(_)));
    let (a_step, b_step) = (step(a), step(b));
    if !a.ty.multi_value && !b.ty.multi_value {
        if let (Some(x), Some(y)) = (convert::integers(a), convert::integers(b)) {
            return Ok(loop_over(rows, (&x, a_step), (&y, b_step), |i, j| test(x.value(i).cmp(&y.value(j)))));
        }
        if is_float_like(a.ty) && is_float_like(b.ty) {
            let (x, y) = (floats(a)?, floats(b)?);
            return Ok(loop_over(rows, (&x, a_step), (&y, b_step), |i, j| {
                test(comparable::double(x.value(i), y.value(j)))
            }));
        }
        if is_text(a.ty) && is_text(b.ty) {
            let (x, y) = (texts(a)?, texts(b)?);
            return Ok(loop_over(rows, (&x, a_step), (&y, b_step), |i, j| {
                test(comparable::text(x.value(i), y.value(j)))
            }));
        }
    }
    let (x, y) = (arrays::expand(a, rows)?, arrays::expand(b, rows)?);
    let single = |a: &Value, b: &Value| comparable::values(a, b).is_some_and(test);
    Ok(boolean((0..rows).map(|row| {
        let left = arrays::value_at(x.as_ref(), a.ty, row);
        let right = arrays::value_at(y.as_ref(), b.ty, row);
        match (&left, &right) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Array(..), Value::Array(..)) => Some(single(&left, &right)),
            (Value::Array(_, items), _) => Some(over_elements(items, all_elements, |item| single(item, &right))),
            (_, Value::Array(_, items)) => Some(over_elements(items, all_elements, |item| single(&left, item))),
            _ => Some(single(&left, &right)),
        }
    })))
}

fn over_elements(items: &[Value], all: bool, test: impl Fn(&Value) -> bool) -> bool {
    if all { items.iter().all(test) } else { items.iter().any(test) }
}

fn floats(vector: &Vector) -> Result<Float64Array, String> {
    let column = convert::to_column(vector, DataType::Double.sv())?;
    column.as_primitive_opt::<Float64Type>().cloned().ok_or_else(|| "not a number".to_owned())
}

fn texts(vector: &Vector) -> Result<StringArray, String> {
    let column = convert::to_column(vector, DataType::String.sv())?;
    column.as_string_opt::<i32>().cloned().ok_or_else(|| "not a text".to_owned())
}

fn loop_over(
    rows: usize,
    (x, x_step): (&dyn Array, usize),
    (y, y_step): (&dyn Array, usize),
    test: impl Fn(usize, usize) -> bool,
) -> ArrayRef {
    let valid = |array: &dyn Array, step: usize| -> Option<NullBuffer> {
        if array.null_count() == 0 {
            None
        } else if step == 1 {
            array.nulls().cloned()
        } else {
            Some(NullBuffer::new_null(rows))
        }
    };
    let nulls = NullBuffer::union(valid(x, x_step).as_ref(), valid(y, y_step).as_ref());
    let values = BooleanBuffer::collect_bool(rows, |row| test(row * x_step, row * y_step));
    Arc::new(BooleanArray::new(values, nulls))
}

/// `between(value, lower, upper)`, both ends included.
struct Between;

impl ScalarFunction for Between {
    fn name(&self) -> &'static str {
        "between"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.len() == 3 {
            return Ok(DataType::Boolean.sv());
        }
        Err(Error::no_signature("between", &args.iter().map(|a| a.ty).collect::<Vec<_>>()))
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let [value, lower, upper] = args else {
            return Err(Error::no_signature("between", &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        };
        call::once_if_constant("between", true, args, rows, |rows| {
            if value.ty.multi_value {
                let values = arrays::expand(value, rows)?;
                let (low, high) = (arrays::expand(lower, rows)?, arrays::expand(upper, rows)?);
                return Ok(boolean_vector(boolean((0..rows).map(|row| {
                    let Value::Array(_, items) = arrays::value_at(values.as_ref(), value.ty, row) else { return None };
                    let low = arrays::value_at(low.as_ref(), lower.ty, row);
                    let high = arrays::value_at(high.as_ref(), upper.ty, row);
                    Some(items.iter().any(|item| {
                        comparable::values(item, &low).is_some_and(Ordering::is_ge)
                            && comparable::values(item, &high).is_some_and(Ordering::is_le)
                    }))
                }))));
            }
            let above = compare(value, lower, rows, Ordering::is_ge, false)?;
            let below = compare(value, upper, rows, Ordering::is_le, false)?;
            let both = arrow::compute::and_kleene(above.as_boolean(), below.as_boolean()).map_err(|e| e.to_string())?;
            Ok(boolean_vector(Arc::new(both)))
        })
    }
}

/// `in(value, a, b, …)`.
struct In {
    name: &'static str,
    negated: bool,
}

/// The list of an IN, prepared for its left side.
enum Members {
    Integers(HashSet<i64>),
    Texts(HashSet<String>),
    /// Anything else, and lists that are not constant: compared one after another.
    Other,
}

impl In {
    fn members(value: &Vector, list: &[Vector]) -> Members {
        let constants: Option<Vec<&Value>> =
            list.iter().map(|v| if let Data::Constant(c) = &v.data { Some(c) } else { None }).collect();
        let (Some(constants), false) = (constants, value.ty.multi_value) else { return Members::Other };
        let as_integer = |v: &&Value| match convert::value(v, DataType::Long.sv()) {
            Ok(Value::Long(n)) if comparable::values(v, &Value::Long(n)) == Some(Ordering::Equal) => Some(n),
            _ => None,
        };
        match value.ty.data_type {
            DataType::Int | DataType::Long | DataType::Timestamp if !constants.iter().any(|c| c.is_null()) => {
                let timestamps = value.ty.data_type == DataType::Timestamp;
                if timestamps && constants.iter().any(|c| matches!(c, Value::String(_))) {
                    return Members::Other;
                }
                Members::Integers(constants.iter().filter_map(as_integer).collect())
            }
            DataType::String | DataType::Json
                if constants.iter().all(|c| matches!(c, Value::String(_) | Value::Json(_))) =>
            {
                Members::Texts(constants.iter().filter_map(|c| convert::to_text(c).ok()).collect())
            }
            _ => Members::Other,
        }
    }
}

impl ScalarFunction for In {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.len() >= 2 {
            return Ok(DataType::Boolean.sv());
        }
        Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()))
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let (value, list) = args.split_first().ok_or("an argument is missing")?;
            let found = match Self::members(value, list) {
                Members::Integers(set) => {
                    let column: Int64Array = convert::integers(value).ok_or("not an integer")?;
                    let step = usize::from(matches!(value.data, Data::Array(_)));
                    loop_over(rows, (&column, step), (&column, step), |i, _| {
                        set.contains(&column.value(i)) != self.negated
                    })
                }
                Members::Texts(set) => {
                    let column = texts(value)?;
                    let step = usize::from(matches!(value.data, Data::Array(_)));
                    loop_over(rows, (&column, step), (&column, step), |i, _| {
                        set.contains(column.value(i)) != self.negated
                    })
                }
                Members::Other => {
                    let mut found: Option<BooleanArray> = None;
                    for item in list {
                        let equal = compare(value, item, rows, Ordering::is_eq, false)?;
                        let equal = equal.as_boolean();
                        found = Some(match found {
                            None => equal.clone(),
                            Some(so_far) => arrow::compute::or_kleene(&so_far, equal).map_err(|e| e.to_string())?,
                        });
                    }
                    let found = found.ok_or("the list is empty")?;
                    let found =
                        if self.negated { arrow::compute::not(&found).map_err(|e| e.to_string())? } else { found };
                    Arc::new(found)
                }
            };
            Ok(boolean_vector(found))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn comparisons() {
        check(&[
            ("equals(1, 1.0)", "BOOLEAN true"),
            ("equals(1, '1')", "BOOLEAN true"),
            ("equals(1, 'x')", "BOOLEAN false"),
            ("notequals(1, 2)", "BOOLEAN true"),
            ("lessthan('a', 'b')", "BOOLEAN true"),
            ("lessthanorequal(9007199254740993, 9007199254740992.0)", "BOOLEAN false"),
            ("greaterthan(2, 10)", "BOOLEAN false"),
            ("greater_than_or_equal(2, 2)", "BOOLEAN true"),
            ("greaterthan(1.50m, 1.5)", "BOOLEAN false"),
            ("equals(sqrt(-1), sqrt(-1))", "BOOLEAN true"),
            ("equals(null, 1)", "BOOLEAN null"),
            ("equals(true, 1)", "BOOLEAN true"),
            ("equals(true, 'true')", "BOOLEAN true"),
            ("equals([1, 2], 2)", "BOOLEAN true"),
            ("notequals([1, 2], 2)", "BOOLEAN false"),
            ("notequals([1, 2], 3)", "BOOLEAN true"),
            ("between(2, 1, 2)", "BOOLEAN true"),
            ("between('b', 'a', 'az')", "BOOLEAN false"),
            ("between([1, 9], 5, 10)", "BOOLEAN true"),
            ("in(2, 1, 2)", "BOOLEAN true"),
            ("in(2, 1.5, 2.0)", "BOOLEAN true"),
            ("in('x', 'y', 'x')", "BOOLEAN true"),
            ("notin('x', 'y', 'x')", "BOOLEAN false"),
            ("not_in(3, 1, 2)", "BOOLEAN true"),
            ("in(null, 1)", "BOOLEAN null"),
            ("in([1, 2], 2, 5)", "BOOLEAN true"),
            ("notin([1, 2], 2, 5)", "BOOLEAN false"),
        ]);
    }
}
