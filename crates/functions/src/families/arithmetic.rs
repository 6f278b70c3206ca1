//! `+ - * / %` and what else takes two or more numbers and gives one.
//!
//! Rows are computed as DOUBLE, or as BIG_DECIMAL as soon as one operand is one. Division by zero is ±Infinity or NaN
//! for doubles and an error for decimals.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringBuilder},
    compute::kernels::arity,
    datatypes::{ArrowPrimitiveType, Float64Type, Int64Type},
};
use bigdecimal::{BigDecimal, Zero};
use model::{ColumnType, DataType, Value};

use super::Family;
use crate::{
    arrays, call,
    call::{Double, Int, Long},
    comparable, convert, decimal, function,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[
    &Arithmetic { name: "plus", aliases: &["add"], double: |a, b| a + b, decimal: |a, b| Ok(a + b), many: true },
    &Arithmetic { name: "minus", aliases: &["sub"], double: |a, b| a - b, decimal: |a, b| Ok(a - b), many: false },
    &Arithmetic { name: "times", aliases: &["mult"], double: |a, b| a * b, decimal: |a, b| Ok(a * b), many: true },
    &Divide,
    &Arithmetic {
        name: "mod",
        aliases: &[],
        double: |a, b| a % b,
        decimal: |a, b| if b.is_zero() { Err("Division by zero".to_owned()) } else { Ok(a % b) },
        many: false,
    },
    &Extreme { name: "least", keep: std::cmp::Ordering::Less },
    &Extreme { name: "greatest", keep: std::cmp::Ordering::Greater },
    &function!("min"; (a: Double, b: Double) -> f64 => java_min(a, b)),
    &function!("max"; (a: Double, b: Double) -> f64 => -java_min(-a, -b)),
    &function!("intdiv"; (a: Double, b: Double) -> i64 => (a / b).floor() as i64),
    &function!("intdivorzero"; (a: Double, b: Double) -> i64 => if b == 0.0 || !(a / b).is_finite() { 0 } else { (a / b).floor() as i64 }),
    &function!("moduloorzero"; (a: Double, b: Double) -> f64 => if b == 0.0 { 0.0 } else { a % b }),
    &function!("positivemodulo"; (a: Double, b: Double) -> f64 => if a % b >= 0.0 { a % b } else { a % b + b.abs() }),
    &function!("hypot"; (a: Double, b: Double) -> f64 => a.hypot(b)),
    &function!("gcd"; (a: Long, b: Long) -> i64 => gcd(a, b)),
    &function!("lcm"; (a: Long, b: Long) -> i64 => if a == 0 || b == 0 { 0 } else { (a.wrapping_div(gcd(a, b))).wrapping_mul(b).wrapping_abs() }),
    &function!("byteswapint"; (a: Int) -> i32 => a.swap_bytes()),
    &function!("byteswaplong"; (a: Long) -> i64 => a.swap_bytes()),
];

fn java_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if comparable::double(a, b).is_le() {
        a
    } else {
        b
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

/// A binary operator, or one over any number of operands from two.
struct Arithmetic {
    name: &'static str,
    aliases: &'static [&'static str],
    double: fn(f64, f64) -> f64,
    decimal: fn(&BigDecimal, &BigDecimal) -> Result<BigDecimal, String>,
    many: bool,
}

impl ScalarFunction for Arithmetic {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        let count = if self.many { types.len() >= 2 } else { types.len() == 2 };
        if !count {
            return Err(Error::no_signature(self.name, &types));
        }
        numeric_type(self.name, &types)
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        let ty = numeric_type(self.name, &types)?;
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let (first, rest) = args.split_first().ok_or("an argument is missing")?;
            let mut result = first.clone();
            for next in rest {
                result = if ty.data_type == DataType::BigDecimal {
                    decimals(&result, next, rows, self.decimal)?
                } else {
                    doubles(&result, next, rows, self.double)?
                };
            }
            Ok(result)
        })
    }
}

/// DOUBLE, or BIG_DECIMAL if any argument is; an error for multi-values and bytes.
pub(super) fn numeric_type(name: &str, types: &[ColumnType]) -> Result<ColumnType, Error> {
    if types.iter().any(|t| t.multi_value) {
        return Err(Error::failed(name, "every argument must be single-valued"));
    }
    if types.iter().any(|t| t.data_type.arrow() == DataType::Bytes.arrow()) {
        return Err(Error::no_signature(name, types));
    }
    let decimal = types.iter().any(|t| t.data_type == DataType::BigDecimal);
    Ok(if decimal { DataType::BigDecimal } else { DataType::Double }.sv())
}

pub(super) fn doubles(a: &Vector, b: &Vector, rows: usize, op: fn(f64, f64) -> f64) -> Result<Vector, String> {
    let (left, right) = (float_column(a)?, float_column(b)?);
    let result = apply::<Float64Type>(&left, is_constant(a), &right, is_constant(b), rows, op)?;
    Ok(Vector::array(DataType::Double.sv(), result))
}

fn is_constant(vector: &Vector) -> bool {
    matches!(vector.data, Data::Constant(_))
}

pub(super) fn float_column(vector: &Vector) -> Result<Float64Array, String> {
    let column = convert::to_column(vector, DataType::Double.sv())?;
    column.as_primitive_opt::<Float64Type>().cloned().ok_or_else(|| "not a number".to_owned())
}

fn apply<T: ArrowPrimitiveType>(
    a: &arrow::array::PrimitiveArray<T>,
    a_constant: bool,
    b: &arrow::array::PrimitiveArray<T>,
    b_constant: bool,
    rows: usize,
    op: impl Fn(T::Native, T::Native) -> T::Native,
) -> Result<ArrayRef, String> {
    let constant_null = (a_constant && a.is_null(0)) || (b_constant && b.is_null(0));
    if constant_null {
        return Ok(arrow::array::new_null_array(&T::DATA_TYPE, rows));
    }
    Ok(match (a_constant, b_constant) {
        (true, true) => {
            let value = op(a.value(0), b.value(0));
            Arc::new(arrow::array::PrimitiveArray::<T>::from_value(value, rows))
        }
        (true, false) => {
            let left = a.value(0);
            Arc::new(b.unary::<_, T>(|right| op(left, right)))
        }
        (false, true) => {
            let right = b.value(0);
            Arc::new(a.unary::<_, T>(|left| op(left, right)))
        }
        (false, false) => Arc::new(arity::binary::<_, _, _, T>(a, b, op).map_err(|e| e.to_string())?),
    })
}

pub(super) fn decimals(
    a: &Vector,
    b: &Vector,
    rows: usize,
    op: fn(&BigDecimal, &BigDecimal) -> Result<BigDecimal, String>,
) -> Result<Vector, String> {
    let (left, right) = (
        call::Input::<call::Dec>::new(std::slice::from_ref(a), 0)?,
        call::Input::<call::Dec>::new(std::slice::from_ref(b), 0)?,
    );
    let mut out = StringBuilder::new();
    for row in 0..rows {
        if left.is_null(row) || right.is_null(row) {
            out.append_null();
            continue;
        }
        let value =
            decimal::bounded(op(&left.get(row), &right.get(row))?).ok_or("the decimal result has too many digits")?;
        out.append_value(decimal::to_text(&value));
    }
    Ok(Vector::array(DataType::BigDecimal.sv(), Arc::new(out.finish())))
}

/// See [`crate::registry::folded_type`].
pub fn folded_type(function: &str, args: &[ColumnType]) -> Option<ColumnType> {
    let integral = |t: &ColumnType| !t.multi_value && matches!(t.data_type, DataType::Int | DataType::Long);
    let operator = matches!(function, "plus" | "add" | "minus" | "sub" | "times" | "mult");
    (operator && args.len() == 2 && args.iter().all(integral)).then_some(DataType::Long.sv())
}

/// The exact LONG result of a call for which [`folded_type`] gives a type.
pub(crate) fn evaluate_long(function: &str, args: &[Vector], rows: usize) -> Result<Vector, Error> {
    let op: fn(i64, i64) -> i64 = match function {
        "plus" | "add" => i64::wrapping_add,
        "minus" | "sub" => i64::wrapping_sub,
        _ => i64::wrapping_mul,
    };
    call::once_if_constant(function, true, args, rows, |rows| {
        let column = |at: usize| -> Result<Int64Array, String> {
            let vector = args.get(at).ok_or("an argument is missing")?;
            let column = convert::to_column(vector, DataType::Long.sv())?;
            column.as_primitive_opt::<Int64Type>().cloned().ok_or_else(|| "not an integer".to_owned())
        };
        let result =
            apply::<Int64Type>(&column(0)?, is_constant(&args[0]), &column(1)?, is_constant(&args[1]), rows, op)?;
        Ok(Vector::array(DataType::Long.sv(), result))
    })
}

/// `divide(a, b[, value if b is 0])`.
struct Divide;

impl ScalarFunction for Divide {
    fn name(&self) -> &'static str {
        "divide"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["div"]
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        match types.len() {
            2 | 3 => numeric_type("divide", &types),
            _ => Err(Error::no_signature("divide", &types)),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        let ty = numeric_type("divide", &types)?;
        call::once_if_constant("divide", true, args, rows, |rows| match args {
            [a, b] if ty.data_type == DataType::BigDecimal => {
                decimals(a, b, rows, |a, b| decimal::divide(a, b).ok_or_else(|| "Division by zero".to_owned()))
            }
            [a, b] => doubles(a, b, rows, |a, b| a / b),
            [a, b, default] => {
                let (a, b) =
                    (float_column(a).map(|c| (c, is_constant(a)))?, float_column(b).map(|c| (c, is_constant(b)))?);
                let d = (float_column(default)?, is_constant(default));
                let get = |column: &(Float64Array, bool), row: usize| {
                    let row = if column.1 { 0 } else { row };
                    column.0.is_valid(row).then(|| column.0.value(row))
                };
                let result: Float64Array = (0..rows)
                    .map(|row| match (get(&a, row), get(&b, row), get(&d, row)) {
                        (Some(_), Some(0.0), Some(default)) => Some(default),
                        (Some(a), Some(b), Some(_)) => Some(a / b),
                        _ => None,
                    })
                    .collect();
                let result: ArrayRef = Arc::new(result);
                convert::cast(&Vector::array(DataType::Double.sv(), result), ty)
            }
            _ => Err("two or three arguments are needed".to_owned()),
        })
    }
}

/// `least` and `greatest` of any number of values, in their widest type. A NULL counts only when all are.
struct Extreme {
    name: &'static str,
    keep: std::cmp::Ordering,
}

impl Extreme {
    fn result_type(&self, types: &[ColumnType]) -> Result<ColumnType, Error> {
        if types.is_empty() || types.iter().any(|t| t.multi_value) {
            return Err(Error::no_signature(self.name, types));
        }
        Ok(types.iter().fold(DataType::Unknown, |a, t| convert::common_type(a, t.data_type)).sv())
    }
}

impl ScalarFunction for Extreme {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        self.result_type(&args.iter().map(|a| a.ty).collect::<Vec<_>>())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        let ty = self.result_type(&types)?;
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let columns: Vec<_> = args
                .iter()
                .map(|a| convert::to_column(a, ty).map(|c| (c, usize::from(!is_constant(a)))))
                .collect::<Result<_, _>>()?;
            let mut best = Vec::with_capacity(rows);
            for row in 0..rows {
                let mut chosen = Value::Null;
                for (column, step) in &columns {
                    let value = arrays::value_at(column.as_ref(), ty, row * step);
                    if !value.is_null() && (chosen.is_null() || comparable::values(&value, &chosen) == Some(self.keep))
                    {
                        chosen = value;
                    }
                }
                best.push(chosen);
            }
            Ok(Vector::array(ty, arrays::from_values(ty, &best)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use model::DataType;

    use crate::testing::{check, check_errors};

    #[test]
    fn operators() {
        check(&[
            ("plus(1, 2)", "DOUBLE 3.0"),
            ("ADD(1, 2, 3.5)", "DOUBLE 6.5"),
            ("minus(1, 2)", "DOUBLE -1.0"),
            ("times(9007199254740993, 1)", "DOUBLE 9.007199254740992E15"),
            ("divide(1, 0)", "DOUBLE Infinity"),
            ("divide(0, 0)", "DOUBLE NaN"),
            ("divide(1, 0, 7)", "DOUBLE 7.0"),
            ("divide(1, 4, 7)", "DOUBLE 0.25"),
            ("mod(-7, 3)", "DOUBLE -1.0"),
            ("mod(7, 0)", "DOUBLE NaN"),
            ("plus(1.5m, 2)", "BIG_DECIMAL 3.5"),
            ("plus(1.0m, 2.0m)", "BIG_DECIMAL 3.0"),
            ("plus(1, '2')", "DOUBLE 3.0"),
            ("plus(1, null)", "DOUBLE null"),
            ("least(3, 1.5, 2)", "DOUBLE 1.5"),
            ("greatest(3, 5000000000)", "LONG 5000000000"),
            ("greatest('a', 'b')", "STRING b"),
            ("least(null, 2)", "INT 2"),
            ("intdiv(-7, 2)", "LONG -4"),
            ("intdivorzero(7, 0)", "LONG 0"),
            ("moduloorzero(7, 0)", "DOUBLE 0.0"),
            ("positivemodulo(-7, 3)", "DOUBLE 2.0"),
            ("gcd(12, -18)", "LONG 6"),
            ("lcm(4, 6)", "LONG 12"),
            ("lcm(0, 6)", "LONG 0"),
            ("hypot(3, 4)", "DOUBLE 5.0"),
            ("byteswapint(1)", "INT 16777216"),
        ]);
        check_errors(&[
            ("plus(1)", "Unsupported function: plus with arguments of type: [INT]"),
            ("plus(1, 'x')", "plus: For input string: \"x\""),
            ("minus([1, 2], 1)", "minus: every argument must be single-valued"),
            ("divide(1m, 0)", "divide: Division by zero"),
            ("intdiv(1)", "Unsupported function: intdiv with arguments of type: [INT]"),
        ]);
    }

    #[test]
    fn literals_fold_to_long() {
        let types = [DataType::Int.sv(), DataType::Long.sv()];
        assert_eq!(super::folded_type("plus", &types), Some(DataType::Long.sv()));
        assert_eq!(super::folded_type("divide", &types), None);
        assert_eq!(super::folded_type("plus", &[DataType::Int.sv(), DataType::Double.sv()]), None);
    }
}
