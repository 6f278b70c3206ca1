//! Multi-values: length, aggregates, elements, sets.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array};
use model::{ColumnType, DataType, Value};

use super::Family;
use crate::{
    arrays, call,
    call::{Double, Doubles, Float, Floats, Int, Ints, Long, Longs, Opt, Str, Strs},
    comparable, convert, function,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

/// `generate…array` gives no more elements than this.
const MAX_GENERATED: usize = 1_000_000;

macro_rules! element_at {
    ($name:literal, $list:ty, $item:ty, $default:expr, $own:expr) => {
        &function!($name; (values: $list, at: Int) -> $item => {
            usize::try_from(i64::from(at) - 1).ok().and_then(|at| values.get(at)).map_or($default, $own)
        })
    };
}

macro_rules! ends {
    ($concat:literal, $back:literal, $front:literal, $list:ty, $item:ty, $out:ty, $own:expr) => {
        [
            &function!($concat; (a: $list, b: $list) -> Vec<$out> => a.iter().chain(b.iter()).map($own).collect()),
            &function!($back; (a: $list, v: $item) -> Vec<$out> => a.iter().chain(std::iter::once(&v)).map($own).collect()),
            &function!($front; (a: $list, v: $item) -> Vec<$out> => std::iter::once(&v).chain(a.iter()).map($own).collect()),
        ]
    };
}

pub static INTS: Family =
    &ends!("arrayconcatint", "arraypushbackint", "arraypushfrontint", Ints, Int, i32, |v: &i32| *v);
pub static LONGS: Family =
    &ends!("arrayconcatlong", "arraypushbacklong", "arraypushfrontlong", Longs, Long, i64, |v: &i64| *v);
pub static FLOATS: Family =
    &ends!("arrayconcatfloat", "arraypushbackfloat", "arraypushfrontfloat", Floats, Float, f32, |v: &f32| *v);
pub static DOUBLES: Family =
    &ends!("arrayconcatdouble", "arraypushbackdouble", "arraypushfrontdouble", Doubles, Double, f64, |v: &f64| *v);
pub static STRINGS: Family =
    &ends!("arrayconcatstring", "arraypushbackstring", "arraypushfrontstring", Strs, Str, String, |v: &&str| (*v)
        .to_owned());

macro_rules! sets {
    ($list:ty, $item:ty, $out:ty, $own:expr, $reverse:literal, $sort:literal, $index_of:literal, $contains:literal,
     $slice:literal, $distinct:literal, $remove:literal, $union:literal) => {
        [
            &function!($reverse; (a: $list) -> Vec<$out> => a.iter().rev().map($own).collect()),
            &function!($sort; (a: $list) -> Vec<$out> => {
                let mut sorted: Vec<$out> = a.iter().map($own).collect();
                sorted.sort_by(order);
                sorted
            }),
            &function!($index_of; (a: $list, v: $item) -> i32 => a.iter().position(|e| *e == v).map_or(-1, |at| at as i32)),
            &function!($contains; (a: $list, v: $item) -> bool => a.contains(&v)),
            &function!($slice; (a: $list, from: Int, to: Int) -> Vec<$out> => {
                let (from, to) = (from.max(0) as usize, (to.max(0) as usize).min(a.len()));
                if from < to { a[from..to].iter().map($own).collect() } else { Vec::new() }
            }),
            &function!($distinct; (a: $list) -> Vec<$out> => distinct(a.iter().map($own))),
            &function!($remove; (a: $list, v: $item) -> Vec<$out> => {
                let at = a.iter().position(|e| *e == v);
                a.iter().enumerate().filter(|(i, _)| Some(*i) != at).map(|(_, e)| $own(e)).collect()
            }),
            &function!($union; (a: $list, b: $list) -> Vec<$out> => distinct(a.iter().chain(b.iter()).map($own))),
        ]
    };
}

pub static INT_SETS: Family = &sets!(
    Ints,
    Int,
    i32,
    |v: &i32| *v,
    "arrayreverseint",
    "arraysortint",
    "arrayindexofint",
    "arraycontainsint",
    "arraysliceint",
    "arraydistinctint",
    "arrayremoveint",
    "arrayunionint"
);
pub static STRING_SETS: Family = &sets!(
    Strs,
    Str,
    String,
    |v: &&str| (*v).to_owned(),
    "arrayreversestring",
    "arraysortstring",
    "arrayindexofstring",
    "arraycontainsstring",
    "arrayslicestring",
    "arraydistinctstring",
    "arrayremovestring",
    "arrayunionstring"
);

trait Ordered {
    fn compare(&self, other: &Self) -> std::cmp::Ordering;
}
impl Ordered for i32 {
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        self.cmp(other)
    }
}
impl Ordered for String {
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        comparable::text(self, other)
    }
}
fn order<T: Ordered>(a: &T, b: &T) -> std::cmp::Ordering {
    a.compare(b)
}

fn distinct<T: Clone + std::hash::Hash + Eq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

macro_rules! indexes_of {
    ($name:literal, $list:ty, $item:ty) => {
        &function!($name; (a: $list, v: $item) -> Vec<i32> => {
            a.iter().enumerate().filter(|(_, e)| **e == v).map(|(at, _)| at as i32).collect()
        })
    };
}

macro_rules! generate {
    ($name:literal, $kind:ty, $native:ty) => {
        &function!($name; (from: $kind, to: $kind, step: $kind) -> Result<Vec<$native>, String> => {
            generate(from as f64, to as f64, step as f64, |at| from + at as $native * step)
        })
    };
}

fn generate<T>(from: f64, to: f64, step: f64, value: impl Fn(usize) -> T) -> Result<Vec<T>, String> {
    let count = ((to - from) / step).floor() + 1.0;
    if count.is_nan() || count > MAX_GENERATED as f64 {
        return Err(format!("more than {MAX_GENERATED} elements from {from} to {to} by {step}"));
    }
    Ok((0..count.max(0.0) as usize).map(value).collect())
}

pub static FUNCTIONS: Family = &[
    &Length,
    &Total { name: "arraysum", average: false },
    &Total { name: "arrayaverage", average: true },
    &Extreme { name: "arraymin", keep: std::cmp::Ordering::Less },
    &Extreme { name: "arraymax", keep: std::cmp::Ordering::Greater },
    &ValueIn,
    &Construct,
    &Overlap,
    &function!("arraysumint"; (a: Ints) -> i32 => a.iter().fold(0i32, |sum, v| sum.wrapping_add(*v))),
    &function!("arraysumlong"; (a: Longs) -> i64 => a.iter().fold(0i64, |sum, v| sum.wrapping_add(*v))),
    element_at!("arrayelementatint", Ints, i32, 0, |v| *v),
    element_at!("arrayelementatlong", Longs, i64, 0, |v| *v),
    element_at!("arrayelementatfloat", Floats, f32, 0.0, |v| *v),
    element_at!("arrayelementatdouble", Doubles, f64, 0.0, |v| *v),
    element_at!("arrayelementatstring", Strs, String, String::new(), |v| (*v).to_owned()),
    indexes_of!("arrayindexesofint", Ints, Int),
    indexes_of!("arrayindexesoflong", Longs, Long),
    indexes_of!("arrayindexesoffloat", Floats, Float),
    indexes_of!("arrayindexesofdouble", Doubles, Double),
    indexes_of!("arrayindexesofstring", Strs, Str),
    &function!("intersectindices"; (a: Ints, b: Ints) -> Vec<i32> => a.iter().filter(|v| b.contains(v)).copied().collect()),
    generate!("generateintarray", Int, i32),
    generate!("generatelongarray", Long, i64),
    generate!("generatefloatarray", Float, f32),
    generate!("generatedoublearray", Double, f64),
    &function!("arraytostring";
    (a: Strs, delimiter: Str) -> String => a.join(delimiter),
    (a: Strs, delimiter: Str, null: Opt<Str>) -> String => {
        let _ = null;
        a.join(delimiter)
    }),
    &function!("cosinedistance";
        (a: Floats, b: Floats) -> Result<f64, String> => cosine(a, b, f64::NAN),
        (a: Floats, b: Floats, default: Double) -> Result<f64, String> => cosine(a, b, default)),
    &function!("innerproduct"; (a: Floats, b: Floats) -> Result<f64, String> => pairwise(a, b, |x, y| x * y)),
    &function!("dotproduct"; (a: Floats, b: Floats) -> Result<f64, String> => pairwise(a, b, |x, y| x * y)),
    &function!("l1distance"; (a: Floats, b: Floats) -> Result<f64, String> => pairwise(a, b, |x, y| (x - y).abs())),
    &function!("l2distance"; (a: Floats, b: Floats) -> Result<f64, String> => Ok(pairwise(a, b, |x, y| (x - y) * (x - y))?.sqrt())),
    &function!("euclideandistance"; (a: Floats, b: Floats) -> Result<f64, String> => pairwise(a, b, |x, y| (x - y) * (x - y))),
    &function!("vectordims"; (a: Floats) -> i32 => a.len() as i32),
    &function!("vectornorm"; (a: Floats) -> f64 => a.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt()),
];

fn pairwise(a: &[f32], b: &[f32], f: impl Fn(f64, f64) -> f64) -> Result<f64, String> {
    if a.len() != b.len() {
        return Err(format!("vectors of {} and {} dimensions cannot be compared", a.len(), b.len()));
    }
    Ok(a.iter().zip(b).map(|(x, y)| f(f64::from(*x), f64::from(*y))).sum())
}

fn cosine(a: &[f32], b: &[f32], default: f64) -> Result<f64, String> {
    let product = pairwise(a, b, |x, y| x * y)?;
    let norms = (pairwise(a, a, |x, y| x * y)? * pairwise(b, b, |x, y| x * y)?).sqrt();
    Ok(if norms == 0.0 { default } else { 1.0 - product / norms })
}

fn types(args: &[Argument<'_>]) -> Vec<ColumnType> {
    args.iter().map(|a| a.ty).collect()
}

/// The one multi-value argument of a call.
fn one_list<'a>(name: &str, args: &'a [Argument<'_>]) -> Result<&'a Argument<'a>, Error> {
    match args {
        [arg] if arg.ty.multi_value || arg.ty.data_type == DataType::Unknown => Ok(arg),
        _ => Err(Error::no_signature(name, &types(args))),
    }
}

/// `arraylength(mv)`.
struct Length;

impl ScalarFunction for Length {
    fn name(&self) -> &'static str {
        "arraylength"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["cardinality"]
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        one_list("arraylength", args).map(|_| DataType::Int.sv())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("arraylength", true, args, rows, |rows| {
            let array = arrays::expand(args.first().ok_or("an argument is missing")?, rows)?;
            let lengths: Int32Array = match array.as_list_opt::<i32>() {
                Some(list) => (0..rows).map(|row| list.is_valid(row).then(|| list.value_length(row))).collect(),
                None => Int32Array::new_null(rows),
            };
            Ok(Vector::array(DataType::Int.sv(), Arc::new(lengths)))
        })
    }
}

/// `arraysum` and `arrayaverage`, in doubles.
struct Total {
    name: &'static str,
    average: bool,
}

impl ScalarFunction for Total {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        one_list(self.name, args).map(|_| DataType::Double.sv())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let input = call::Input::<Doubles>::new(args, 0)?;
            let totals: arrow::array::Float64Array = (0..rows)
                .map(|row| {
                    (!input.is_null(row)).then(|| {
                        let values = input.get(row);
                        let sum: f64 = values.iter().sum();
                        if self.average { sum / values.len() as f64 } else { sum }
                    })
                })
                .collect();
            Ok(Vector::array(DataType::Double.sv(), Arc::new(totals)))
        })
    }
}

/// `arraymin` and `arraymax`, of the element type; NULL of no elements.
struct Extreme {
    name: &'static str,
    keep: std::cmp::Ordering,
}

impl ScalarFunction for Extreme {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        one_list(self.name, args).map(|arg| arg.ty.data_type.sv())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(self.name, true, args, rows, |rows| {
            let arg = args.first().ok_or("an argument is missing")?;
            let (array, ty) = (arrays::expand(arg, rows)?, arg.ty.data_type.sv());
            let best = |row| {
                let Value::Array(_, items) = arrays::value_at(array.as_ref(), arg.ty, row) else { return Value::Null };
                let better = |a: Value, b: Value| if comparable::values(&b, &a) == Some(self.keep) { b } else { a };
                items.into_iter().reduce(better).unwrap_or(Value::Null)
            };
            let values: Vec<Value> = (0..rows).map(best).collect();
            Ok(Vector::array(ty, arrays::from_values(ty, &values)?))
        })
    }
}

/// `valuein(mv, a, b, …)`: the elements that are listed.
struct ValueIn;

impl ScalarFunction for ValueIn {
    fn name(&self) -> &'static str {
        "valuein"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [list, rest @ ..] if list.ty.multi_value && !rest.is_empty() => Ok(list.ty),
            _ => Err(Error::no_signature("valuein", &types(args))),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("valuein", true, args, rows, |rows| {
            let (list, listed) = args.split_first().ok_or("an argument is missing")?;
            let mut wanted = Vec::with_capacity(listed.len());
            for value in listed {
                let Data::Constant(value) = &value.data else { return Err("the values must be literals".to_owned()) };
                wanted.push(convert::value(value, list.ty.data_type.sv())?);
            }
            let array = arrays::expand(list, rows)?;
            let values: Vec<Value> = (0..rows)
                .map(|row| match arrays::value_at(array.as_ref(), list.ty, row) {
                    Value::Array(ty, items) => {
                        let kept = |item: &Value| {
                            wanted.iter().any(|w| comparable::values(w, item) == Some(std::cmp::Ordering::Equal))
                        };
                        Value::Array(ty, items.into_iter().filter(kept).collect())
                    }
                    other => other,
                })
                .collect();
            Ok(Vector::array(list.ty, arrays::from_values(list.ty, &values)?))
        })
    }
}

/// `array(a, b, …)`: a multi-value of the arguments' common type.
struct Construct;

impl Construct {
    fn result_type(types: &[ColumnType]) -> Result<ColumnType, Error> {
        if types.iter().any(|t| t.multi_value) {
            return Err(Error::no_signature("array", types));
        }
        let element = types.iter().fold(DataType::Unknown, |a, t| convert::common_type(a, t.data_type));
        Ok(if element == DataType::Unknown { DataType::String } else { element }.mv())
    }
}

impl ScalarFunction for Construct {
    fn name(&self) -> &'static str {
        "array"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["arrayvalueconstructor"]
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        Self::result_type(&types(args))
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        let ty = Self::result_type(&args.iter().map(|a| a.ty).collect::<Vec<_>>())?;
        call::once_if_constant("array", true, args, rows, |rows| {
            let columns = args.iter().map(|a| arrays::expand(a, rows)).collect::<Result<Vec<_>, _>>()?;
            let row_value = |row| {
                let items = columns.iter().zip(args).map(|(column, arg)| {
                    convert::value(&arrays::value_at(column.as_ref(), arg.ty, row), ty.data_type.sv())
                });
                items.collect::<Result<Vec<_>, _>>().map(|items| Value::Array(ty.data_type, items))
            };
            let values = (0..rows).map(row_value).collect::<Result<Vec<_>, _>>()?;
            Ok(Vector::array(ty, arrays::from_values(ty, &values)?))
        })
    }
}

/// `arraysoverlap(a, b)`: whether some element is in both.
struct Overlap;

impl ScalarFunction for Overlap {
    fn name(&self) -> &'static str {
        "arraysoverlap"
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        match args {
            [a, b] if a.ty.multi_value && b.ty.multi_value => Ok(DataType::Boolean.sv()),
            _ => Err(Error::no_signature("arraysoverlap", &types(args))),
        }
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant("arraysoverlap", true, args, rows, |rows| {
            let [a, b] = args else { return Err("two arguments are needed".to_owned()) };
            let (x, y) = (arrays::expand(a, rows)?, arrays::expand(b, rows)?);
            let overlaps: arrow::array::BooleanArray = (0..rows)
                .map(|row| match (arrays::value_at(x.as_ref(), a.ty, row), arrays::value_at(y.as_ref(), b.ty, row)) {
                    (Value::Array(_, x), Value::Array(_, y)) => {
                        let same = |a: &Value, b: &Value| comparable::values(a, b) == Some(std::cmp::Ordering::Equal);
                        Some(x.iter().any(|a| y.iter().any(|b| same(a, b))))
                    }
                    _ => None,
                })
                .collect();
            Ok(Vector::array(DataType::Boolean.sv(), Arc::new(overlaps)))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn arrays() {
        check(&[
            ("arraylength([1, 2, 3])", "INT 3"),
            ("cardinality([])", "INT 0"),
            ("arraymin([3, 1, 2])", "INT 1"),
            ("arraymax(['a', 'c', 'b'])", "STRING c"),
            ("arraymax([1.5, 5000000000])", "DOUBLE 5.0E9"),
            ("arraysum([1, 2, 3])", "DOUBLE 6.0"),
            ("arrayaverage([1, 2, 3, 4])", "DOUBLE 2.5"),
            ("arraysumint([1, 2])", "INT 3"),
            ("arraydistinctint([4, 4, 1])", "INT_ARRAY [4,1]"),
            ("arraysortint([3, 1, 2])", "INT_ARRAY [1,2,3]"),
            ("arraysortstring(['b', 'a'])", "STRING_ARRAY [a,b]"),
            ("arrayreverseint([1, 2])", "INT_ARRAY [2,1]"),
            ("arrayindexofint([5, 6], 6)", "INT 1"),
            ("arrayindexofstring(['a'], 'x')", "INT -1"),
            ("arraycontainsint([5, 6], 6)", "BOOLEAN true"),
            ("arraysliceint([1, 2, 3, 4], 1, 3)", "INT_ARRAY [2,3]"),
            ("arraysliceint([1], -5, 2147483647)", "INT_ARRAY [1]"),
            ("arrayremoveint([1, 2, 1], 1)", "INT_ARRAY [2,1]"),
            ("arrayunionstring(['a', 'b'], ['b', 'c'])", "STRING_ARRAY [a,b,c]"),
            ("arrayconcatdouble([1], [2.5])", "DOUBLE_ARRAY [1.0,2.5]"),
            ("arraypushbackint([1], 2)", "INT_ARRAY [1,2]"),
            ("arraypushfrontstring(['b'], 'a')", "STRING_ARRAY [a,b]"),
            ("arrayelementatint([7, 8], 2)", "INT 8"),
            ("arrayelementatint([7, 8], 0)", "INT 0"),
            ("arrayelementatstring(split('a,b', ','), 9)", "STRING "),
            ("arrayindexesofint([1, 2, 1], 1)", "INT_ARRAY [0,2]"),
            ("valuein(['a', 'b', 'd'], 'a', 'd')", "STRING_ARRAY [a,d]"),
            ("valuein([1, 2], 3)", "INT_ARRAY []"),
            ("array(1, 2.5)", "DOUBLE_ARRAY [1.0,2.5]"),
            ("arrayvalueconstructor('a', 'b')", "STRING_ARRAY [a,b]"),
            ("generateintarray(1, 5, 2)", "INT_ARRAY [1,3,5]"),
            ("generatelongarray(5, 1, -2)", "LONG_ARRAY [5,3,1]"),
            ("arraytostring(['a', 'b'], '-')", "STRING a-b"),
            ("arraysoverlap([1, 2], [2])", "BOOLEAN true"),
            ("cosinedistance([1, 0], [0, 1])", "DOUBLE 1.0"),
            ("l2distance([0, 0], [3, 4])", "DOUBLE 5.0"),
            ("euclideandistance([0, 0], [3, 4])", "DOUBLE 25.0"),
            ("vectordims([1, 2])", "INT 2"),
        ]);
        check_errors(&[
            ("arraylength(1)", "Unsupported function: arraylength with arguments of type: [INT]"),
            ("generateintarray(1, 2, 0)", "generateintarray: more than 1000000 elements from 1 to 2 by 0"),
            ("dotproduct([1], [1, 2])", "dotproduct: vectors of 1 and 2 dimensions cannot be compared"),
        ]);
    }
}
