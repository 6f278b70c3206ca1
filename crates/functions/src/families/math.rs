//! Functions of one number: roots, logarithms, rounding, angles, classification.

use std::sync::Arc;

use arrow::{array::Array, datatypes::Float64Type};
use bigdecimal::{BigDecimal, RoundingMode};
use model::{ColumnType, DataType};

use super::{Family, arithmetic};
use crate::{
    call,
    call::{Double, Int, Long},
    decimal, function,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::Vector,
};

macro_rules! math {
    ($name:literal $(| $alias:literal)*, $double:expr, $decimal:expr) => {
        &Math { name: $name, aliases: &[$($alias),*], double: $double, decimal: $decimal }
    };
    ($name:literal $(| $alias:literal)*, $double:expr) => {
        math!($name $(| $alias)*, $double, |d| through_double(d, $double))
    };
}

pub static FUNCTIONS: Family = &[
    math!("abs", f64::abs, |d| Some(d.abs())),
    math!("ceil" | "ceiling", f64::ceil, |d| Some(d.with_scale_round(0, RoundingMode::Ceiling))),
    math!("floor", f64::floor, |d| Some(d.with_scale_round(0, RoundingMode::Floor))),
    math!("sign", signum, |d| through_double(d, signum)),
    math!("exp", f64::exp),
    math!("ln" | "log", f64::ln),
    math!("log2", f64::log2),
    math!("log10", f64::log10),
    math!("sqrt", f64::sqrt),
    math!("negate", |v| -v, |d| Some(-d)),
    &function!("power" | "pow"; (a: Double, b: Double) -> f64 => if b.is_nan() { f64::NAN } else { a.powf(b) }),
    &function!("rounddecimal";
        (a: Double) -> f64 => if a.is_finite() { (a + 0.5).floor() } else { a },
        (a: Double, scale: Int) -> f64 => rescale(a, scale, RoundingMode::HalfUp)),
    &function!("truncate";
        (a: Double) -> f64 => a.trunc(),
        (a: Double, scale: Int) -> f64 => rescale(a, scale, RoundingMode::Down)),
    &function!("isfinite"; (a: Double) -> i32 => i32::from(a.is_finite())),
    &function!("isinfinite"; (a: Double) -> i32 => i32::from(a.is_infinite())),
    &function!("isnan"; (a: Double) -> i32 => i32::from(a.is_nan())),
    &function!("ifnotfinite"; (a: Double, other: Double) -> f64 => if a.is_finite() { a } else { other }),
    &function!("sin"; (a: Double) -> f64 => a.sin()),
    &function!("cos"; (a: Double) -> f64 => a.cos()),
    &function!("tan"; (a: Double) -> f64 => a.tan()),
    &function!("cot"; (a: Double) -> f64 => 1.0 / a.tan()),
    &function!("asin"; (a: Double) -> f64 => a.asin()),
    &function!("acos"; (a: Double) -> f64 => a.acos()),
    &function!("atan"; (a: Double) -> f64 => a.atan()),
    &function!("atan2"; (a: Double, b: Double) -> f64 => a.atan2(b)),
    &function!("sinh"; (a: Double) -> f64 => a.sinh()),
    &function!("cosh"; (a: Double) -> f64 => a.cosh()),
    &function!("tanh"; (a: Double) -> f64 => a.tanh()),
    &function!("degrees"; (a: Double) -> f64 => a.to_degrees()),
    &function!("radians"; (a: Double) -> f64 => a.to_radians()),
    &function!(volatile "rand"; () -> f64 => rand::random::<f64>(), (seed: Long) -> f64 => seeded_random(seed)),
];

/// Keeps the sign of zero and NaN, as `Math.signum`.
fn signum(value: f64) -> f64 {
    if value == 0.0 || value.is_nan() { value } else { value.signum() }
}

fn through_double(value: &BigDecimal, op: fn(f64) -> f64) -> Option<BigDecimal> {
    decimal::from_f64(op(decimal::to_f64(value)))
}

/// Rounds the shortest decimal form of `value`, so that 2.675 at scale 2 is 2.68. NaN and infinities are kept.
fn rescale(value: f64, scale: i32, mode: RoundingMode) -> f64 {
    match decimal::from_f64(value) {
        // A double has no digits beyond these, and no whole part longer than that.
        Some(exact) if (-400..=400).contains(&scale) => {
            decimal::to_f64(&exact.with_scale_round(i64::from(scale), mode))
        }
        Some(_) if scale < 0 => 0.0,
        _ => value,
    }
}

/// The first double of Java's generator with this seed.
fn seeded_random(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed as u64 ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        state >> (48 - bits)
    };
    let high = next(26) << 27;
    let low = next(27);
    (high + low) as f64 / (1u64 << 53) as f64
}

/// DOUBLE → DOUBLE, keeping a BIG_DECIMAL one.
struct Math {
    name: &'static str,
    aliases: &'static [&'static str],
    double: fn(f64) -> f64,
    decimal: fn(&BigDecimal) -> Option<BigDecimal>,
}

impl ScalarFunction for Math {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        if types.len() != 1 {
            return Err(Error::no_signature(self.name, &types));
        }
        arithmetic::numeric_type(self.name, &types)
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let types: Vec<_> = args.iter().map(|a| a.ty).collect();
        let ty = arithmetic::numeric_type(self.name, &types)?;
        call::once_if_constant(self.name, true, args, rows, |rows| {
            if ty.data_type == DataType::BigDecimal {
                let input = call::Input::<call::Dec>::new(args, 0)?;
                let results: Result<arrow::array::StringArray, String> = (0..rows)
                    .map(|row| {
                        if input.is_null(row) {
                            return Ok(None);
                        }
                        let result = (self.decimal)(&input.get(row)).and_then(decimal::bounded);
                        result
                            .map(|d| Some(decimal::to_text(&d)))
                            .ok_or_else(|| "the result is not a finite decimal".to_owned())
                    })
                    .collect();
                return Ok(Vector::array(ty, Arc::new(results?)));
            }
            let column = arithmetic::float_column(args.first().ok_or("an argument is missing")?)?;
            let result: Arc<dyn Array> = Arc::new(column.unary::<_, Float64Type>(self.double));
            let repeated = if result.len() == rows { result } else { crate::arrays::repeat(&result, rows)? };
            Ok(Vector::array(ty, repeated))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn functions_of_one_number() {
        check(&[
            ("abs(-3)", "DOUBLE 3.0"),
            ("abs(-3.5m)", "BIG_DECIMAL 3.5"),
            ("abs(null)", "DOUBLE null"),
            ("ceil(1.2)", "DOUBLE 2.0"),
            ("CEILING(-1.2)", "DOUBLE -1.0"),
            ("floor(-1.2)", "DOUBLE -2.0"),
            ("floor(1.9m)", "BIG_DECIMAL 1"),
            ("ln(1)", "DOUBLE 0.0"),
            ("log(0)", "DOUBLE -Infinity"),
            ("log10(1000)", "DOUBLE 3.0"),
            ("log2(8)", "DOUBLE 3.0"),
            ("sqrt(-1)", "DOUBLE NaN"),
            ("exp(0)", "DOUBLE 1.0"),
            ("sign(-0.5)", "DOUBLE -1.0"),
            ("sign(0)", "DOUBLE 0.0"),
            ("power(2, 10)", "DOUBLE 1024.0"),
            ("rounddecimal(2.5)", "DOUBLE 3.0"),
            ("rounddecimal(-2.5)", "DOUBLE -2.0"),
            ("round_decimal(2.675, 2)", "DOUBLE 2.68"),
            ("rounddecimal(1234.5, -2)", "DOUBLE 1200.0"),
            ("rounddecimal(1, 2000000000)", "DOUBLE 1.0"),
            ("truncate(-2.9)", "DOUBLE -2.0"),
            ("truncate(2.679, 2)", "DOUBLE 2.67"),
            ("isnan(0.0)", "INT 0"),
            ("ifnotfinite(sqrt(-1), 4)", "DOUBLE 4.0"),
            ("acos(0)", "DOUBLE 1.5707963267948966"),
            ("degrees(0)", "DOUBLE 0.0"),
            ("rand(42)", "DOUBLE 0.7275636800328681"),
        ]);
    }
}
